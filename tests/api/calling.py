"""Calls of Google's JSON APIs by hand, as the caller of the application default credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import requests

from tests.conftest import access_token


@dataclass
class Caller:
    """Calls one API. The token and the connection are kept, or the tests would take minutes."""

    base: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {access_token()}"

    def __call__(
        self, verb: str, path: str, body: Any = None, status: int = 200, **query: Any
    ) -> dict[str, Any]:
        """The answer's JSON, whose status must be as expected."""
        answer = self.session.request(
            verb, f"{self.base}/{path}", json=body, params=query, timeout=30
        )
        assert answer.status_code == status, answer.text
        found: dict[str, Any] = answer.json()
        return found
