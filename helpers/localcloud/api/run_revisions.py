"""Revisions: made from a service's template, brought up once, kept for traffic."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from .. import unrecorded
from ..clock import timestamp
from ..cloud import Cloud
from ..engine.unpack import BadLayer
from ..errors import GoogleError
from ..frontdoor.model import RevisionSpec, StartFailed
from ..registry import image as images
from ..registry.image import NotAnImage
from ..registry.repositories import NoSuchImage, PullDenied
from . import run_probes, run_vpc
from .run_validation import LATEST, quantity, seconds

REVISIONS = "run.revision"
TEMPLATES = "run.template"
SUCCEEDED, FAILED = "CONDITION_SUCCEEDED", "CONDITION_FAILED"
NO_NETWORK = "VPC_NETWORK_NOT_FOUND"
ORDER = (
    "Ready", "Active", "ContainerHealthy", "ContainerReady", "MinInstancesProvisioned",
    "ResourcesAvailable",
)  # fmt: skip
GENERATION = "serving.knative.dev/configurationGeneration"
"""The label that says at which generation of its service a revision was made."""
TROUBLESHOOTING = "https://cloud.google.com/run/docs/troubleshooting#container-failed-to-start"

Document = dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """Why a change did not come through: the operation's error and the conditions' fields."""

    status: str
    message: str
    condition: Document


def exists(cloud: Cloud, name: str) -> bool:
    """Whether there is a revision of that full name."""
    return cloud.store.get(REVISIONS, name) is not None


def get(cloud: Cloud, name: str) -> Document:
    """A revision. Raises GoogleError NOT_FOUND."""
    document = cloud.store.get(REVISIONS, name)
    if document is None:
        _, project, _, location, _, _, _, revision = name.split("/")
        raise GoogleError(
            "NOT_FOUND",
            f"Resource '{revision}' of kind 'REVISION' in region '{location}' in project"
            f" '{project}' does not exist.",
        )
    return document


def delete(cloud: Cloud, name: str) -> None:
    """Deletes a revision."""
    cloud.store.delete(REVISIONS, name)
    cloud.store.delete(TEMPLATES, name)


def delete_all(cloud: Cloud, service: str) -> None:
    """Deletes the revisions of a service."""
    for name, _ in cloud.store.list(REVISIONS, f"{service}/revisions/"):
        delete(cloud, name)


def needed(cloud: Cloud, service: Document) -> str | None:
    """Makes the revision that a service's template asks for, and returns its full name.

    The latest revision, if it is that one, is to be brought up again when it was interrupted, or
    when it failed and is to get traffic. None if there is nothing to bring up.
    """
    template = service["template"]
    latest = service.get("latestCreatedRevision")
    if latest is not None and made_from(cloud, latest) == template:
        wanted = any(target["type"] == LATEST for target in service["traffic"])
        interrupted = "reconciling" in get(cloud, latest)
        return latest if interrupted or (wanted and failed(cloud, latest)) else None
    name = f"{service['name']}/revisions/{_short_name(cloud, service)}"
    if exists(cloud, name):
        return name
    now = timestamp(cloud.clock.now())
    revision: Document = {
        "name": name,
        "uid": cloud.ids.uuid("run.revision", service["uid"], name),
        "generation": "1",
        "labels": template.get("labels", {}) | {GENERATION: service["generation"]},
        "annotations": template.get("annotations", {}),
        "createTime": now,
        "updateTime": now,
        "launchStage": service["launchStage"],
        "service": service["name"].rpartition("/")[2],
        "reconciling": True,
        "creator": service["lastModifier"],
    }
    for field in (
        "scaling", "maxInstanceRequestConcurrency", "timeout", "serviceAccount", "containers",
        "executionEnvironment", "vpcAccess",
    ):  # fmt: skip
        if field in template:
            revision[field] = template[field]
    first = revision["containers"][0]
    first = {"name": f"{revision['service']}-1"} | first
    revision["containers"] = [first]
    revision["etag"] = cloud.ids.etag("run.revision", name, now)
    revision["logUri"] = logs_url(service["name"], name.rpartition("/")[2])
    with cloud.store.transaction():
        cloud.store.put(REVISIONS, name, revision)
        cloud.store.put(TEMPLATES, name, template)
    return name


def failed(cloud: Cloud, name: str) -> Failure | None:
    """Why a revision cannot serve; None if it can."""
    revision = get(cloud, name)
    ready = _condition(revision, "Ready")
    if ready.get("state") != FAILED:
        return None
    short = name.rpartition("/")[2]
    text = f"Revision '{short}' is not ready and cannot serve traffic. {ready['message']}"
    condition: Document = {"message": text}
    condition |= {key: ready[key] for key in ("reason", "revisionReason") if key in ready}
    return Failure("FAILED_PRECONDITION", text, condition)


def _condition(revision: Document, kind: str) -> Document:
    found = (each for each in revision.get("conditions", []) if each["type"] == kind)
    return next(found, {})


def show_use(cloud: Cloud, service: str, used: set[str]) -> None:
    """Writes into the revisions of a service which are active and which are retired.

    ``used`` has short names. The form of a retired revision was recorded in 2023.
    """
    for name, revision in cloud.store.list(REVISIONS, f"{service}/revisions/"):
        ready, active = _condition(revision, "Ready"), _condition(revision, "Active")
        use = name.rpartition("/")[2] in used
        if ready.get("state") != SUCCEEDED or active.get("state") == (SUCCEEDED if use else FAILED):
            continue
        now = timestamp(cloud.clock.now())
        changes = _conditions_in_use(now) if use else _conditions_retired(now)
        kept = {each["type"]: each for each in revision["conditions"]}
        kept.pop("MinInstancesProvisioned", None)
        merged = kept | changes
        revision["conditions"] = [merged[kind] for kind in ORDER if kind in merged]
        _touch(cloud, revision, now)


def _conditions_in_use(now: str) -> dict[str, Document]:
    kinds = ("Ready", "Active", "ContainerHealthy", "ResourcesAvailable")
    fields: dict[str, Document] = {
        kind: {"type": kind, "state": SUCCEEDED, "lastTransitionTime": now} for kind in kinds
    }
    fields["Active"]["severity"] = "INFO"
    return fields


def _conditions_retired(now: str) -> dict[str, Document]:
    retired, message = {"revisionReason": "RETIRED"}, {"message": "Revision retired."}
    missing = {"severity": "INFO", "revisionReason": "MIN_INSTANCES_NOT_PROVISIONED"}
    fields: dict[str, Document] = {
        "Ready": {"state": SUCCEEDED} | retired,
        "Active": {"state": FAILED, "severity": "INFO"} | message | retired,
        "ContainerHealthy": {"state": "CONDITION_RECONCILING"} | retired,
        "MinInstancesProvisioned": {"state": FAILED} | missing,
        "ResourcesAvailable": {"state": "CONDITION_RECONCILING"} | message | retired,
    }
    return {
        kind: {"type": kind, "lastTransitionTime": now} | values for kind, values in fields.items()
    }


def made_from(cloud: Cloud, name: str) -> Document | None:
    """The template that a revision was made from; None if there is no such revision."""
    return cloud.store.get(TEMPLATES, name)


def _short_name(cloud: Cloud, service: Document) -> str:
    """The name that the template asks for, or one with the generation of the service.

    The number is the generation in live resources (an audit log of 2024-05-06) and in the names
    that gcloud makes itself.
    """
    if chosen := service["template"].get("revision"):
        return str(chosen)
    short = service["name"].rpartition("/")[2]
    generation = int(service["generation"])
    letters = cloud.ids.letters(3, "run.revision", service["uid"], generation)
    return f"{short}-{generation:05d}-{letters}"


def logs_url(service: str, revision: str) -> str:
    """The address of a revision's logs in Google's console, as status messages give it."""
    _, project, _, _, _, short = service.split("/")
    return (
        f"https://console.cloud.google.com/logs/viewer?project={project}"
        f"&resource=cloud_run_revision/service_name/{short}/revision_name/{revision}"
        "&advancedFilter=resource.type%3D%22cloud_run_revision%22"
        f"%0Aresource.labels.service_name%3D%22{short}%22"
        f"%0Aresource.labels.revision_name%3D%22{revision}%22 "
    )


async def bring_up(cloud: Cloud, service: Document, name: str) -> Failure | None:
    """Finds the revision's image and sees one instance of it become ready."""
    revision = get(cloud, name)
    began = time.monotonic()
    failure = _find_network(cloud, revision) or await _import_image(cloud, revision)
    imported = time.monotonic() - began
    if failure is None:
        try:
            await cloud.door.check(spec(cloud, name, service))
        except StartFailed as error:
            failure = start_failure(cloud, service, name, error)
    _conclude(cloud, get(cloud, name), failure, imported)
    return failure


