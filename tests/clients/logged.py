"""What was logged, as the Logging API tells it: complete up to the moment of asking."""

from __future__ import annotations

from functools import cache
from typing import Any

from helpers.localcloud.home import Home
from tests.clients.conftest import PROJECT
from tests.faults.client import Client

LIST = "https://logging.googleapis.com/v2/entries:list"
REQUESTS, SYSTEM = "run.googleapis.com/requests", "run.googleapis.com/varlog/system"
STDOUT = "run.googleapis.com/stdout"

_client = cache(Client)


def log(home: Home, service: str, name: str) -> list[dict[str, Any]]:
    """What one of a service's logs has by now, the oldest first."""
    query = f'log_id("{name}") AND resource.labels.service_name="{service}"'
    return listed(home, query)


def listed(home: Home, query: str) -> list[dict[str, Any]]:
    """Every entry that a filter chooses."""
    body = {"resourceNames": [f"projects/{PROJECT}"], "filter": query, "pageSize": 1000}
    found: list[dict[str, Any]] = []
    while True:
        answer = _client(home).call("POST", LIST, json=body)
        found += answer.get("entries", [])
        if "nextPageToken" not in answer:
            return found
        body["pageToken"] = answer["nextPageToken"]
