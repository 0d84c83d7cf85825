"""A lesson that was entered in this process's cloud, and the outcomes of its checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from helpers import exercises, lab
from tests.conftest import REGION, LocalCloud

Enter = Callable[..., None]


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
