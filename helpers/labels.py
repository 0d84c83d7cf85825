"""The label by which a run's things are known: what carries it is ours, all else is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud import artifactregistry_v1, iam_admin_v1, run_v2, storage

from helpers import domains
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
        kind: ``service``, ``repository`` or ``service account``.
        name: the short name; of a service account the part of its address before the ``@``.
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
        "service account": lambda: labels_of_account(
            iam_admin_v1.IAMClient().get_service_account(
                name=f"projects/{project}/serviceAccounts/{address}"
            )
        ),
    }
    try:
        return carries(get[kind](), label)
    except NotFound:
        return True


def with_label(
    label: Labels, project: str, region: str, elsewhere: Sequence[str] = ()
) -> Iterator[Thing]:
    """Yield all that carries ``label``.

    That is domain mappings, services, repositories, service accounts, source archives and their
    bucket.

    Args:
        label: what to look for.
        project: the project's id.
        region: where mappings, services and repositories are.
        elsewhere: other locations of repositories.
    """
    parent = f"projects/{project}/locations"
    for mapping in domains.mappings(f"{parent}/{region}"):
        about = mapping["metadata"]
        if carries(about.get("labels"), label):
            service = f"{parent}/{region}/services/{mapping['spec']['routeName']}"
            yield "domain mapping", about["name"], partial(domains.delete, service, about["name"])
    run = run_v2.ServicesClient()
    for service in run.list_services(parent=f"{parent}/{region}"):
        if carries(service.labels, label):
            yield "service", service.name, partial(_finish, run.delete_service, service.name)
    registry = artifactregistry_v1.ArtifactRegistryClient()
    for location in (region, *elsewhere):
        for repository in registry.list_repositories(parent=f"{parent}/{location}"):
            if carries(repository.labels, label):
                delete = partial(_finish, registry.delete_repository, repository.name)
                yield "repository", repository.name, delete
    iam = iam_admin_v1.IAMClient()
    for account in iam.list_service_accounts(name=f"projects/{project}"):
        if carries(labels_of_account(account), label):
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


def labels_of_account(account: iam_admin_v1.ServiceAccount) -> Labels:
    """Return the labels in a service account's description: it has no others."""
    return dict(re.findall(r"(\S+)=(\S+)", account.description))


def _finish(delete: Callable[..., Any], name: str) -> None:
    delete(name=name).result()
