"""These tests start what they need from outside, as a user's shell does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.course.surroundings import environment, own_jupyter, scratch_folder
from tests.plain import plain_environment


@pytest.fixture(autouse=True)
def outside_any_cloud() -> Iterator[None]:
    with (
        plain_environment(),
        scratch_folder("lessons-") as folder,
        environment(own_jupyter(folder)),
    ):
        yield
