"""What a lesson says of regions: distances that physics allows, and facts that were confirmed."""

from __future__ import annotations

import pytest

from helpers import regions
from helpers.regions import FRESH_TRIPS, REGIONS, distance, find, round_trip


def test_seoul_and_tokyo_are_about_1150_km_apart() -> None:
    """The lesson's argument about the wiki's 0.3 s rests on this number."""
    apart = distance(find("Seoul"), find("Tokyo"))
    assert apart == pytest.approx(1153, abs=2)
    assert apart == distance(find("Tokyo"), find("Seoul"))


def test_light_needs_a_tenth_of_what_the_wiki_saw_between_seoul_and_tokyo() -> None:
    """Readers would blame the distance for a delay that it can't cause."""
    trip = round_trip(find("Seoul"), find("Tokyo"))
    assert trip == pytest.approx(0.0115, abs=0.0001)
    assert FRESH_TRIPS * trip < (0.6 - 0.3) / 8


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        ("London", "Paris", 344),
        ("Sydney", "Melbourne", 713),
        ("Los Angeles", "Tokyo", 8815),  # Across the date line.
        ("Santiago", "Seoul", 18_350),  # Nearly on the other side.
        ("Osasco", "Johannesburg", 7_440),  # South of the equator, across the meridian.
    ],
)
def test_distances_hold_everywhere_on_the_globe(one: str, other: str, kilometres: int) -> None:
    """A formula that is right in one quarter of the globe only would mislead in the others."""
    assert distance(find(one), find(other)) == pytest.approx(kilometres, rel=0.01)


def test_a_region_is_found_by_its_name_and_by_its_city() -> None:
    """Readers think in cities, commands in regions."""
    assert find("seoul") is find("asia-northeast3") is REGIONS["asia-northeast3"]
    assert len({region.city for region in REGIONS.values()}) == len(REGIONS)


@pytest.mark.parametrize("wrong", ["", "Busan", "asia-northeast4", "South Korea"])
def test_a_place_that_is_none_is_answered_with_the_choices(wrong: str) -> None:
    """A typing error should cost one look."""
    with pytest.raises(ValueError, match=r"asia-northeast3 \(Seoul\)"):
        find(wrong)


def test_codes_of_addresses_are_unambiguous() -> None:
    """The code is all that tells two regions' hash addresses apart."""
    assert len({region.code for region in REGIONS.values()}) == len(REGIONS)


def test_domains_can_be_mapped_in_ten_regions_and_not_in_seoul() -> None:
    """The reason why the wiki's team went to Tokyo, still true."""
    assert {name for name, region in REGIONS.items() if region.domain_mapping} == {
        *("asia-east1", "asia-northeast1", "asia-southeast1", "europe-north1", "europe-west1"),
        *("europe-west4", "us-central1", "us-east1", "us-east4", "us-west1"),
    }


def test_a_tier_on_which_sources_disagree_is_not_shown_as_a_fact() -> None:
    """A reader would plan costs with it."""
    shown = {row[0].strip("`"): row[4] for row in regions.rows("Seoul")}
    assert (shown["asia-northeast3"], shown["asia-northeast1"]) == ("2", "1")
    assert shown["africa-south1"] == "not confirmed"
    assert shown["asia-south1"] == "1 (third party)"


def test_the_table_begins_where_one_is_and_goes_outward() -> None:
    """So that the alternatives to Seoul are read first."""
    rows = regions.rows("Seoul")
    assert all(len(row) == len(regions.COLUMNS) for row in rows)
    assert [row[0] for row in rows[:3]] == [
        *("`asia-northeast3`", "`asia-northeast2`", "`asia-northeast1`"),
    ]
    assert rows[2][1:] == ("Tokyo, Japan", "1,153 km", "11.5 ms", "1", "yes")
    assert [row[1] for row in regions.rows("Tokyo", ["us-west1", "asia-northeast3"])] == [
        *("Seoul, South Korea", "The Dalles, Oregon"),
    ]
