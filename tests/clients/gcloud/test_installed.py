"""Where gcloud is missing, this one test says that none of its commands was tried."""

from __future__ import annotations

import shutil

import pytest


def test_gcloud_is_installed() -> None:
    """A green run without it would prove nothing about the commands of every team's runbook."""
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed: NONE of its commands was tried here")
