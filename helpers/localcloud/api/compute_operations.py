"""Operations of Compute Engine: global, of a region, or of a zone.

The change that an operation stands for and its end are one transaction, so an operation that a
stopped daemon left undone has changed nothing, except those of instances, which go on.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Container
from typing import Any

from ...regions import REGIONS
from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError
from ..network.places import ZONES
from ..network.starting import compute_time
from . import compute_lists, operations
from .compute_http import Asked, ComputeError, Row, not_found
from .compute_naming import URL, Place, shown

Document = dict[str, Any]
Then = Callable[[], Awaitable[None]]

KIND = "compute.operations"
WAIT_SECONDS = 120
"""How long ``wait`` waits at most; https://docs.cloud.google.com/compute/docs/reference/rest/v1"""

log = logging.getLogger(__name__)


def moment(cloud: Cloud) -> str:
    """The cloud's time as Compute Engine writes it."""
    return compute_time(cloud.clock.now())


def start(
    place: Place,
    what: str,
    target: str,
    number: str,
    apply: Callable[[], object],
    then: Then | None = None,
) -> Document:
    """Stores an operation, begins its work and returns it as it is shown.

    ``apply`` makes the change. ``then``, if there is something to wait for, follows it.
    """
    cloud = place.cloud
    count = cloud.store.count_up(KIND, place.project)
    hexes = [cloud.ids.hex(length, KIND, place.project, count) for length in (13, 8)]
    name = f"operation-{round(cloud.clock.time() * 1000)}-{hexes[0]}-{hexes[1]}-{count:08x}"
    now = moment(cloud)
    document: Document = {
        "id": str(cloud.ids.number(19, KIND, place.project, count)),
        "name": place.named("operations", name),
        "operationType": what,
        "targetLink": target,
        "targetId": number,
        "user": place.asked.call.email,
        "status": "PENDING",
        "progress": 0,
        "insertTime": now,
    }
    if place.scope != "global":
        document[place.scope.partition("/")[0].rstrip("s")] = (
            f"projects/{place.project}/{place.scope}"
        )
    cloud.store.put(KIND, document["name"], document)
    cloud.in_background(_run(cloud, document, apply, then))
    return show(document)


def resume(cloud: Cloud, document: Document, then: Then) -> None:
    """Goes on with what an earlier daemon left undone after its change."""
    cloud.in_background(_run(cloud, document, lambda: None, then))


async def _run(
    cloud: Cloud, document: Document, apply: Callable[[], object], then: Then | None
) -> None:
    document |= {"status": "RUNNING", "startTime": moment(cloud)}
    cloud.store.put(KIND, document["name"], document)
    try:
        with cloud.store.transaction():
            apply()
            if then is None:
                _end(cloud, document)
        if then is not None:
            await then()
            _end(cloud, document)
    except GoogleError as error:
        _end(cloud, document, error)
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("operation %s", document["name"])
        _end(cloud, document, GoogleError("INTERNAL", "Internal error encountered."))
    operations.wake(cloud, document["name"])


def _end(cloud: Cloud, document: Document, error: GoogleError | None = None) -> None:
    document |= {"status": "DONE", "progress": 100, "endTime": moment(cloud)}
    if error is not None:
        reason = error.reason if isinstance(error, ComputeError) else error.status
        code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", reason).upper()
        document["error"] = {"errors": [{"code": code, "message": error.message}]}
        document["httpErrorStatusCode"] = error.http_status
        document["httpErrorMessage"] = error.status.replace("_", " ")
    cloud.store.put(KIND, document["name"], document)


def undone(cloud: Cloud) -> list[Document]:
    """The operations that an earlier daemon did not end."""
    return [each for _, each in cloud.store.list(KIND) if each["status"] != "DONE"]


def end_interrupted(cloud: Cloud, resumed: Container[str]) -> None:
    """Ends with an error what an earlier daemon left undone and this one does not go on with."""
    for document in undone(cloud):
        if document["name"] not in resumed:
            _end(cloud, document, GoogleError("ABORTED", unrecorded.compute_interrupted()))


def show(document: Document) -> Document:
    """An operation as Google shows it."""
    return shown("compute#operation", document)


def _place(asked: Asked, project: str, where: dict[str, str], verb: str) -> Place:
    place = Place.of(asked, project, **where)
    kind = {"global": "global", "regions": "region", "zones": "zone"}
    place.require(f"compute.{kind[place.scope.partition('/')[0]]}Operations.{verb}")
    return place


def _find(place: Place, name: str) -> Document:
    document = place.cloud.store.get(KIND, place.named("operations", name))
    if document is None:
        raise not_found(place.named("operations", name))
    return document


async def get(asked: Asked, project: str, name: str, **where: str) -> Document:
    """One operation."""
    return show(_find(_place(asked, project, where, "get"), name))


async def wait(asked: Asked, project: str, name: str, **where: str) -> Document:
    """One operation, once it is done or two minutes have passed."""
    place = _place(asked, project, where, "get")
    if _find(place, name)["status"] != "DONE":
        full = place.named("operations", name)
        await operations.until_woken(place.cloud, full, WAIT_SECONDS)
    return show(_find(place, name))


async def list_all(asked: Asked, project: str, **where: str) -> Document:
    """The operations of a place."""
    place = _place(asked, project, where, "list")
    prefix = place.named("operations")
    found = [show(each) for _, each in place.cloud.store.list(KIND, prefix)]
    return compute_lists.answer(asked, "compute#operationList", prefix.rstrip("/"), URL, found)


async def aggregated(asked: Asked, project: str) -> Document:
    """The operations of all places of a project."""
    place = _place(asked, project, {}, "list")
    rows = place.cloud.store.list(KIND, f"projects/{place.project}/")
    scopes = ["global", *(f"regions/{each}" for each in sorted(REGIONS))]
    scopes += [f"zones/{each}" for each in sorted(ZONES)]
    return compute_lists.aggregated(
        asked, "operation", "operations", place.project, URL, [show(each) for _, each in rows],
        scopes,
    )  # fmt: skip


async def delete(asked: Asked, project: str, name: str, **where: str) -> Document:
    """Forgets an operation; it does not stop its work."""
    place = _place(asked, project, where, "delete")
    place.cloud.store.delete(KIND, _find(place, name)["name"])
    return {}


ROWS = [
    Row("GET", "projects/{project}/aggregated/operations", aggregated),
    *(
        Row(verb, f"projects/{{project}}/{scope}/operations{end}", answer)
        for scope in ("global", "regions/{region}", "zones/{zone}")
        for verb, end, answer in (
            ("GET", "", list_all),
            ("GET", "/{name}", get),
            ("POST", "/{name}/wait", wait),
            ("DELETE", "/{name}", delete),
        )
    ),
]
