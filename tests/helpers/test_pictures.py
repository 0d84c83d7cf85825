"""Pictures that say the same to who sees them, who sees no colours, and who can't see them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from google.cloud.artifactregistry_v1 import DockerImage
from google.cloud.run_v2 import TrafficTargetStatus
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from helpers import pictures
from helpers.pictures import Request, Station, Time


def shown(draw: Callable[[], None]) -> tuple[bytes, str]:
    """The one picture that is shown, and its words."""
    InteractiveShell.instance()
    with capture_output() as captured:
        draw()
    (output,) = captured.outputs
    return output.data["image/png"], output.metadata["image/png"]["alt"]


def test_the_words_of_a_way_have_every_station_its_state_and_why() -> None:
    """Who can't see the picture would not know where the request ended."""
    picture, words = shown(
        lambda: pictures.way(
            [
                Station("Client", pictures.PASSED),
                Station("Ingress", pictures.STOPPED, "internal only: 404"),
                Station("IAM", pictures.NOT_REACHED),
                Station("VPC connector", pictures.NOT_USED),
            ]
        )
    )
    assert picture
    assert words == (
        "The way of a request. Client, passed; Ingress, stopped: internal only: 404;"
        " IAM, not reached; VPC connector, not used."
    )


def test_the_words_of_a_chain_have_every_box_and_arrow() -> None:
    picture, words = shown(
        lambda: pictures.chain(["folder", "bucket", "build"], ["a\ntgz", "fetch"])
    )
    assert picture
    assert words == (
        "Boxes in a row, joined by arrows: from folder to bucket: a tgz;"
        " from bucket to build: fetch."
    )


def test_the_words_of_a_timeline_have_every_beginning_and_end() -> None:
    picture, words = shown(lambda: pictures.timeline({"BUILD": (0.0, 2.0), "PUSH": (2.0, 2.05)}))
    assert picture
    assert words == (
        "What took how long, on one axis of time. BUILD: 0 ms to 2.00 s; PUSH: 2.00 s to 2.05 s."
    )


def test_the_words_of_times_have_each_number_and_where_it_is_from() -> None:
    """A simulated number must never pass for a measured one."""
    picture, words = shown(
        lambda: pictures.times(
            [
                Time("Tokyo, the wiki", 0.6, pictures.TOLD),
                Time("Tokyo, distance alone", 0.0346, pictures.COMPUTED),
                Time("Tokyo, here", 0.041, pictures.SIMULATED),
                Time("Seoul, here", 0.0, pictures.MEASURED),
            ]
        )
    )
    assert picture
    assert words == (
        "Times side by side. Tokyo, the wiki: 0.60 s, told in 2021;"
        " Tokyo, distance alone: 35 ms, computed; Tokyo, here: 41 ms, simulated;"
        " Seoul, here: 0 ms, measured."
    )


def stored(location: str, letter: str, hour: int, *tags: str) -> DockerImage:
    uri = f"{location}-docker.pkg.dev/hands-on/registry/app@sha256:{64 * letter}"
    return DockerImage(uri=uri, tags=tags, upload_time=datetime(2026, 11, 28, hour, tzinfo=UTC))


def test_the_words_of_a_registry_map_have_every_image_its_tags_and_where_it_is() -> None:
    """Who can't see the picture would not know which image is in both places."""
    picture, words = shown(
        lambda: pictures.registry_map(
            {
                "us": [stored("us", "b", 2, "v2"), stored("us", "a", 1, "v1", "stable")],
                "asia": [stored("asia", "b", 3)],
                "europe": [],
            }
        )
    )
    assert picture
    assert words == (
        "What the repositories hold, by location."
        " us: app@sha256:aaaaaaaaaaaa, tags stable, v1; app@sha256:bbbbbbbbbbbb, tag v2."
        " asia: app@sha256:bbbbbbbbbbbb, no tag. europe: nothing."
    )


def test_the_words_of_traffic_have_every_revision_its_share_and_its_tags() -> None:
    """Who can't see the picture would not know who is answered by what."""
    picture, words = shown(
        lambda: pictures.traffic(
            [
                TrafficTargetStatus(revision="first", percent=60),
                TrafficTargetStatus(revision="green", percent=40),
                TrafficTargetStatus(revision="green", tag="next"),
                TrafficTargetStatus(revision="blue", tag="new"),
            ],
            known=["green", "old"],
        )
    )
    assert picture
    assert words == (
        "Which revision gets which requests. first: 60 % of the requests to the service;"
        " green: 40 % of the requests to the service, all at the address of the tag next;"
        " blue: all at the address of the tag new; old: no requests."
    )


def test_the_words_of_instances_have_each_with_its_answers_and_those_that_were_refused() -> None:
    picture, words = shown(
        lambda: pictures.instances(
            [
                Request("", 10.2, 12.2),
                Request("aa", 10.0, 11.0),
                Request("bb", 10.1, 11.5),
                Request("aa", 10.0, 12.0),
                Request("", 10.1, 12.1),
            ]
        )
    )
    assert picture
    assert words == (
        "Requests by the instance that answered, and when the answers came."
        " aa: 2 answered, 1.00 s to 2.00 s; bb: 1 answered, 1.50 s to 1.50 s;"
        " 2 refused, 2.10 s to 2.20 s."
    )


def test_requests_at_the_same_time_stand_on_lines_of_their_own() -> None:
    """One bar would hide another."""
    assert pictures._lines([(0, 1), (0, 2), (1, 3), (1.5, 2)]) == [1, 2, 1, 3]


def test_nothing_but_nothing_takes_no_time() -> None:
    """The scale of a chart whose bars are all empty must not be an error."""
    assert shown(lambda: pictures.times([Time("Seoul", 0.0, pictures.COMPUTED)]))[0]
    assert shown(lambda: pictures.instances([]))[0]
    assert shown(lambda: pictures.registry_map({"us": []}))[0]


@pytest.mark.parametrize(
    ("draw", "choices"),
    [
        (lambda: pictures.way([Station("IAM", "open")]), "passed, stopped, not reached, not used"),
        (lambda: pictures.times([Time("x", 1, "felt")]), "measured, simulated, computed"),
    ],
)
def test_a_word_that_has_no_meaning_is_answered_with_those_that_have(
    draw: Callable[[], None], choices: str
) -> None:
    """A station drawn in no style would be left out."""
    with pytest.raises(ValueError, match=choices):
        draw()


def test_no_two_states_or_kinds_differ_in_colour_alone() -> None:
    """One reader in twelve could not tell them apart."""
    marks = [mark for mark, *_ in pictures._STATES.values()]
    assert len(set(marks)) == len(marks)
