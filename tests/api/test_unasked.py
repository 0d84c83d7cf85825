"""Calls that clients make by themselves must not disturb anybody."""

from __future__ import annotations

import pytest
import requests

from helpers.localcloud.api.unasked import ANSWERS
from tests.conftest import LocalCloud, access_token


@pytest.mark.parametrize("method", ANSWERS)
def test_every_answer_has_a_body(cloud: LocalCloud, method: str) -> None:
    """google-auth warns on stderr about a 200 with an empty body."""
    verb, path = method.split()
    path = path.format(project="-", account="notebook@hands-on.iam.gserviceaccount.com")
    answer = requests.request(
        verb,
        f"https://iamcredentials.googleapis.com{path}",
        headers={"Authorization": f"Bearer {access_token()}"},
        timeout=30,
    )
    assert answer.status_code == 200
    assert answer.json() == ANSWERS[method] != {}
