"""One base image for all tests of a process."""

from __future__ import annotations

import pytest

from tests.engine.bench import Bench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("home"))
