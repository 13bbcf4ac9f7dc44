"""What every test shares: the environment, the test databases and the real servers.

Settings are read once, from the environment that ``tests/environment.py`` prepares here, before Django is set
up. By default the rows lie in a SQLite file (not in memory: claims about concurrency need real connections);
``TEST_DATABASE=postgres`` puts them into a real PostgreSQL server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import environment

FOLDER = environment.prepare()
os.environ["DJANGO_SETTINGS_MODULE"] = "desafio.settings"

import hypothesis  # noqa: E402  # only now is the environment ready
from django.conf import settings  # noqa: E402  # only now is the environment ready

from tests.servers import SmallModel, Valkey  # noqa: E402

if settings.DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    settings.DATABASES["default"]["TEST"] = {"NAME": str(FOLDER / "test.sqlite3")}
# No test asserts a time: on a busy machine hypothesis would.
hypothesis.settings.register_profile("desafio", deadline=None)
hypothesis.settings.load_profile("desafio")
settings.PASSWORD_HASHERS = ["tests.hashing.QuickArgon2"]
# The manifest exists only after collectstatic; names without a hash serve tests as well.
settings.STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart() -> None:
    # The workers of xdist inherit this process's variables, and must read settings for folders of their own.
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A running Valkey where ``settings.REDIS_URL`` points. A test that stops it starts it again."""
    server = Valkey(FOLDER / "run" / "valkey.sock", FOLDER / "valkey")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def small_model_server() -> Iterator[SmallModel]:
    """The small model as a server that a test may kill and start again."""
    server = SmallModel(FOLDER / "model")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def small_model(small_model_server: SmallModel) -> str:
    """The address of a real small model that answers."""
    small_model_server.start()
    return small_model_server.url
