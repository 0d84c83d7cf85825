"""A service is deployed, found, called and deleted in a few calls that say why they fail."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from google.api_core.exceptions import GoogleAPICallError, NotFound
from google.cloud import iam_admin_v1

from helpers import auth, service
from tests.conftest import LocalCloud

IMAGE = "us-docker.pkg.dev/cloudrun/container/hello"


@pytest.fixture
def name(cloud: LocalCloud) -> Iterator[str]:
    full_name = "projects/hands-on/locations/asia-northeast3/services/for-helpers"
    yield full_name
    service.delete(full_name)


def test_a_service_is_closed_until_you_say_who_you_are(name: str) -> None:
    deployed = service.deploy(name, IMAGE, labels={"a": "b"})
    assert deployed.terminal_condition.state.name == "CONDITION_SUCCEEDED"
    address = service.url(name)
    assert address == deployed.uri
    assert service.call(address).status_code == 403
    assert service.call(address, auth.id_token(address)).status_code == 200
    assert service.call(address, auth.access_token()).status_code == 401


def test_deploying_another_image_makes_a_second_revision_of_the_same_service(name: str) -> None:
    first = service.deploy(name, IMAGE, labels={})
    second = service.deploy(name, "gcr.io/cloudrun/hello", labels={})
    assert second.uid == first.uid
    assert "-00002-" in second.latest_ready_revision


def test_an_image_that_does_not_exist_is_named(name: str) -> None:
    with pytest.raises(GoogleAPICallError, match="no-such-image"):
        service.deploy(name, "us-docker.pkg.dev/cloudrun/container/no-such-image", labels={})


def test_deleting_twice_is_fine(name: str) -> None:
    service.deploy(name, IMAGE, labels={})
    assert service.delete(name)
    assert not service.delete(name)
    with pytest.raises(NotFound):
        service.url(name)


def test_a_revision_gets_the_traffic_that_it_is_given_and_an_address_of_its_own(name: str) -> None:
    deployed = service.deploy(name, IMAGE, labels={})
    first = deployed.latest_ready_revision.rpartition("/")[2]
    wanted = service.get(name)
    wanted.template.revision = "for-helpers-green"
    wanted.traffic = [service.to(first, 100), service.to("for-helpers-green", 0, tag="next")]
    served = service.update(wanted)
    assert service.revisions(name) == ["for-helpers-green", first]

    token = auth.id_token(deployed.uri)
    answers = service.call_many(deployed.uri, token, count=6, at_once=3)
    assert len(answers) == 6
    assert all(first in answer.text for answer in answers)
    assert "for-helpers-green" in service.call(served.traffic_statuses[1].uri, token).text

    served.traffic = [service.to("for-helpers-green", 100)]
    service.update(served)
    assert len(service.revisions(name)) == 2
    assert "for-helpers-green" in service.call(deployed.uri, token).text


def test_an_invoker_is_added_and_the_others_stay(name: str) -> None:
    address = service.deploy(name, IMAGE, labels={}).uri
    accounts = [auth.make_account("hands-on", f"for-service-{x}", {}) for x in "ab"]
    tokens = [auth.id_token_as(account, address) for account in accounts]
    for token, account in zip(tokens, accounts, strict=True):
        assert service.call(address, token).status_code == 403
        service.add_invoker(name, f"serviceAccount:{account}")
    assert [service.call(address, token).status_code for token in tokens] == [200, 200]
    for account in accounts:
        iam_admin_v1.IAMClient().delete_service_account(
            name=f"projects/hands-on/serviceAccounts/{account}"
        )


def test_calls_that_are_started_together_tell_when_each_was_sent_and_answered(name: str) -> None:
    """A picture of them would show waiting that there was not, or none where there was."""
    address = service.deploy(name, IMAGE, labels={}).uri
    token = auth.id_token(address)
    before = time.monotonic()
    calls = [call.result() for call in service.start_calls(address, token, count=3)]
    assert [call.answer.status_code for call in calls] == [200, 200, 200]
    for call in calls:
        assert before <= call.sent <= call.answered - call.answer.elapsed.total_seconds()
        assert call.answered <= time.monotonic()
