"""What time it is in the cloud, whatever the clock of this machine says."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

ASKED = "https://run.googleapis.com/"
SECONDS = 30


def now() -> datetime:
    """Return the time of Google's servers, to the second: the ``Date`` of an answer of theirs.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-date (2022).

    Raises:
        requests.exceptions.RequestException: Google can't be reached.
    """
    answer = requests.head(ASKED, timeout=SECONDS)
    return parsedate_to_datetime(answer.headers["Date"]).astimezone(UTC)
