"""Instances of a real app: started, limited, replaced, and stopped as time goes by."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from google.cloud import run_v2
from google.protobuf import duration_pb2

from helpers.localcloud import control
from helpers.localcloud.home import Home
from tests.clients.conftest import Deployed
from tests.clients.logged import REQUESTS, STDOUT, SYSTEM, log
from tests.clients.own import built, finish
from tests.conftest import LocalCloud, eventually
from tests.faults.client import PARENT, RUN, Client
from tests.processes import descendants


def texts(home: Home, service: str, name: str) -> list[str]:
    return [entry.get("textPayload", "") for entry in log(home, service, name)]


def started(home: Home, service: str) -> list[str]:
    """Why each instance of a service was started."""
    prefix = "Starting new instance. Reason: "
    found = texts(home, service, SYSTEM)
    return [text.removeprefix(prefix).split()[0] for text in found if text.startswith(prefix)]


def scaling(low: int = 0, high: int = 100) -> run_v2.RevisionScaling:
    return run_v2.RevisionScaling(min_instance_count=low, max_instance_count=high)


def get(url: str, results: list[requests.Response]) -> threading.Thread:
    """Asks for a page in a thread."""
    thread = threading.Thread(target=lambda: results.append(requests.get(url, timeout=60)))
    thread.start()
    return thread


def test_one_request_at_a_time_in_each_instance(cloud: LocalCloud, service: Deployed) -> None:
    """Code that is not thread-safe relies on it."""
    made = service.create(
        max_instance_request_concurrency=1, timeout=duration_pb2.Duration(seconds=3)
    )
    results: list[requests.Response] = []
    threads = [get(f"{made.uri}/gate", results) for _ in range(3)]
    for thread in threads:
        thread.join()
    assert [each.status_code for each in results] == [504] * 3
    entries = eventually(lambda: log(cloud.home, service.id, REQUESTS), lambda log: len(log) == 3)
    assert len({entry["labels"]["instanceId"] for entry in entries}) == 3


def test_a_request_that_takes_too_long(cloud: LocalCloud, service: Deployed) -> None:
    """The app's own patience does not count; the service's time-out does."""
    made = service.create(timeout=duration_pb2.Duration(seconds=1))
    answer = requests.get(f"{made.uri}/gate", timeout=30)
    assert (answer.status_code, answer.text) == (504, "upstream request timeout")
    (entry,) = eventually(lambda: log(cloud.home, service.id, REQUESTS), bool)
    assert entry["textPayload"] == (
        "The request has been terminated because it has reached the maximum request timeout."
    )
    assert requests.get(f"{made.uri}/seen", timeout=30).json()["gone"] == 1


def test_a_full_service_answers_429(cloud: LocalCloud, service: Deployed) -> None:
    """The most instances are a promise about the bill; the rest waits, then is sent away."""
    made = service.create(max_instance_request_concurrency=1, scaling=scaling(high=1))
    with requests.get(f"{made.uri}/stream", stream=True, timeout=60) as holding:
        parts = holding.iter_content(5)
        assert next(parts) == b"first"
        refused = requests.get(f"{made.uri}/revision", timeout=60)
        assert (refused.status_code, refused.text) == (429, "Rate exceeded.")
    again = requests.get(f"{made.uri}/revision", timeout=60)
    assert again.status_code == 200
    entries = eventually(lambda: log(cloud.home, service.id, REQUESTS), lambda log: len(log) == 3)
    lines = [entry["textPayload"] for entry in entries if entry["httpRequest"]["status"] == 429]
    assert lines == ["The request was aborted because there was no available instance."]
    assert len(started(cloud.home, service.id)) == 1


def test_a_crashed_instance_is_replaced(cloud: LocalCloud, service: Deployed) -> None:
    """One visitor gets the error, the next one gets a new instance."""
    made = service.create()
    assert requests.get(f"{made.uri}/exit?7", timeout=30).status_code == 503
    assert requests.get(f"{made.uri}/revision", timeout=30).status_code == 200
    said = eventually(
        lambda: texts(cloud.home, service.id, SYSTEM),
        lambda said: "Container called exit(7)." in said,
    )
    assert len([text for text in said if text.startswith("Starting new instance.")]) == 2


def test_a_request_that_crashes_the_app_is_not_sent_again(
    cloud: LocalCloud, service: Deployed
) -> None:
    """What is ordered once must not be delivered by every instance in turn."""
    made = service.create()
    with requests.Session() as session:
        assert session.get(f"{made.uri}/revision", timeout=30).status_code == 200
        assert session.post(f"{made.uri}/exit?7", timeout=30).status_code == 503
        assert session.get(f"{made.uri}/revision", timeout=30).status_code == 200
    eventually(lambda: log(cloud.home, service.id, REQUESTS), lambda log: len(log) == 3)
    said = eventually(
        lambda: texts(cloud.home, service.id, SYSTEM),
        lambda said: "Container called exit(7)." in said,
    )
    assert said.count("Container called exit(7).") == 1


def test_minimum_instances_are_there_before_a_request(cloud: LocalCloud, service: Deployed) -> None:
    """They are paid for so that nobody waits for a start."""
    service.create(scaling=scaling(low=2))
    begun = eventually(lambda: started(cloud.home, service.id), lambda begun: len(begun) == 2)
    assert begun == ["DEPLOYMENT_ROLLOUT", "MANUAL_OR_CUSTOMER_MIN_INSTANCE"]


class Own:
    """A cloud of its own, whose clock may move."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.control = control.connect(home, start=True, hold=True)
        self.client = Client(home)
        self.image = built(self.client)

    def deploy(self, name: str, mode: str, **template: Any) -> str:
        env = [{"name": "START", "value": mode}]
        containers = [{"image": self.image, "env": env}]
        body = {"template": {"containers": containers, **template}, "invokerIamDisabled": True}
        url = f"{RUN}/{PARENT}/services?serviceId={name}"
        operation = self.client.call("POST", url, json=body)
        uri: str = finish(self.client, f"{RUN}/{operation['name']}")["response"]["uri"]
        return uri

    def advance(self, by: str) -> None:
        self.control.ask("advance", by=by)

    def processes(self) -> int:
        return len(descendants(self.control.ask("status")["pid"]))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    made = Own(Home(tmp_path_factory.mktemp("scaling")))
    yield made
    made.control.ask("stop")
    made.control.wait_closed()


