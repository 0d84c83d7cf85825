"""The exercises of lesson 03 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path

import pytest
from google.cloud import run_v2

from helpers import auth, lab, service
from helpers.check import deploy as check
from helpers.service import Timed, get, start_calls, to, update
from tests.check.conftest import lesson_with
from tests.conftest import REGION, LocalCloud

APP = Path(__file__).parents[2] / "notebooks/apps/whoanswers"
LOCATION = f"projects/hands-on/locations/{REGION}"
IMAGE = f"{REGION}-docker.pkg.dev/hands-on/checks-deploy/whoanswers"
SERVICE = "checks-deploy"
NAME = f"{LOCATION}/services/{SERVICE}"


@pytest.fixture(scope="module", autouse=True)
def entered(cloud: LocalCloud) -> Iterator[None]:
    """The lesson's cloud, with the image of its app."""
    with lesson_with(APP, IMAGE, [SERVICE]):
        yield


@pytest.fixture
def first() -> Iterator[str]:
    """The first revision of a new service."""
    deployed = service.deploy(NAME, IMAGE, labels=lab.labels())
    yield deployed.latest_ready_revision.rpartition("/")[2]
    service.delete(NAME)


def revise(suffix: str, *traffic: run_v2.TrafficTarget, greeting: str = "", most: int = 0) -> None:
    """Make a revision, or with the suffix of one that is there change the traffic alone."""
    wanted = get(NAME)
    wanted.template.revision = f"{SERVICE}-{suffix}"
    if greeting:
        wanted.template.containers[0].env = [run_v2.EnvVar(name="GREETING", value=greeting)]
    if most:
        wanted.template.max_instance_request_concurrency = 1
        wanted.template.scaling.max_instance_count = most
    wanted.traffic = list(traffic)
    update(wanted)


def test_only_a_tenth_for_the_new_revision_with_the_tag_passes(first: str) -> None:
    def found(*traffic: run_v2.TrafficTarget) -> str:
        revise("new", *traffic, greeting="Good evening")
        return str(check.canary.outcome())

    assert str(check.canary.outcome()).startswith("not tried: ")
    new = f"{SERVICE}-new"
    assert found(to(first, 90), to(new, 10)).startswith("not tried: ")
    assert "90 %" in found(to(first, 10), to(new, 90, tag="canary"))
    assert "'Hello'" in found(to(first, 10, tag="canary"), to(new, 90))
    assert found(to(first, 90), to(new, 10, tag="canary")).startswith("passed: ")
    assert found(to(first, 90), to(new, 10), to(new, 0, tag="canary")).startswith("passed: ")


def load(count: int) -> list[Timed]:
    """Make calls at once that the instances can't take in time, as the lesson does."""
    address = service.url(NAME)
    calls = start_calls(f"{address}?work=0.5", auth.id_token(address), count)
    wait(calls, return_when=FIRST_COMPLETED)
    lab.wait(lambda: all(call.done() for call in calls), cloud_time="30s")
    return [call.result() for call in calls]


def test_only_a_load_on_two_instances_that_refuse_some_passes(first: str) -> None:
    found = check.two_instances.outcome
    assert found([]).word == "not tried"
    revise("three", to(f"{SERVICE}-three", 100), most=3)
    before = load(1)
    assert "may have 3 instances" in str(found(before))
    revise("two", to(f"{SERVICE}-two", 100), most=2)
    assert "Now make the calls" in str(found([]))
    assert f"not all from {SERVICE}-two" in str(found(before))
    assert "No call was refused" in str(found(load(2)))
    assert found(load(20)).word == "passed"


def test_only_traffic_that_goes_back_without_a_revision_passes(first: str) -> None:
    oops = f"{SERVICE}-oops"

    def found(*traffic: run_v2.TrafficTarget, suffix: str = "oops") -> str:
        revise(suffix, *traffic)
        return str(check.roll_back.outcome())

    assert "execute the cell above" in str(check.roll_back.outcome())
    assert found(to(oops, 100)).startswith("not tried: ")
    assert "50 %" in found(to(first, 50), to(oops, 50))
    assert found(to(first, 100)).startswith("passed: ")
    repaired = f"{SERVICE}-repaired"
    assert f"a new revision, {repaired}" in found(to(repaired, 100), suffix="repaired")
    again = f"{oops}-again"
    assert found(to(again, 100), suffix="oops-again").startswith("not tried: ")
    assert found(to(first, 100), suffix="oops-again").startswith("passed: "), "no dead end"