def _find_network(cloud: Cloud, revision: Document) -> Failure | None:
    access = revision.get("vpcAccess")
    if not access:
        return None
    _, project, _, location, *_ = revision["name"].split("/")
    text = run_vpc.missing(cloud, project, location, access)
    condition = {"message": text, "reason": NO_NETWORK}
    return Failure("FAILED_PRECONDITION", text, condition) if text else None


async def _import_image(cloud: Cloud, revision: Document) -> Failure | None:
    container = revision["containers"][0]
    reference = container["image"]
    short = revision["name"].rpartition("/")[2]
    prefix = f"Revision '{short}' is not ready and cannot serve traffic. "
    project = revision["name"].split("/")[1]
    number = cloud.accounts.project_number(project)
    agent = f"service-{number}@serverless-robot-prod.iam.gserviceaccount.com"
    try:
        await cloud.samples_ready()
        digest = cloud.repositories.resolve(reference, agent)
    except NoSuchImage:
        return Failure(
            "NOT_FOUND",
            f"{prefix}Image '{reference}' not found.",
            {"message": f"{prefix}Image '{reference}' not found.", "reason": "CONTAINER_MISSING"},
        )
    except PullDenied:
        text = (
            f"{prefix}Google Cloud Run Service Agent {agent} must have"
            f" permission to read the image, {reference}. Ensure that the provided container"
            " image URL is correct and that the above account has permission to access the"
            " image. If you just enabled the Cloud Run API, the permissions might take a few"
            " minutes to propagate."
        )
        return Failure(
            "PERMISSION_DENIED", text, {"message": text, "reason": "CONTAINER_PERMISSION_DENIED"}
        )
    name, _, _ = reference.partition("@")
    if ":" in name.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    container["image"] = f"{name}@{digest}"
    cloud.store.put(REVISIONS, revision["name"], revision)
    try:
        await cloud.in_worker(cloud.layers.rootfs, images.load(cloud.blobs, digest))
    except NotAnImage as error:
        text = f"{prefix}Cloud Run does not support image '{reference}': {error}"
    except BadLayer as error:
        text = f"{prefix}{unrecorded.bad_layer(reference, str(error))}"
    else:
        return None
    return Failure("FAILED_PRECONDITION", text, {"message": text, "reason": "REVISION_FAILED"})


