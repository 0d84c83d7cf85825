"""A lesson that was entered in this process's cloud, and the outcomes of its checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from helpers import exercises, lab
from tests.conftest import REGION, LocalCloud

Enter = Callable[..., None]


@pytest.fixture
def enter(
    cloud: LocalCloud, project: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Enter]:
    """Enters the local cloud in a new project, saying what a lesson makes; cleans up at the end.

    Progress is kept for the test alone, and the process is in no project of it afterwards.
    """
    with pytest.MonkeyPatch.context() as patch:
        progress = tmp_path_factory.mktemp("progress") / "progress.json"
        patch.setenv(exercises.PROGRESS, str(progress))
        patch.setenv("GOOGLE_CLOUD_PROJECT", project)
        yield lambda region=REGION, **makes: lab.enter("local", project, region, makes=makes)
        lab.clean_up()
