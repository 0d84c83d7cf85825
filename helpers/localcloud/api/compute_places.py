"""Projects, regions and zones as Compute Engine shows them. There are no quotas here."""

from __future__ import annotations

from typing import Any

from ...regions import REGIONS
from ..identity.accounts import compute_account
from ..network.places import ZONES
from . import compute_lists
from .compute_http import Asked, Row, not_found
from .compute_naming import URL, Place, shown

Document = dict[str, Any]


def _region(place: Place, name: str) -> Document:
    if name not in REGIONS:
        raise not_found(f"projects/{place.project}/regions/{name}")
    here = [f"projects/{place.project}/zones/{each}" for each in ZONES if ZONES[each] == name]
    return _shown(place, "region", name, {"zones": here, "quotas": []})


def _zone(place: Place, name: str) -> Document:
    if name not in ZONES:
        raise not_found(f"projects/{place.project}/zones/{name}")
    region = f"projects/{place.project}/regions/{ZONES[name]}"
    return _shown(place, "zone", name, {"region": region})


def _shown(place: Place, noun: str, name: str, fields: Document) -> Document:
    document = {
        "id": str(place.cloud.ids.number(4, noun, name)),
        "name": f"projects/{place.project}/{noun}s/{name}",
        "description": name,
        "status": "UP",
        **fields,
    }
    return shown(f"compute#{noun}", document)


def _rows(noun: str, every: list[str], one: Any) -> list[Row]:
    async def get(asked: Asked, project: str, name: str) -> Document:
        place = Place.of(asked, project)
        place.require(f"compute.{noun}s.get")
        found: Document = one(place, name)
        return found

    async def list_all(asked: Asked, project: str) -> Document:
        place = Place.of(asked, project)
        place.require(f"compute.{noun}s.list")
        ident = f"projects/{place.project}/{noun}s"
        found = [one(place, each) for each in sorted(every)]
        return compute_lists.answer(asked, f"compute#{noun}List", ident, URL, found)

    path = f"projects/{{project}}/{noun}s"
    return [Row("GET", path, list_all), Row("GET", f"{path}/{{name}}", get)]


async def _project(asked: Asked, project: str) -> Document:
    """projects.get."""
    place = Place.of(asked, project)
    place.require("compute.projects.get")
    found = place.cloud.accounts.project(place.project)
    number = found["projectNumber"]
    return {
        "kind": "compute#project",
        "id": number,
        "name": place.project,
        "creationTimestamp": found["createTime"],
        "commonInstanceMetadata": {"kind": "compute#metadata"},
        "defaultServiceAccount": compute_account(number),
        "defaultNetworkTier": "PREMIUM",
        "xpnProjectStatus": "UNSPECIFIED_XPN_PROJECT_STATUS",
        "selfLink": f"{URL}projects/{place.project}",
    }


ROWS = [
    Row("GET", "projects/{project}", _project),
    *_rows("region", list(REGIONS), _region),
    *_rows("zone", list(ZONES), _zone),
]
