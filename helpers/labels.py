"""The label by which a run's things are known: what carries it is ours, all else is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from google.api_core.exceptions import NotFound
from google.cloud import artifactregistry_v1, iam_admin_v1, run_v2, storage
from google.cloud import dns as cloud_dns  # type: ignore[attr-defined]

from helpers import domains, network
from helpers.clients import client, finished
from helpers.descriptions import labels_in, made_in
from helpers.rest import Missing
from helpers.source import staging_bucket_name

KEY = "hands-on-run"

MOST_LETTERS = 63
"""In a label's value. Source: https://docs.cloud.google.com/resource-manager/docs/labels-overview
(2026-11-24)
"""

Labels = dict[str, str]
Thing = tuple[str, str, Callable[[], object]]
"""Something in the cloud: its kind, its name, and what deletes it."""

Wanted = Callable[[Mapping[str, str] | None, datetime | None], bool]
"""Says of the labels of something, and of the time at which it was made, whether it is meant."""


def label_of(account: str) -> Labels:
    """Return the label for what ``account`` (an e-mail address) makes.

    It is the same in every process, so that a later one finds what an earlier one left.
    """
    name = re.sub(r"(\.iam)?\.gserviceaccount\.com$", "", account.lower())
    return {KEY: re.sub(r"[^a-z0-9_-]", "-", name)[:MOST_LETTERS]}


def carries(there: Mapping[str, str] | None, label: Labels) -> bool:
    """Return whether the labels of something, or the metadata of an object, hold ``label``."""
    return label.items() <= dict(there or {}).items()


def is_free(kind: str, name: str, location: str, label: Labels) -> bool:
    """Return whether a name can be used: nothing has it, or only something with ``label``.

    Args:
        kind: ``service``, ``repository``, ``service account``, ``domain mapping``, ``zone`` or
            ``network``.
        name: the short name; of a service account the part of its address before the ``@``, of a
            domain mapping and a zone the domain.
        location: ``projects/PROJECT/locations/REGION``.
        label: what is ours carries it.
    """
    project = location.split("/")[1]
    address = f"{name}@{project}.iam.gserviceaccount.com"
    get: dict[str, Callable[[], Mapping[str, str]]] = {
        "service": lambda: (
            client(run_v2.ServicesClient).get_service(name=f"{location}/services/{name}").labels
        ),
        "repository": lambda: (
            client(artifactregistry_v1.ArtifactRegistryClient)
            .get_repository(name=f"{location}/repositories/{name}")
            .labels
        ),
        "service account": lambda: labels_in(
            client(iam_admin_v1.IAMClient)
            .get_service_account(name=f"projects/{project}/serviceAccounts/{address}")
            .description
        ),
        "domain mapping": lambda: next(
            (
                found["metadata"].get("labels", {})
                for found in domains.mappings(location)
                if found["metadata"]["name"] == name
            ),
            label,
        ),
        "zone": lambda: next(
            (
                labels_in(found.description)
                for found in cloud_dns.Client(project=project).list_zones()
                if found.dns_name == f"{name}."
            ),
            label,
        ),
        "network": lambda: labels_in(
            network.get(f"projects/{project}/global/networks/{name}").get("description")
        ),
    }
    try:
        return carries(get[kind](), label)
    except (NotFound, Missing):
        return True


def with_label(
    label: Labels,
    project: str,
    region: str,
    elsewhere: Sequence[str] = (),
    kinds: Collection[str] = (),
) -> Iterator[Thing]:
    """Yield all that carries ``label``, each thing before those that it needs.

    That is services, repositories, service accounts, source archives and their bucket; and of
    ``kinds`` domain mappings, and zones and networks with all that is in them.

    Args:
        label: what to look for.
        project: the project's id.
        region: where mappings, services and repositories are.
        elsewhere: other locations of repositories.
        kinds: look for these too, each of which few lessons make: ``domain mapping``, ``zone``,
            ``network``. Who gives up a zone gives up its domain, because the proof of owning it was
            a record in there.
    """
    for kind, search in SEARCHES.items():
        if kind not in OF_FEW_LESSONS or kind in kinds:
            yield from search(
                lambda labels, made: carries(labels, label),
                Where(project, region, tuple(elsewhere)),
            )


class Where(NamedTuple):
    """A project, its region, and the other locations in which it may have repositories."""

    project: str
    region: str
    elsewhere: tuple[str, ...]

    @property
    def parent(self) -> str:
        """The full name of the region."""
        return f"projects/{self.project}/locations/{self.region}"


def _mappings(wanted: Wanted, where: Where) -> Iterator[Thing]:
    for mapping in domains.mappings(where.parent):
        about = mapping["metadata"]
        if wanted(about.get("labels"), datetime.fromisoformat(about["creationTimestamp"])):
            service = f"{where.parent}/services/{mapping['spec']['routeName']}"
            yield "domain mapping", about["name"], partial(domains.delete, service, about["name"])


def _services(wanted: Wanted, where: Where) -> Iterator[Thing]:
    run = client(run_v2.ServicesClient)
    for service in run.list_services(parent=where.parent):
        if wanted(service.labels, service.create_time):
            yield "service", service.name, partial(_finish, run.delete_service, service.name)


def _zones(wanted: Wanted, where: Where) -> Iterator[Thing]:
    for zone in cloud_dns.Client(project=where.project).list_zones():
        if wanted(labels_in(zone.description), zone.created):
            yield "zone", zone.name, partial(domains.delete_zone, zone)
            domain = zone.dns_name.rstrip(".")
            if domain in domains.verified(where.project):
                yield "ownership", domain, partial(domains.give_up, domain)


def _networks(wanted: Wanted, where: Where) -> Iterator[Thing]:
    return network.with_description(
        where.project,
        where.region,
        lambda text, made: wanted(labels_in(text), datetime.fromisoformat(made)),
    )


def _repositories(wanted: Wanted, where: Where) -> Iterator[Thing]:
    registry = client(artifactregistry_v1.ArtifactRegistryClient)
    for location in (where.region, *where.elsewhere):
        parent = f"projects/{where.project}/locations/{location}"
        for repository in registry.list_repositories(parent=parent):
            if wanted(repository.labels, repository.create_time):
                delete = partial(_finish, registry.delete_repository, repository.name)
                yield "repository", repository.name, delete


def _accounts(wanted: Wanted, where: Where) -> Iterator[Thing]:
    iam = client(iam_admin_v1.IAMClient)
    for account in iam.list_service_accounts(name=f"projects/{where.project}"):
        if wanted(labels_in(account.description), made_in(account.description)):
            delete = partial(iam.delete_service_account, name=account.name)
            yield "service account", account.email, delete


def _archives(wanted: Wanted, where: Where) -> Iterator[Thing]:
    bucket = storage.Client(project=where.project).lookup_bucket(staging_bucket_name(where.project))
    if bucket is not None:
        objects = list(bucket.list_blobs())
        ours = [found for found in objects if wanted(found.metadata, found.time_created)]
        if ours:
            kind = f"{len(ours)} source archive(s)"
            yield kind, f"gs://{bucket.name}/source", partial(bucket.delete_blobs, ours)
        if wanted(bucket.labels, bucket.time_created) and len(ours) == len(objects):
            yield "bucket", f"gs://{bucket.name}", bucket.delete


SEARCHES: dict[str, Callable[[Wanted, Where], Iterator[Thing]]] = {
    "domain mapping": _mappings,
    "service": _services,
    "zone": _zones,
    "network": _networks,
    "repository": _repositories,
    "service account": _accounts,
    "source archive": _archives,
}
"""How to find what is ours, in the order in which it can be deleted."""

OF_FEW_LESSONS = ("domain mapping", "zone", "network")


def _finish(delete: Callable[..., Any], name: str) -> None:
    finished(delete(name=name))
