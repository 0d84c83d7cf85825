"""``gcloud auth``: who is active, and the tokens of that account."""

from __future__ import annotations

from tests.clients.gcloud.conftest import Gcloud


def test_an_account_is_active_from_the_start(gcloud: Gcloud) -> None:
    """Nobody can log in with a browser here, and nobody has to."""
    (account,) = gcloud.json("auth", "list")
    assert account == {"account": "learner@example.com", "status": "ACTIVE"}
