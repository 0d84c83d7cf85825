"""A domain becomes a learner's own, leads to a service, and is given back, in a few calls."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from helpers import domains, labels, service
from tests.conftest import LocalCloud, eventually

PLACE = ("hands-on", "asia-northeast1")
TOKYO = "projects/hands-on/locations/asia-northeast1"
SEOUL = "projects/hands-on/locations/asia-northeast3"
NAME = f"{TOKYO}/services/for-domains"
DOMAIN, WWW = "for-helpers.com", "www.for-helpers.com"
LABEL = {"hands-on-run": "domains"}


@pytest.fixture(scope="module")
def name(cloud: LocalCloud) -> Iterator[str]:
    service.deploy(NAME, "gcr.io/cloudrun/hello", labels={})
    service.add_invoker(NAME, "allUsers")
    yield NAME
    service.delete(NAME)


def test_a_domain_from_the_record_that_proves_it_to_the_page(cloud: LocalCloud, name: str) -> None:
    zone = domains.zone_of("hands-on", DOMAIN, LABEL)
    assert domains.zone_of("hands-on", DOMAIN, {}).zone_id == zone.zone_id
    text = domains.verification_record(DOMAIN)
    with pytest.raises(requests.HTTPError, match="400: The necessary verification token"):
        domains.verify(DOMAIN)
    domains.set_records(zone, DOMAIN, "TXT", f'"{text}"')
    assert "learner@example.com" in domains.verify(DOMAIN, "learner@example.com")
    assert DOMAIN in domains.verified("hands-on")

    made = domains.create(name, WWW, LABEL)
    mapping = eventually(lambda: domains.get(name, WWW), domains.records)
    assert mapping["metadata"]["uid"] == made["metadata"]["uid"]
    assert domains.records(mapping) == [(WWW, "CNAME", "ghs.googlehosted.com.")]
    assert not domains.is_ready(mapping)
    assert domains.conditions(mapping)[0][:3] == ("Ready", "Unknown", "CertificatePending")
    with pytest.raises(requests.HTTPError, match="409: "):
        domains.create(name, WWW, LABEL)

    domains.set_records(zone, WWW, "CNAME", "ghs.googlehosted.co.")
    domains.set_records(zone, *domains.records(mapping)[0])
    cloud.control.ask("advance", by="15m")
    assert domains.is_ready(domains.get(name, WWW))
    assert service.call(f"https://{WWW}").status_code == 200

    assert not labels.is_free("domain mapping", WWW, TOKYO, {"hands-on-run": "another"})
    [(kind, found, delete)] = labels.with_label(LABEL, *PLACE, kinds=["domain mapping"])
    assert (kind, found) == ("domain mapping", WWW)
    delete()
    assert not domains.delete(name, WWW)
    with pytest.raises(requests.HTTPError, match="404: Resource"):
        domains.get(name, WWW)
    assert domains.mappings(TOKYO) == []

    assert not labels.is_free("zone", DOMAIN, TOKYO, {"hands-on-run": "another"})
    assert labels.is_free("zone", DOMAIN, TOKYO, LABEL)
    assert not list(labels.with_label({"hands-on-run": "another"}, *PLACE, kinds=["zone"]))
    deleted = []
    for kind, found, delete in labels.with_label(LABEL, *PLACE, kinds=["zone"]):
        delete()
        deleted.append((kind, found))
    assert deleted == [("zone", zone.name), ("ownership", DOMAIN)]
    assert not zone.exists()
    assert not domains.give_up(DOMAIN)
    assert DOMAIN not in domains.verified("hands-on")


def test_seoul_says_that_it_maps_no_domains(cloud: LocalCloud) -> None:
    message = "501: Creating domain mappings is not allowed in asia-northeast3."
    with pytest.raises(requests.HTTPError, match=message):
        domains.create(f"{SEOUL}/services/for-domains", WWW, LABEL)
