"""The documents are kept true: each file that they name exists, each setting that is read is described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "platform" / "README.md"]
# A name in backticks with a folder in front: `challenges/lease.py`, `scoring/graders/`.
NAMED = re.compile(r"`((?:challenges|scoring|platform|templates|tests|docs|locks|packs|bench)/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    missing = [name for name in NAMED.findall(document.read_text()) if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(document: Path) -> None:
    broken = [link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert broken == []


def test_the_path_of_a_submission_names_enough_files_to_be_walked() -> None:
    assert len(set(NAMED.findall((ROOT / "docs" / "architecture.md").read_text()))) >= 25


def test_every_setting_is_described() -> None:
    settings = (ROOT / "platform" / "desafio" / "settings.py").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', settings))
    described = set(
        re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    )
    assert read
    assert read - described == set()
