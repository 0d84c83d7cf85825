"""The exercises of lesson 06: they look at a mapping and its records, and at a judgement."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from google.cloud import dns  # type: ignore[attr-defined]

from helpers import domains, lab, regions
from helpers.check import Outcome, exercise, not_tried, not_yet, passed

NEARLY = 0.9
"""The share of a time that explains it nearly alone."""


class Report(NamedTuple):
    """Somebody's word that calls take ``longer`` seconds than those of a caller next door.

    Of the calls, ``fresh`` make a connection, and ``kept`` use one that is there.
    """

    number: int
    place: str
    calls: str
    fresh: int
    kept: int
    longer: float


REPORTS = (
    Report(1, "Seoul", "one, on a fresh connection", 1, 0, 0.3),
    Report(2, "London", "one, on a fresh connection", 1, 0, 0.3),
    Report(3, "London", "one, on a connection that was kept", 0, 1, 0.3),
    Report(4, "London", "three in a row, on one fresh connection", 1, 2, 0.5),
)

COLUMNS = ("report", "the caller is in", "calls", "seconds more")
ROWS = [(one.number, one.place, one.calls, one.longer) for one in REPORTS]
"""The reports, for a table with `COLUMNS`."""


@exercise
def repair_pending(uid: str) -> Outcome:
    """Whether the mapping that was pending is ready; ``uid`` is the one that it had."""
    project, region = lab.place()
    found = domains.mappings(f"projects/{project}/locations/{region}")
    same = [each for each in found if each["metadata"]["uid"] == uid]
    if not same:
        return not_yet("The mapping is gone. Run the cell that makes it, and repair that one.")
    [mapping] = same
    if domains.is_ready(mapping):
        return passed("The mapping is ready, and it is still the same one.")
    there = _records(project, mapping["metadata"]["name"])
    if not any(kind == "CNAME" for _, kind, _ in there):
        return not_tried("The mapping is pending, and the record that it needs is not there.")
    if there != domains.records(mapping):
        return not_yet("The CNAME record does not hold what the mapping needs.")
    return not_yet("The records are right. Now wait until the mapping is ready.")


@exercise
def tell_distance(by_distance: Collection[int]) -> Outcome:
    """Whether these are the numbers of the reports that the light explains nearly alone."""
    if not by_distance:
        return not_tried("Put the numbers of the reports that the light explains into the list.")
    service = regions.find(lab.place()[1])
    for report in REPORTS:
        trip = regions.round_trip(regions.find(report.place), service)
        trips = report.fresh * regions.FRESH_TRIPS + report.kept * regions.KEPT_TRIPS
        explained = trips * trip >= NEARLY * report.longer
        if explained != (report.number in by_distance):
            return not_yet(f"Report {report.number} is not right. Count its round trips again.")
    return passed("The light explains these nearly alone. The others have another cause, too.")


def _records(project: str, name: str) -> list[tuple[str, str, str]]:
    """Name, type and data of the records of a name, in the zones of the project."""
    return [
        (name, found.record_type, data)
        for zone in dns.Client(project=project).list_zones()
        for found in zone.list_resource_record_sets()
        if found.name == f"{name}."
        for data in found.rrdatas
    ]
