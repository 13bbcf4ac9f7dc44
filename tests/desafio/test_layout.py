"""The house stands as planned: `platform/` hides nothing, tests are no packages, the locks agree."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_import_platform_gives_the_standard_library() -> None:
    assert platform.__file__ is not None
    assert Path(platform.__file__).parent == Path(sysconfig.get_path("stdlib"))


def test_import_platform_gives_the_standard_library_from_the_root_of_the_checkout() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "import platform; print(platform.system())"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == platform.system()


def test_platform_directory_is_a_source_root_and_not_a_package() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert not (ROOT / "platform.py").exists()


def test_tests_are_no_packages() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []
    assert not (ROOT / "tests" / "platform").exists()


def test_the_development_lock_pins_what_the_runtime_lock_pins() -> None:
    runtime, development = (_pins(ROOT / "locks" / name) for name in ("runtime.txt", "dev.txt"))
    assert runtime
    assert {name: development.get(name) for name in runtime} == runtime


def test_every_pin_of_every_lock_has_a_hash() -> None:
    for lock in (ROOT / "locks").glob("*.txt"):
        for requirement in re.split(r"\n(?=\S)", lock.read_text().strip()):
            assert "==" in requirement, (lock.name, requirement)
            assert "--hash=sha256:" in requirement, (lock.name, requirement)


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([^ ;\\\n]+)", lock.read_text(), re.MULTILINE))