def test_to_zero_and_back(own: Own) -> None:
    """An idle service costs nothing, says goodbye, and is there again when it is asked."""
    before = own.processes()
    url = own.deploy("sleepy", "graceful")
    assert own.client.get(f"{url}/revision", timeout=30).status_code == 200
    own.advance("14m")
    assert own.client.get(f"{url}/revision", timeout=30).status_code == 200
    own.advance("14m")
    assert own.client.get(f"{url}/revision", timeout=30).status_code == 200
    assert len(started(own.home, "sleepy")) == 1
    own.advance("15m")
    eventually(own.processes, lambda now: now == before, seconds=15)
    eventually(lambda: texts(own.home, "sleepy", STDOUT), lambda said: said[-1:] == ["goodbye"])
    assert own.client.get(f"{url}/revision", timeout=30).status_code == 200
    begun = eventually(lambda: started(own.home, "sleepy"), lambda begun: len(begun) == 2)
    assert begun == ["DEPLOYMENT_ROLLOUT", "AUTOSCALING"]
    own.advance("15m")
    eventually(own.processes, lambda now: now == before, seconds=15)


def test_sigkill_follows_ten_seconds_after_sigterm(own: Own) -> None:
    """An app that will not go is made to; nobody pays for it for ever."""
    before = own.processes()
    url = own.deploy("stubborn", "stubborn")
    assert own.client.get(f"{url}/revision", timeout=30).status_code == 200
    own.advance("15m")
    assert own.processes() > before
    eventually(own.processes, lambda now: now == before, seconds=20)


def test_minimum_instances_stay(own: Own) -> None:
    """What is kept warm must be warm after a quiet night."""
    url = own.deploy("warm", "", scaling={"minInstanceCount": 1})
    pid = own.client.call("GET", f"{url}/request")["pid"]
    own.advance("12h")
    assert own.client.call("GET", f"{url}/request")["pid"] == pid
    assert started(own.home, "warm") == ["DEPLOYMENT_ROLLOUT"]
