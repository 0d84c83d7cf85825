"""Filters of lists, as gcloud and people write them."""

from __future__ import annotations

import pytest

from helpers.localcloud.api import build_filters
from helpers.localcloud.errors import GoogleError

BUILD = {
    "id": "one",
    "status": "SUCCESS",
    "tags": ["red", "round"],
    "createTime": "2026-11-25T03:44:12.223768079Z",
    "results": {"images": [{"name": "gcr.io/p/a"}, {"name": "gcr.io/p/b"}]},
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('status="SUCCESS"', True),
        ("status=FAILURE", False),
        ('status!="FAILURE"', True),
        ('status="WORKING" OR status="SUCCESS"', True),
        ('tags="red" AND status="WORKING" OR status="SUCCESS"', True),
        ('status="SUCCESS" OR status="WORKING" AND tags="blue"', False),
        ('tags="red" tags="round"', True),
        ('NOT tags="red"', False),
        ('NOT (tags="blue" OR status="FAILURE")', True),
        ('tags!="red"', False),
        ('results.images.name="gcr.io/p/b"', True),
        ('create_time>"2026-11-25T03:44:12.000+00:00"', True),
        ('create_time<"2026-11-25T04:44:12+01:00"', False),
        ('finish_time>"2026-11-25T03:44:12.000+00:00"', False),
    ],
)
def test_builds_are_found(text: str, fits: bool) -> None:
    """A list that leaves out the build somebody looks for is worse than no list."""
    assert build_filters.parse(text)(BUILD) is fits


@pytest.mark.parametrize(
    "text",
    [
        "status",
        "status=",
        "nonsense=1",
        'status<"A"',
        'create_time>"noon"',
        "(status=A",
        "status=A)",
    ],
)
def test_what_is_not_understood_is_refused(text: str) -> None:
    """Never a list of something else than was asked for."""
    with pytest.raises(GoogleError, match="does not serve the build filter"):
        build_filters.parse(text)
