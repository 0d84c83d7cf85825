"""``logs.of_request``: what happened to one request, from all the logs."""

from __future__ import annotations

import google.cloud.logging
import pytest
import requests

from helpers import logs
from helpers.logs import Line
from tests.clients.conftest import PROJECT, Deployed
from tests.conftest import eventually


def test_the_request_its_apps_lines_and_its_instances_are_told_together(service: Deployed) -> None:
    """Somebody says "it failed at ten past": the request, not the service, is the question."""
    made = service.create()
    answer = requests.get(f"{made.uri}/print?hello", headers=logs.traced(), timeout=30)
    trace = answer.request.headers["traceparent"].split("-")[1]
    app = google.cloud.logging.Client(project=PROJECT).logger(
        "orders", resource=google.cloud.logging.Resource("global", {})
    )
    app.log_text("order 7 taken", trace=f"projects/{PROJECT}/traces/{trace}")
    app.log_text("order 8 taken", trace=f"projects/{PROJECT}/traces/{'8' * 32}")
    story = eventually(
        lambda: logs.of_request(PROJECT, answer), lambda story: len(story.around) >= 3
    )
    assert story.request["httpRequest"]["requestUrl"] == f"{made.uri}/print?hello"
    assert story.request["httpRequest"]["status"] == 200
    assert story.traced == [Line("orders", "order 7 taken")]
    assert {Line("stdout", "hello"), Line("stdout", "told"), Line("stderr", "to stderr")} <= {
        *story.around
    }


def test_why_an_instance_ended_is_part_of_it(service: Deployed) -> None:
    """A 503 tells nothing; the instance's end does."""
    made = service.create()
    answer = requests.get(f"{made.uri}/exit?7", headers=logs.traced(), timeout=30)
    assert answer.status_code == 503
    story = eventually(
        lambda: logs.of_request(PROJECT, answer),
        lambda story: Line("system", "Container called exit(7).") in story.around,
    )
    assert story.request["severity"] == "ERROR"
    assert story.traced == []


def test_a_request_without_a_trace_cannot_be_told_apart(service: Deployed) -> None:
    """The remedy is said, not a wrong request shown."""
    made = service.create()
    with pytest.raises(ValueError, match=r"logs.traced\(\)"):
        logs.of_request(PROJECT, requests.get(f"{made.uri}/revision", timeout=30))


def test_a_request_that_nobody_logged_is_not_found(service: Deployed) -> None:
    """Nothing is better than another request's story."""
    made = service.create()
    answer = requests.get(f"{made.uri}/revision", headers=logs.traced(), timeout=30)
    answer.request.headers.update(logs.traced())
    with pytest.raises(LookupError, match="request log"):
        logs.of_request(PROJECT, answer, patience=0)
