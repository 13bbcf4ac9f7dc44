"""`./alia` making its environment, each time in a copy of the checkout: an environment is never shared."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALIA = ROOT / "alia"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a checkout as `./alia` itself looks at."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    shutil.copy2(ALIA, copy)
    shutil.copytree(ROOT / "locks", copy / "locks")
    (copy / "bench").mkdir()
    return copy


def run(checkout: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(checkout / "alia"), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_an_unknown_verb_gets_a_sentence_with_the_verbs(checkout: Path) -> None:
    ended = run(checkout, "nada")
    assert ended.returncode == 2
    assert "no conozco «nada»" in ended.stderr
    assert "demo, test, submit" in ended.stderr
    assert not (checkout / ".venv").exists()


def test_help_lists_every_verb_and_makes_nothing(checkout: Path) -> None:
    ended = run(checkout, "help")
    assert ended.returncode == 0
    assert "--once" in ended.stdout
    assert "\n  storm   envíos a montones" in ended.stdout
    assert not (checkout / ".venv").exists()


def test_an_old_python_gets_as_far_as_the_sentence_and_touches_nothing(checkout: Path) -> None:
    source = ALIA.read_text()
    ast.parse(source, feature_version=(3, 6))
    (checkout / ".venv").mkdir()
    pretend = "import sys; sys.version_info = (3, 8, 18, 'final', 0); sys.argv = ['alia', 'demo']"
    ended = subprocess.run(
        [sys.executable, "-c", f"{pretend}; exec(compile(open('alia').read(), 'alia', 'exec'), {{}})"],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("alia: hace falta Python 3.11 o posterior, y este es el 3.8.")
    assert list((checkout / ".venv").iterdir()) == []


def test_an_environment_that_it_did_not_make_is_never_deleted(checkout: Path) -> None:
    foreign = checkout / ".venv" / "mine.txt"
    foreign.parent.mkdir()
    foreign.write_text("work of hours")
    ended = run(checkout, "demo")
    assert ended.returncode == 1
    assert "No lo borro" in ended.stderr
    assert foreign.read_text() == "work of hours"


def test_without_a_connection_it_says_what_to_do(checkout: Path) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    ended = run(
        checkout,
        "bench",
        PIP_CONFIG_FILE=os.devnull,
        PIP_FIND_LINKS="",
        PIP_INDEX_URL=nowhere,
        PIP_RETRIES="0",
        UV_DEFAULT_INDEX=nowhere,
        UV_OFFLINE="1",
    )
    assert ended.returncode == 1
    assert "Comprueba la conexión" in ended.stderr
    assert not (checkout / ".venv" / "alia-stamp.json").exists()


@pytest.mark.parts
def test_an_environment_heals_after_a_cut_and_after_a_move(checkout: Path) -> None:
    first = run(checkout, "bench")
    assert "Entorno listo" in first.stderr, first.stderr
    assert "Instalo" not in run(checkout, "bench").stderr

    stamp = checkout / ".venv" / "alia-stamp.json"
    assert set(json.loads(stamp.read_text())) == {"runtime", "dev"}
    stamp.unlink()
    (django,) = (checkout / ".venv" / "lib").glob("python3.*/site-packages/django/__init__.py")
    django.unlink()
    assert "Entorno listo" in run(checkout, "bench").stderr
    assert django.exists()

    moved = checkout.rename(checkout.with_name("moved"))
    assert "Entorno listo" in run(moved, "bench").stderr
    assert (moved / ".venv" / "bin" / "celery").read_text().startswith(f"#!{moved}")
