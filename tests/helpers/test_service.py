"""A service is deployed, found, called and deleted in a few calls that say why they fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.api_core.exceptions import GoogleAPICallError, NotFound

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
