"""A home with a builder in it, made once, and a new context for each test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builder.bench import Bench, Serving, Shelf


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    shelf = Shelf.make(tmp_path_factory.mktemp("home"))
    yield shelf
    asyncio.run(shelf.engine.close())


@pytest.fixture
def bench(shelf: Shelf, tmp_path: Path) -> Bench:
    context = tmp_path / "context"
    context.mkdir()
    return Bench(shelf, context)


@pytest.fixture
def serving(shelf: Shelf) -> Serving:
    return Serving(shelf)
