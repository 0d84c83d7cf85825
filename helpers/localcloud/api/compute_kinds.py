"""The resources of Compute Engine: how they are named, checked, shown, made, changed and deleted.

Every collection is one ``Kind``; what is the same for all of them is here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...regions import REGIONS
from .. import unrecorded
from ..cloud import Cloud
from ..errors import unimplemented
from ..network.places import ZONES
from ..network.starting import identified
from . import compute_lists, compute_operations
from .compute_http import Asked, ComputeError, Row, bad_value, exists, in_use, not_found, required
from .compute_naming import URL, Place, check_name, fingerprint, shown
from .compute_shapes import Shape, check, without_nothing

Document = dict[str, Any]


def nothing(cloud: Cloud, document: Document) -> Document:
    """No fields, and no objection."""
    return {}


@dataclass(frozen=True)
class Kind:
    """One collection.

    ``make(place, name, body, old)`` checks a new resource, or what an old one is changed to, and
    returns its fields; it changes nothing. ``put`` and ``drop`` do what storing and deleting one
    comes with. ``check_unused`` raises ComputeError if one may not be deleted; ``late`` says that
    this is found out only by the operation. ``extra`` are the fields that are not stored.
    """

    schema: str
    noun: str
    collection: str
    scope: str
    stored: str
    fields: Mapping[str, Shape]
    refused: Collection[str]
    make: Callable[[Place, str, Document, Document | None], Document]
    put: Callable[[Place, Document], None]
    check_unused: Callable[[Cloud, Document], object] = nothing
    drop: Callable[[Cloud, Document], object] = nothing
    extra: Callable[[Cloud, Document], Document] = nothing
    late: bool = False
    output: Collection[str] = field(default=())

    # Reading

    def find(self, place: Place, short: str) -> Document:
        """A resource. Raises ComputeError if there is none."""
        document = place.cloud.store.get(self.stored, place.named(self.collection, short))
        if document is None:
            raise not_found(place.named(self.collection, short))
        return document

    def show(self, cloud: Cloud, document: Document) -> Document:
        """A resource as Google shows it."""
        return shown(f"compute#{self.noun}", document | self.extra(cloud, document))

    def check_fields(self, body: Document) -> None:
        """Raises GoogleError for a field that Google does not have, or that is not served."""
        check(body, dict, "resource")
        ignored = {"kind", "id", "creationTimestamp", "selfLink", "selfLinkWithId", "region",
                   "zone", *self.output}  # fmt: skip
        for name, value in body.items():
            check(value, self.fields.get(name), f"resource.{name}")
            if name in self.refused and value not in (None, False, [], {}, "", 0):
                raise unimplemented(f"{self.schema}.{name}")
            if name not in self.fields and name not in self.refused and name not in ignored:
                text = f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
                raise ComputeError("INVALID_ARGUMENT", text)

    async def get(self, asked: Asked, project: str, name: str, **where: str) -> Document:
        """One resource."""
        place = Place.of(asked, project, **where)
        place.require(f"compute.{self.collection}.get", place.named(self.collection, name))
        return self.show(place.cloud, self.find(place, name))

    async def list_all(self, asked: Asked, project: str, **where: str) -> Document:
        """The resources of one place."""
        place = Place.of(asked, project, **where)
        place.require(f"compute.{self.collection}.list")
        prefix = place.named(self.collection)
        found = [self.show(place.cloud, each) for _, each in place.cloud.store.list(
            self.stored, prefix)]  # fmt: skip
        return compute_lists.answer(
            asked, f"compute#{self.noun}List", prefix.rstrip("/"), URL, found
        )

    async def aggregated(self, asked: Asked, project: str) -> Document:
        """The resources of all places of a project."""
        place = Place.of(asked, project)
        place.require(f"compute.{self.collection}.list")
        rows = place.cloud.store.list(self.stored, f"projects/{place.project}/{self.scope}/")
        found = [self.show(place.cloud, each) for _, each in rows]
        every = [f"regions/{each}" for each in sorted(REGIONS)]
        if self.scope == "zones":
            every = [f"zones/{each}" for each in sorted(ZONES)]
        return compute_lists.aggregated(
            asked, self.noun, self.collection, place.project, URL, found, every
        )

    # Changing

    async def insert(
        self,
        asked: Asked,
        project: str,
        *,
        then: compute_operations.Then | None = None,
        **where: str,
    ) -> Document:
        """Makes a resource; the answer is an operation, which ``then`` belongs to."""
        place = Place.of(asked, project, **where)
        name = asked.body.get("name")
        self.check_fields(asked.body)
        if not name:
            raise required("resource.name")
        check_name("resource.name", name)
        full = place.named(self.collection, name)
        place.require(f"compute.{self.collection}.create", full)
        created = compute_operations.moment(place.cloud)

        def made() -> Document:
            if place.cloud.store.get(self.stored, full) is not None:
                raise exists(full)
            fields = self.make(place, full, without_nothing(asked.body), None)
            if place.scope != "global":
                fields[self.scope.rstrip("s")] = f"projects/{place.project}/{place.scope}"
            return identified(place.cloud.ids, self.noun, full, created, fields)

        number = made()["id"]
        return compute_operations.start(
            place, "insert", full, number, lambda: self.put(place, made()), then
        )

    def change(
        self, place: Place, short: str, what: str, body: Document, *, whole: bool = False
    ) -> Document:
        """Merges a body into a resource, or replaces it as a whole; an operation."""
        full = place.named(self.collection, short)
        place.require(f"compute.{self.collection}.update", full)
        self.check_fields(body)
        old = self.find(place, short)

        def changed() -> Document:
            now = self.find(place, short)
            sent = body.get("fingerprint")
            if sent and sent != fingerprint(now):
                raise ComputeError(
                    "FAILED_PRECONDITION", unrecorded.compute_fingerprint(), code=412
                )
            base = {} if whole else {each: now[each] for each in self.fields if each in now}
            wanted = base | {each: body[each] for each in self.fields if each in body}
            wanted = without_nothing(wanted)
            if wanted.get("name", short) not in (short, full):
                raise bad_value("resource.name", wanted["name"], unrecorded.compute_immutable())
            kept = {each: value for each, value in now.items() if each not in self.fields}
            return kept | self.make(place, full, wanted, now) | {"name": full}

        changed()
        return compute_operations.start(
            place, what, full, old["id"],
            lambda: place.cloud.store.put(self.stored, full, changed()),
        )  # fmt: skip

    async def patch(self, asked: Asked, project: str, name: str, **where: str) -> Document:
        """Changes the fields that are given."""
        return self.change(Place.of(asked, project, **where), name, "patch", asked.body)

    async def update(self, asked: Asked, project: str, name: str, **where: str) -> Document:
        """Replaces a resource."""
        place = Place.of(asked, project, **where)
        return self.change(place, name, "update", asked.body, whole=True)

    async def delete(self, asked: Asked, project: str, name: str, **where: str) -> Document:
        """Deletes a resource that nothing needs; the answer is an operation."""
        place = Place.of(asked, project, **where)
        full = place.named(self.collection, name)
        place.require(f"compute.{self.collection}.delete", full)
        document = self.find(place, name)
        if not self.late:
            self.check_unused(place.cloud, document)

        def drop() -> None:
            now = self.find(place, name)
            self.check_unused(place.cloud, now)
            self.drop(place.cloud, now)
            place.cloud.store.delete(self.stored, full)

        return compute_operations.start(place, "delete", full, document["id"], drop)

    # Rows

    @property
    def parent(self) -> str:
        """The path of the collection."""
        between = {"global": "global", "regions": "regions/{region}", "zones": "zones/{zone}"}
        return f"projects/{{project}}/{between[self.scope]}/{self.collection}"

    def rows(self, *verbs: str) -> list[Row]:
        """Its methods: get, list and those that are named."""
        one = f"{self.parent}/{{name}}"
        known = {
            "insert": Row("POST", self.parent, self.insert),
            "delete": Row("DELETE", one, self.delete),
            "patch": Row("PATCH", one, self.patch),
            "update": Row("PUT", one, self.update),
            "aggregatedList": Row(
                "GET", f"projects/{{project}}/aggregated/{self.collection}", self.aggregated
            ),
        }
        return [
            Row("GET", self.parent, self.list_all),
            Row("GET", one, self.get),
            *(known[verb] for verb in verbs),
        ]


def require_unused(
    cloud: Cloud, noun: str, name: str, *, part: str = "", apart_from: Container[str] = ()
) -> None:
    """Raises ComputeError if something needs a resource, or a ``part`` that goes with it."""
    user = cloud.vpc.user_of(part or name, apart_from=apart_from)
    if user is not None:
        raise in_use(noun, name, user)


def stored_in(kind: str) -> Callable[[Place, Document], None]:
    """What puts a resource into the store and does nothing else."""

    def put(place: Place, document: Document) -> None:
        place.cloud.store.put(kind, document["name"], document)

    return put
