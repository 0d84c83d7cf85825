"""The exercises of lesson 06 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

import pytest

from helpers import domains, lab, service
from helpers.check import custom_domains as check
from tests.check.conftest import Enter
from tests.conftest import LocalCloud

TOKYO = "asia-northeast1"
DOMAIN, SHOP = "for-checks.com", "shop.for-checks.com"


def map_shop(name: str) -> str:
    made = domains.create(name, SHOP, lab.labels())
    lab.wait(lambda: domains.records(domains.get(name, SHOP)), cloud_time="1m")
    return str(made["metadata"]["uid"])


def test_only_the_mapping_that_was_pending_counts(cloud: LocalCloud, enter: Enter) -> None:
    enter(TOKYO, **{"service": "mapped", "domain mapping": SHOP, "zone": DOMAIN})
    name = "projects/{}/locations/{}/services/mapped".format(*lab.place())
    service.deploy(name, "gcr.io/cloudrun/hello", lab.labels())
    zone = domains.zone_of(lab.place()[0], DOMAIN, lab.labels())
    domains.set_records(zone, DOMAIN, "TXT", f'"{domains.verification_record(DOMAIN)}"')
    domains.verify(DOMAIN)
    domains.set_records(zone, SHOP, "A", "203.0.113.20")
    uid = map_shop(name)

    def outcome(of: str = uid) -> str:
        return check.repair_pending.outcome(of).word

    assert outcome() == "not tried"
    domains.set_records(zone, SHOP, "A")
    domains.set_records(zone, SHOP, "CNAME", "www.for-checks.com.")
    assert outcome() == "not yet", "the record must hold what the mapping needs"
    domains.set_records(zone, SHOP, "CNAME", "ghs.googlehosted.com.")
    assert outcome() == "not yet", "the mapping is still pending"
    domains.delete(name, SHOP)
    other = map_shop(name)
    lab.wait(lambda: domains.is_ready(domains.get(name, SHOP)), cloud_time="15m")
    assert outcome() == "not yet", "it was deleted and made again"
    assert outcome(other) == "passed"


@pytest.mark.parametrize(
    ("reports", "word"),
    [
        ([], "not tried"),
        ([2, 4], "passed"),
        ([1, 2, 4], "not yet"),
        ([2, 3, 4], "not yet"),
        ([2], "not yet"),
    ],
)
def test_light_explains_what_it_has_the_time_for(
    enter: Enter, reports: list[int], word: str
) -> None:
    enter(TOKYO)
    assert check.tell_distance.outcome(reports).word == word
