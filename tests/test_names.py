"""Names: what a learner would see if an address or an id were wrong."""

from helpers.localcloud.names import (
    PROJECT_NUMBER,
    Ids,
    deterministic_host,
    hash_host,
    project_hash,
)


def test_helloflask_in_seoul_has_the_address_of_the_wiki() -> None:
    """The page of 2021 shows this address; the course's project gets the same."""
    host = hash_host("helloflask", PROJECT_NUMBER, "asia-northeast3")
    assert host == "helloflask-qdg4vdmju1-du.a.run.app"


def test_projects_do_not_share_addresses() -> None:
    """Two projects with one address would be one service."""
    numbers = range(PROJECT_NUMBER - 5000, PROJECT_NUMBER + 5000)
    assert len({project_hash(number) for number in numbers}) == 10_000


def test_the_deterministic_address_needs_a_short_enough_label() -> None:
    """A DNS label has 63 characters; a longer one could never be resolved."""
    assert deterministic_host("a" * 50, PROJECT_NUMBER, "us-central1") is not None
    assert deterministic_host("a" * 51, PROJECT_NUMBER, "us-central1") is None


def test_ids_are_the_same_in_every_fresh_cloud_and_differ_by_what_they_name() -> None:
    """Stored outputs of the lessons could not be compared otherwise."""
    one, other = Ids("seed"), Ids("seed")
    assert one.uuid("service", "a", 1) == other.uuid("service", "a", 1)
    assert one.uuid("service", "a", 1) != one.uuid("service", "a", 2)
    assert one.uuid("ab", "c") != one.uuid("a", "bc")
    assert len(str(one.number(12, "project", "p"))) == 12
    assert one.etag("x").startswith('"')
