"""A client of an API is kept for as long as it speaks for the same account."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.cloud import run_v2

from helpers.auth import ADC
from helpers.clients import client
from tests.conftest import LocalCloud


def test_a_client_is_kept_until_the_credentials_are_others(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It would go on speaking for who you were before."""
    first = client(run_v2.ServicesClient)
    assert client(run_v2.ServicesClient) is first
    others = tmp_path / "others.json"
    others.write_bytes(cloud.home.credentials.read_bytes())
    monkeypatch.setenv(ADC, str(others))
    assert client(run_v2.ServicesClient) is not first
