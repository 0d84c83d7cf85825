"""Where a connection to Google's front end comes from, as networks see it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A VPC network of a project, or the internet where both are empty.

    ``address`` is what the front end takes for the client's, empty for the connection's own;
    ``trip`` the simulated round trip in seconds, None where no distance is simulated.
    """

    project: str = ""
    network: str = ""
    address: str = ""
    trip: float | None = None


INTERNET = Origin()