def start_failure(cloud: Cloud, service: Document, name: str, error: StartFailed) -> Failure:
    """What Cloud Run says of an instance that never became ready.

    Source: a dump of a live project of 2024-06-28 in GoogleCloudPlatform/gcpdiag. With a start-up
    probe of one's own it is another sentence: the acceptance tests of terraform-provider-google
    expect it, and public logs of 2025 and 2026 show it with the same tail (read 2026-11-28).
    """
    short = name.rpartition("/")[2]
    container = get(cloud, name)["containers"][0]
    port = container["ports"][0]["containerPort"]
    trouble = (
        "failed to start and listen on the port defined provided by the"
        f" PORT={port} environment variable."
        if run_probes.starts_by_default(container)
        else "failed the configured startup probe checks."
    )
    text = (
        f"Revision '{short}' is not ready and cannot serve traffic. The user-provided container"
        f" {trouble} Logs for this revision might contain more information.\n\n"
        f"Logs URL: {logs_url(service['name'], short)}\n"
        f"For more troubleshooting guidance, see {TROUBLESHOOTING}"
    )
    return Failure("FAILED_PRECONDITION", text, {"message": text, "revisionReason": error.reason})


def _conclude(cloud: Cloud, revision: Document, failure: Failure | None, imported: float) -> None:
    """Writes a revision's conditions, in the order that Google's recent records have."""
    now = timestamp(cloud.clock.now())

    def condition(kind: str, **fields: str) -> Document:
        return {"type": kind, "state": SUCCEEDED, "lastTransitionTime": now} | fields

    bad: Document = {}
    if failure is not None:
        prefix = f"Revision '{revision['name'].rpartition('/')[2]}' is not ready and cannot serve"
        text = failure.message.removeprefix(prefix + " traffic. ")
        bad = {"state": FAILED} | failure.condition | {"message": text}
    reason = failure.condition.get("reason", "") if failure is not None else ""
    ready = condition(
        "ContainerReady", message=f"Container image import completed in {imported:.2f}s."
    )
    conditions = [condition("Ready") | bad]
    if reason == NO_NETWORK:
        conditions.append(condition("ResourcesAvailable") | bad)
    elif reason:
        conditions.append(condition("ContainerReady") | bad)
    else:
        conditions += [condition("ContainerHealthy") | bad, ready, condition("ResourcesAvailable")]
    revision["conditions"] = conditions
    revision["observedGeneration"] = revision["generation"]
    revision.pop("reconciling", None)
    _touch(cloud, revision, now)


