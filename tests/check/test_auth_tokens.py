"""The exercises of lesson 04 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import requests
from google.cloud import run_v2

from helpers import auth, lab, service
from helpers.check import auth_tokens as check
from helpers.clients import client
from tests.conftest import REGION, LocalCloud

IMAGE = "us-docker.pkg.dev/cloudrun/container/hello"
LOCATION = f"projects/hands-on/locations/{REGION}"
SERVICES = ["checks-called", "checks-calling"]


@pytest.fixture(scope="module")
def called(cloud: LocalCloud) -> Iterator[run_v2.Service]:
    """The lesson's first service; the second runs as an account of its own."""
    lab.enter("local", "hands-on", REGION, makes={"service": SERVICES})
    first, second = (
        service.deploy(f"{LOCATION}/services/{name}", IMAGE, labels=lab.labels())
        for name in SERVICES
    )
    second.template.service_account = auth.make_account("hands-on", SERVICES[1], lab.labels())
    service.update(second)
    yield first
    lab.clean_up()


def test_only_the_statuses_that_the_service_answers_with_pass(called: run_v2.Service) -> None:
    stranger = auth.make_account("hands-on", "checks-stranger", lab.labels())
    tokens = {
        "a": auth.id_token(called.uri),
        "b": auth.id_token_as(stranger, called.uri),
        "c": auth.access_token(),
    }
    found = check.sort_tokens.outcome
    assert found(tokens, dict.fromkeys("abc")).word == "not tried"
    assert "2 of 3" in str(found(tokens, {"a": 200, "b": 401, "c": 401}))
    assert "2 of 3" in str(found(tokens, {"a": 200, "b": 403}))
    outcome = found(tokens, {"a": 200, "b": 403, "c": 401})
    assert outcome.word == "passed"
    assert not any(token in str(outcome) for token in tokens.values())


def test_only_twenty_calls_with_one_token_pass(called: run_v2.Service) -> None:
    address = called.uri
    with_a_token = requests.Session()
    with_a_token.headers["Authorization"] = f"Bearer {auth.id_token(address)}"

    def calls(count: int, fetches: int) -> Callable[[], None]:
        """Fetches ``fetches`` tokens, uses the last of them and makes ``count`` calls."""

        def function() -> None:
            session = with_a_token
            for _ in range(fetches):
                session = auth.session(address)
                session.get(address)
            for _ in range(count - fetches):
                session.get(address)

        return function

    found = check.one_token.outcome
    send = requests.Session.send
    assert found(lambda: None).word == "not tried"
    assert found(lambda: service.call(address, "no token")).word == "not tried"
    assert "answered 19 calls" in str(found(calls(19, fetches=1)))
    assert "fetched 2 times" in str(found(calls(20, fetches=2)))
    assert "No token was fetched" in str(found(calls(20, fetches=0)))
    assert found(calls(20, fetches=1)).word == "passed"
    assert requests.Session.send is send


def test_only_the_account_of_the_other_service_alone_passes(called: run_v2.Service) -> None:
    api = client(run_v2.ServicesClient)
    itself = f"serviceAccount:{called.template.service_account}"
    wanted = f"serviceAccount:{SERVICES[1]}@hands-on.iam.gserviceaccount.com"

    def found(*members: str) -> str:
        policy = api.get_iam_policy(request={"resource": called.name})
        del policy.bindings[:]
        policy.bindings.add(role="roles/run.invoker", members=members)
        api.set_iam_policy(request={"resource": called.name, "policy": policy})
        return str(check.only_one_caller.outcome())

    assert found(itself).startswith("not tried: ")
    assert "Everybody may call" in found(wanted, "allUsers")
    assert f"{itself} is an invoker, too" in found(wanted, itself)
    assert f"{wanted} is no invoker" in found(f"serviceAccount:{auth.who_am_i()['account']}")
    assert found(wanted).startswith("passed: ")
    called.invoker_iam_disabled = True
    service.update(called)
    assert "Everybody may call" in found(wanted)
