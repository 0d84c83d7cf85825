"""A lesson that was entered in this process's cloud, and the outcomes of its checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers import build, exercises, lab, registry
from tests.conftest import REGION, LocalCloud

Enter = Callable[..., None]


@contextmanager
def lesson_with(app: Path, image: str, services: Sequence[str]) -> Iterator[None]:
    """Enters the local cloud as a lesson that makes services, with the image of its app."""
    lab.enter("local", "hands-on", REGION, makes={"service": services})
    repository = image.split("/")[2]
    location = f"projects/hands-on/locations/{REGION}"
    registry.make_repository(f"{location}/repositories/{repository}", labels=lab.labels())
    build.submit(app, image, labels=lab.labels())
    yield
    lab.clean_up()


@pytest.fixture(scope="module", autouse=True)
def own_progress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps what the tests pass apart from what the reader of this machine has passed."""
    with pytest.MonkeyPatch.context() as patch:
        progress = tmp_path_factory.mktemp("progress") / "progress.json"
        patch.setenv(exercises.PROGRESS, str(progress))
        yield


@pytest.fixture
def enter(cloud: LocalCloud, project: str) -> Iterator[Enter]:
    """Enters the local cloud in a new project, saying what a lesson makes; cleans up at the end.

    The process is in no project of it afterwards.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOOGLE_CLOUD_PROJECT", project)
        yield lambda region=REGION, **makes: lab.enter("local", project, region, makes=makes)
        lab.clean_up()
