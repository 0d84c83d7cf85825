"""A revision of version 2 as version 1 shows it, and how it is found without its service."""

from __future__ import annotations

from typing import Any

from ..cloud import Cloud
from ..errors import GoogleError
from . import run_services
from .run_revisions import GENERATION, REVISIONS
from .run_services import Name
from .run_v1_annotations import ON_REVISION, from_fields
from .run_v1_services import probe_label, revision_spec
from .run_v1_status import API_VERSION, condition, configuration_uid, metadata, owner

Document = dict[str, Any]


def find(cloud: Cloud, project: str, location: str, short: str) -> Document:
    """The revision of that short name in a location. Raises GoogleError NOT_FOUND."""
    prefix = f"projects/{project}/locations/{location}/services/"
    for name, document in cloud.store.list(REVISIONS, prefix):
        if name.rpartition("/")[2] == short:
            return document
    raise GoogleError(
        "NOT_FOUND",
        f"Resource '{short}' of kind 'REVISION' in region '{location}' in project '{project}'"
        " does not exist.",
    )


def to_v1(cloud: Cloud, revision: Document) -> Document:
    """A revision as version 1 shows it."""
    name = Name.parse(revision["name"])
    service = cloud.store.get(run_services.SERVICES, str(name)) or {}
    uid = service.get("uid", "")
    generation = revision.get("labels", {}).get(GENERATION, revision["generation"])
    made_by = run_services.operation_name(cloud, name, {"uid": uid, "generation": generation})
    container = revision["containers"][0]
    labels = revision.get("labels", {}) | probe_label(container)
    labels |= {
        "serving.knative.dev/configuration": name.service,
        GENERATION: generation,
        "serving.knative.dev/route": name.service,
        "serving.knative.dev/service": name.service,
        "serving.knative.dev/serviceUid": uid,
    }
    annotations = revision.get("annotations", {}) | from_fields(revision, ON_REVISION)
    annotations |= {
        "run.googleapis.com/operation-id": made_by.rpartition("/")[2],
        "serving.knative.dev/creator": revision["creator"],
    }
    about = metadata(cloud, revision, "revisions", labels, annotations)
    about["ownerReferences"] = owner("Configuration", name.service, configuration_uid(cloud, uid))
    return {
        "apiVersion": API_VERSION,
        "kind": "Revision",
        "metadata": about,
        "spec": revision_spec(revision),
        "status": _status(revision),
    }


def _status(revision: Document) -> Document:
    conditions = [condition(each) for each in revision.get("conditions", [])]
    if not conditions:
        conditions = [condition({"type": "Ready", "lastTransitionTime": revision["updateTime"]})]
    container = revision["containers"][0]
    status: Document = {
        "observedGeneration": int(revision["generation"]),
        "conditions": conditions,
        "logUrl": revision["logUri"].rstrip(),
    }
    if "@sha256:" in container["image"]:
        status["imageDigest"] = container["image"]
        status["containerStatuses"] = [
            {"name": container["name"], "imageDigest": container["image"]}
        ]
    return status
