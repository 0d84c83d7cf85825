"""The label by which a run's things are known: what carries it is ours, all else is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import artifactregistry_v1, iam_admin_v1, run_v2, storage
from google.cloud import dns as cloud_dns  # type: ignore[attr-defined]

from helpers import domains, network
from helpers.clients import finished
from helpers.descriptions import labels_in
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
            run_v2.ServicesClient().get_service(name=f"{location}/services/{name}").labels
        ),
        "repository": lambda: (
            artifactregistry_v1.ArtifactRegistryClient()
            .get_repository(name=f"{location}/repositories/{name}")
            .labels
        ),
        "service account": lambda: labels_in(
            iam_admin_v1.IAMClient()
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
    """Yield all that carries ``label``.

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
    parent = f"projects/{project}/locations"
    for mapping in domains.mappings(f"{parent}/{region}") if "domain mapping" in kinds else ():
        about = mapping["metadata"]
        if carries(about.get("labels"), label):
            service = f"{parent}/{region}/services/{mapping['spec']['routeName']}"
            yield "domain mapping", about["name"], partial(domains.delete, service, about["name"])
    run = run_v2.ServicesClient()
    for service in run.list_services(parent=f"{parent}/{region}"):
        if carries(service.labels, label):
            yield "service", service.name, partial(_finish, run.delete_service, service.name)
    for zone in cloud_dns.Client(project=project).list_zones() if "zone" in kinds else ():
        if carries(labels_in(zone.description), label):
            yield "zone", zone.name, partial(domains.delete_zone, zone)
            domain = zone.dns_name.rstrip(".")
            if domain in domains.verified(project):
                yield "ownership", domain, partial(domains.give_up, domain)
    if "network" in kinds:
        yield from network.with_description(
            project, region, lambda text: carries(labels_in(text), label)
        )
    registry = artifactregistry_v1.ArtifactRegistryClient()
    for location in (region, *elsewhere):
        for repository in registry.list_repositories(parent=f"{parent}/{location}"):
            if carries(repository.labels, label):
                delete = partial(_finish, registry.delete_repository, repository.name)
                yield "repository", repository.name, delete
    iam = iam_admin_v1.IAMClient()
    for account in iam.list_service_accounts(name=f"projects/{project}"):
        if carries(labels_in(account.description), label):
            delete = partial(iam.delete_service_account, name=account.name)
            yield "service account", account.email, delete
    bucket = storage.Client(project=project).lookup_bucket(staging_bucket_name(project))
    if bucket is not None:
        objects = list(bucket.list_blobs())
        mine = [found for found in objects if carries(found.metadata, label)]
        if mine:
            kind = f"{len(mine)} source archive(s)"
            yield kind, f"gs://{bucket.name}/source", partial(bucket.delete_blobs, mine)
        if carries(bucket.labels, label) and len(mine) == len(objects):
            yield "bucket", f"gs://{bucket.name}", bucket.delete


def _finish(delete: Callable[..., Any], name: str) -> None:
    finished(delete(name=name))
