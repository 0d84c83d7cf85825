"""Who you are, and the tokens that say so."""

from __future__ import annotations

from helpers import auth
from tests.conftest import LocalCloud


def test_the_account_shown_is_the_one_that_the_tokens_name(cloud: LocalCloud) -> None:
    me = auth.who_am_i()
    assert me["credentials"] == "impersonated credentials"
    claims = auth.claims(auth.id_token("https://example.com"))
    assert claims["email"] == me["account"]
    assert claims["aud"] == "https://example.com"
    assert auth.access_token()
