"""The lessons in reading order, in one cloud, as a reader does them."""

from __future__ import annotations

import pytest

from helpers.course.surroundings import fresh_cloud
from tests.notebooks.executing import LESSONS, left_in_the_cloud, nbval, solved

pytestmark = pytest.mark.timeout(1800)


def test_all_lessons_in_order_in_one_cloud_show_what_is_committed_and_leave_nothing() -> None:
    with fresh_cloud(), solved(LESSONS) as notebooks:
        done = nbval(*notebooks)
        assert done.returncode == 0, done.stdout
        assert left_in_the_cloud(LESSONS) == ""