def _touch(cloud: Cloud, revision: Document, now: str) -> None:
    revision["updateTime"] = now
    revision["etag"] = cloud.ids.etag("run.revision", revision["name"], now)
    cloud.store.put(REVISIONS, revision["name"], revision)


def spec(cloud: Cloud, name: str, service: Document) -> RevisionSpec:
    """What the front door needs to start a revision's instances."""
    revision = get(cloud, name)
    _, project, _, location, _, short_service, _, short = name.split("/")
    container = revision["containers"][0]
    image = images.load(cloud.blobs, container["image"].rpartition("@")[2])
    entrypoint = container.get("command") or image.run.get("Entrypoint") or []
    # As in Kubernetes: a command without args drops the image's CMD.
    default = [] if container.get("command") else image.run.get("Cmd") or []
    variables = dict(item.partition("=")[::2] for item in image.run.get("Env") or [])
    variables |= {item["name"]: item.get("value", "") for item in container.get("env", [])}
    limits = container["resources"]["limits"]
    scaling, whole = revision.get("scaling", {}), service.get("scaling", {})
    startup = run_probes.made(container, run_probes.STARTUP)
    assert startup is not None
    access = revision.get("vpcAccess")
    return RevisionSpec(
        project=project,
        region=location,
        service=short_service,
        name=short,
        rootfs=cloud.layers.rootfs(image),
        argv=(*entrypoint, *(container.get("args") or default)),
        env=variables,
        cwd=container.get("workingDir") or image.run.get("WorkingDir") or "/",
        user=image.run.get("User") or "",
        port=container["ports"][0]["containerPort"],
        memory=int(quantity(limits["memory"])),
        cpu=quantity(limits["cpu"]),
        concurrency=revision["maxInstanceRequestConcurrency"],
        timeout=seconds(revision["timeout"]),
        min_instances=max(scaling.get("minInstanceCount", 0), whole.get("minInstanceCount", 0)),
        max_instances=scaling.get("maxInstanceCount", 100),
        probe=startup,
        liveness=run_probes.made(container, run_probes.LIVENESS),
        readiness=run_probes.made(container, run_probes.READINESS),
        container=container["name"],
        service_account=revision["serviceAccount"],
        egress=run_vpc.egress_of(cloud, project, location, access) if access else None,
    )
