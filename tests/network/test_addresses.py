"""Ranges and addresses: arithmetic that a wrong bit would turn against whole networks."""

from __future__ import annotations

import pytest

from helpers.localcloud.names import REGION_CODES
from helpers.localcloud.network import addresses
from helpers.localcloud.network.addresses import AUTO_RANGE, AUTO_RANGES, NotARange


def test_every_region_has_an_automatic_range_of_its_own() -> None:
    """A region without one would break the network ``default`` of every project."""
    assert set(AUTO_RANGES) == set(REGION_CODES)
    for region, text in AUTO_RANGES.items():
        others = [other for name, other in AUTO_RANGES.items() if name != region]
        assert addresses.overlapping(text, others) is None
        assert addresses.parse(text).subnet_of(addresses.parse(AUTO_RANGE))


@pytest.mark.parametrize("text", ["10.0.0.1/24", "10.0.0.0", "10.0.0.0/33", "fd00::/8", "", "x/8"])
def test_what_is_no_range(text: str) -> None:
    """Host bits that are set are a mistyped range more often than not."""
    with pytest.raises(NotARange):
        addresses.parse(text)


def test_the_first_two_and_the_last_two_addresses_are_nobodys() -> None:
    """At Google the network, its gateway, a reserved one and broadcast are never a machine's."""
    text = "10.8.0.0/28"
    assert addresses.gateway(text) == "10.8.0.1"
    inside = [f"10.8.0.{last}" for last in range(16)]
    usable = [each for each in inside if addresses.usable(text, each)]
    assert usable == inside[2:-2]
    assert not addresses.usable(text, "10.8.0.16")
    assert not addresses.usable(text, "a name")


def test_a_full_range_has_no_free_address() -> None:
    taken = {"10.0.0.2"}
    assert addresses.first_free("10.0.0.0/29", taken) == "10.0.0.3"
    assert addresses.first_free("10.0.0.0/29", {f"10.0.0.{last}" for last in range(2, 6)}) is None
