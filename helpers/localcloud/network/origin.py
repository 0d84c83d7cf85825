"""Where a connection to Google's front end comes from, as networks see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A VPC network of a project, or the internet where both are empty.

    ``address`` is what the front end takes for the client's, empty for the connection's own.
    """

    project: str = ""
    network: str = ""
    address: str = ""


INTERNET = Origin()
