"""One base image for all tests of a process."""

from __future__ import annotations

import os

import pytest

from tests.engine.bench import Bench

# For an ordinary user every other test of this folder runs unprivileged anyway.
collect_ignore = [] if os.geteuid() == 0 else ["test_unprivileged.py"]


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("home"))
