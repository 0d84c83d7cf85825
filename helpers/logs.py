"""What Cloud Run has logged of a service: what its instances printed, and what happened to them."""

from __future__ import annotations

from typing import NamedTuple

from google.auth.transport.requests import AuthorizedSession

from helpers import auth

ADDRESS = "https://logging.googleapis.com/v2/entries:list"
MOST = 100
"""Entries in one answer."""


class Line(NamedTuple):
    """One line: which log it stands in, and its text."""

    log: str
    text: str


def of_revision(project: str, revision: str) -> list[Line]:
    """Return the lines of text in the log of a revision, the oldest first.

    Args:
        project: the project's id.
        revision: the short name of the revision.

    Raises:
        requests.exceptions.HTTPError: Google refused.
    """
    wanted = f'resource.type="cloud_run_revision" AND resource.labels.revision_name="{revision}"'
    query = {"resourceNames": [f"projects/{project}"], "filter": wanted, "pageSize": MOST}
    answer = AuthorizedSession(auth.credentials()).post(ADDRESS, json=query)
    answer.raise_for_status()
    return [
        Line(entry["logName"].rpartition("%2F")[2], entry["textPayload"])
        for entry in answer.json().get("entries", [])
        if "textPayload" in entry
    ]
