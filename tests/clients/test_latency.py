"""A simulated distance: real clients wait for its round trips, and are told that they did."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from google.cloud import logging

from helpers.localcloud import control
from helpers.regions import FRESH_TRIPS, KEPT_TRIPS, find, round_trip
from tests.clients.conftest import PROJECT, Deployed
from tests.conftest import LocalCloud, eventually

HEADER = "X-Localcloud-Simulated-Latency"
FAR = "Santiago"
"""From Seoul: so far that this machine's own pace can't be taken for it."""

TRIP = round_trip(find(FAR), find("Seoul"))


@pytest.fixture
def far(cloud: LocalCloud, service: Deployed) -> Iterator[str]:
    """The address of a service in Seoul, for clients that are in Santiago."""
    uri = service.create().uri
    assert HEADER not in requests.get(uri, timeout=60).headers
    cloud.control.ask("latency", place=FAR)
    yield uri
    cloud.control.ask("latency", place="off")


def seconds(call: Callable[[], requests.Response]) -> float:
    """How long a call took that was answered with what the simulation added."""
    began = time.perf_counter()
    answer = call()
    took = time.perf_counter() - began
    assert answer.headers[HEADER] == f"{TRIP * 1000:.1f}ms"
    return took


def logged(url: str) -> dict[str, str]:
    """The entry of the request log about a URL, once it is there."""
    client = logging.Client(project=PROJECT)
    wanted = f'httpRequest.requestUrl="{url}"'
    entries = eventually(lambda: list(client.list_entries(filter_=wanted)), bool)
    found: dict[str, str] = entries[0].http_request
    return found


def test_a_fresh_connection_takes_three_trips_and_a_kept_one_takes_one(far: str) -> None:
    """Whoever compares regions would measure this machine instead of the distance."""
    assert TRIP > 0.15
    fresh = [seconds(lambda: requests.get(far, timeout=60)) for _ in range(3)]
    assert min(fresh) >= FRESH_TRIPS * TRIP
    assert min(fresh) < (FRESH_TRIPS + 1) * TRIP
    with requests.Session() as session:
        seconds(lambda: session.get(far, timeout=60))
        kept = [seconds(lambda: session.get(far, timeout=60)) for _ in range(3)]
        posted = seconds(lambda: session.post(far, data=b"x" * 300_000, timeout=60))
    assert min(*kept, posted) >= KEPT_TRIPS * TRIP
    assert min(kept) < (KEPT_TRIPS + 1) * TRIP


def test_tls_1_2_takes_one_trip_more(cloud: LocalCloud, far: str) -> None:
    """Old clients really are slower over a distance, and the lesson says so."""

    def curl(newest: str) -> float:
        done = cloud.run(
            *("curl", "-sS", "-o", "/dev/null", "-w", "%{time_total} %header{" + HEADER + "}"),
            *("--tlsv1.2", "--tls-max", newest, far),
        )
        took, _, label = done.stdout.partition(" ")
        assert label == f"{TRIP * 1000:.1f}ms", done.stderr
        return float(took)

    assert min(curl("1.2") for _ in range(3)) >= (FRESH_TRIPS + 1) * TRIP
    assert FRESH_TRIPS * TRIP <= min(curl("1.3") for _ in range(3)) < (FRESH_TRIPS + 1) * TRIP


def test_a_kept_connection_moves_with_its_client(cloud: LocalCloud, far: str) -> None:
    """A notebook keeps sessions: they would tell of the place where they were opened."""
    with requests.Session() as session:
        seconds(lambda: session.get(far, timeout=60))
        cloud.control.ask("latency", place="Tokyo")
        answer = session.get(far, timeout=60)
        assert answer.headers[HEADER] == "11.5ms"
        cloud.control.ask("latency", place="off")
        assert HEADER not in session.get(far, timeout=60).headers


def test_requests_side_by_side_share_the_time(far: str) -> None:
    """A distance delays; it doesn't make a queue."""
    began = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        took = list(pool.map(lambda _: seconds(lambda: requests.get(far, timeout=60)), range(8)))
    assert min(took) >= FRESH_TRIPS * TRIP
    assert time.perf_counter() - began < 8 * FRESH_TRIPS * TRIP / 2


def test_a_refusal_comes_from_as_far_and_says_so(far: str, service: Deployed) -> None:
    """A 403 that is faster than an answer would look as if something nearer had sent it."""
    service.update(invoker_iam_disabled=False)
    assert seconds(lambda: requests.get(far, timeout=60)) >= FRESH_TRIPS * TRIP
    assert requests.get(far, timeout=60).status_code == 403


def test_in_the_same_city_the_answer_still_says_that_it_is_simulated(
    cloud: LocalCloud, far: str
) -> None:
    """A simulated nothing must not look like a measurement."""
    cloud.control.ask("latency", place="Seoul")
    assert requests.get(far, timeout=60).headers[HEADER] == "0.0ms"


def test_the_log_has_the_time_of_the_service_alone(far: str) -> None:
    """On Google a request's latency in the log leaves the way to the client out, and so here."""
    seconds(lambda: requests.get(f"{far}/once", timeout=60))
    assert float(logged(f"{far}/once")["latency"].rstrip("s")) < TRIP


def test_what_a_client_sent_arrives_though_it_waits_no_longer(far: str) -> None:
    """Over a distance a request is on its way when its client gives up, and is carried out."""
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{far}/given-up", timeout=(60, 0.02))
    assert logged(f"{far}/given-up")


@pytest.mark.parametrize("wrong", ["Atlantis", "", "asia-northeast4"])
def test_a_place_that_is_none_changes_nothing(cloud: LocalCloud, wrong: str) -> None:
    """A typing error must not look like a place without a distance."""
    with pytest.raises(control.Refused, match=r"Choose one of: .*asia-northeast3 \(Seoul\)"):
        cloud.control.ask("latency", place=wrong)
    assert cloud.control.ask("status")["latency"] == "off"
