"""Buckets of Cloud Storage: what is kept of one, what a caller may set, who may do what.

Fields and defaults: recorded answers in
https://github.com/GoogleCloudPlatform/k8s-config-connector (storagebucketbasic, 2024 and 2025).
Lifecycle rules, CORS and soft deletion are kept as they are set, but nothing here acts on them.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime, timedelta
from typing import Any

from ...regions import REGIONS
from .. import unrecorded
from ..cloud import Cloud
from ..errors import unimplemented
from ..identity.accounts import Principal
from ..registry.references import MULTI_REGIONS
from . import storage_errors
from .storage_errors import StorageError, invalid
from .storage_resources import bucket_json, milliseconds

BUCKETS = "storage.bucket"
CLASSES = (
    "STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE",
    "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY",
)  # fmt: skip
DUAL_REGIONS = ("ASIA1", "EUR4", "EUR5", "EUR7", "EUR8", "NAM4")
KEPT = ("labels", "versioning", "lifecycle", "cors", "softDeletePolicy", "iamConfiguration",
        "storageClass", "rpo")  # fmt: skip
"""Fields that a caller may set and that are kept."""
NOT_SERVED = (
    "website", "logging", "billing", "encryption", "retentionPolicy", "defaultEventBasedHold",
    "autoclass", "hierarchicalNamespace", "objectRetention", "customPlacementConfig", "ipFilter",
    "acl", "defaultObjectAcl",
)  # fmt: skip
LOGS_BUCKET = re.compile(r"(\d+)\.cloudbuild-logs\.googleusercontent\.com")
"""Where builds log if nobody says otherwise. Google makes it, and no list shows it."""

NOTHING_UNIFORM = {
    "bucketPolicyOnly": {"enabled": False},
    "uniformBucketLevelAccess": {"enabled": False},
    "publicAccessPrevention": "inherited",
}
SOFT_DELETE_SECONDS = 7 * 24 * 3600
UNLOCKED = timedelta(days=90)
"""For how long uniform bucket-level access can be switched off again."""

Document = dict[str, Any]


# Names


def check_name(name: str) -> None:
    """Raises StorageError for a name that no bucket can have here.

    Rules: https://docs.cloud.google.com/storage/docs/buckets#naming (2026-11-24). The text about
    domains is that of public transcripts (2019 to 2023).
    """
    parts = name.split(".")
    longest = 63 if len(parts) == 1 else 222
    if (
        not re.fullmatch(r"[a-z0-9][a-z0-9._-]+[a-z0-9]", name)
        or not 3 <= len(name) <= longest
        or any(not 1 <= len(part) <= 63 for part in parts)
        or name.startswith("goog")
        or "google" in name
        or "g00gle" in name
        or _is_address(name)
    ):
        raise invalid(f"Invalid bucket name: '{name}'")
    if len(parts) > 1:
        raise StorageError(
            403,
            "forbidden",
            "The bucket you tried to create is a domain name owned by another user.",
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def location_type(location: str) -> str:
    """``region``, ``dual-region`` or ``multi-region``. Raises StorageError for an unknown one."""
    if location.lower() in MULTI_REGIONS or location == "EU":
        return "multi-region"
    if location in DUAL_REGIONS:
        return "dual-region"
    if location.lower() in REGIONS:
        return "region"
    raise invalid(unrecorded.bucket_location(location))


# Making, finding


def create(cloud: Cloud, project: str, asked: Document, *, hidden: bool = False) -> Document:
    """Creates a bucket in a project. Raises StorageError.

    ``asked`` is what the caller sends. A ``hidden`` bucket is Google's own. The texts are those of
    public transcripts: of ads-policy-monitor's pull request 24 (2024-02) for one's own bucket, of
    gcloud for another's.
    """
    name = str(asked.get("name", ""))
    found = cloud.accounts.project(project)
    existing = cloud.store.get(BUCKETS, name)
    if existing is not None:
        own = existing["project"] == found["projectId"]
        raise StorageError(
            409,
            "conflict",
            "Your previous request to create the named bucket succeeded and you already own it."
            if own
            else "The requested bucket name is not available. The bucket namespace is shared by"
            " all users of the system. Please select a different name and try again.",
        )
    now = cloud.clock.now()
    location = str(asked.get("location") or "US").upper()
    kind = location_type(location)
    bucket: Document = {
        "project": found["projectId"],
        "hidden": hidden,
        "name": name,
        "projectNumber": found["projectNumber"],
        "generation": str(int(now.timestamp() * 1_000_000)),
        "metageneration": 1,
        "location": location,
        "locationType": kind,
        "storageClass": "STANDARD",
        "timeCreated": milliseconds(now),
        "updated": milliseconds(now),
        "softDeletePolicy": {"retentionDurationSeconds": str(SOFT_DELETE_SECONDS)},
        "iamConfiguration": NOTHING_UNIFORM,
    }
    if kind != "region":
        bucket["rpo"] = "DEFAULT"
    bucket = change(bucket, asked, now)
    with cloud.store.transaction():
        cloud.store.put(BUCKETS, name, bucket)
        cloud.policies.set(policy_name(bucket), {"bindings": _first_bindings(bucket)})
    return bucket


def find(cloud: Cloud, name: str) -> Document:
    """A bucket. Raises StorageError 404. The bucket of build logs is made when it is needed."""
    bucket = cloud.store.get(BUCKETS, name)
    if bucket is None and (match := LOGS_BUCKET.fullmatch(name)):
        project = cloud.accounts.find_project(match[1])
        if project is not None:
            return create(cloud, project["projectId"], {"name": name}, hidden=True)
    if bucket is None:
        raise storage_errors.no_bucket()
    return bucket


def ensure(cloud: Cloud, name: str, project: str, location: str = "US") -> Document:
    """A bucket of a project, made if it is missing. Raises StorageError if another has it."""
    bucket = cloud.store.get(BUCKETS, name)
    if bucket is None or bucket["project"] != project:
        return create(cloud, project, {"name": name, "location": location})
    return bucket


def change(bucket: Document, asked: Document, now: datetime) -> Document:
    """The bucket with what a caller sets, merged as PATCH does; null removes. Raises GoogleError.

    The bucket has all fields of ``create`` except those that ``asked`` is to give.
    """
    shown = bucket_json(bucket, full=True)
    for field in NOT_SERVED:
        if _says_something(asked.get(field)) and asked[field] != shown.get(field):
            raise unimplemented(f"the field '{field}' of buckets")
    changed = dict(bucket)
    for field in KEPT:
        if field in asked:
            changed[field] = _merged(changed.get(field), asked[field])
    _check_types(changed)
    changed["storageClass"] = storage_class(changed["storageClass"])
    if not (changed.get("lifecycle") or {}).get("rule"):
        changed.pop("lifecycle", None)
    changed["softDeletePolicy"] = _soft_delete(changed["softDeletePolicy"], bucket, now)
    changed["iamConfiguration"] = _iam(changed["iamConfiguration"] or {}, bucket, now)
    return {key: value for key, value in changed.items() if value not in (None, {}, [])}


def storage_class(asked: Any) -> str:
    """The storage class that a caller means, whose case does not count. Raises GoogleError.

    Source: the example ``--default-storage-class=nearline`` of
    https://docs.cloud.google.com/sdk/gcloud/reference/storage/buckets/create (2026-11-25); gcloud
    sends the value as it is typed.
    """
    name = str(asked).upper()
    if name not in CLASSES:
        raise invalid(unrecorded.storage_class(str(asked)))
    return name


def _merged(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    merged = {key: _merged(old.get(key), value) for key, value in new.items()}
    return {key: value for key, value in (old | merged).items() if value is not None}


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_says_something(item) for item in value.values())
    return bool(value)


def _check_types(bucket: Document) -> None:
    shapes = {"labels": dict, "versioning": dict, "lifecycle": dict, "cors": list,
              "softDeletePolicy": dict, "iamConfiguration": dict, "storageClass": str}  # fmt: skip
    for field, shape in shapes.items():
        value = bucket.get(field)
        if value is not None and not isinstance(value, shape):
            raise invalid(unrecorded.field_type(field))
    if not all(isinstance(text, str) for text in (bucket.get("labels") or {}).values()):
        raise invalid(unrecorded.field_type("labels"))


def _soft_delete(asked: Document | None, bucket: Document, now: datetime) -> Document:
    text = str((asked or {}).get("retentionDurationSeconds", SOFT_DELETE_SECONDS))
    if not text.isdecimal() or not (
        text == "0" or SOFT_DELETE_SECONDS <= int(text) <= 90 * 24 * 3600
    ):
        raise invalid(unrecorded.soft_delete(text))
    if text == "0":
        return {"retentionDurationSeconds": "0"}
    before = bucket.get("softDeletePolicy", {})
    since = milliseconds(now)
    if before.get("retentionDurationSeconds") == text:
        since = before.get("effectiveTime", since)
    return {"retentionDurationSeconds": text, "effectiveTime": since}


def _iam(asked: Document, bucket: Document, now: datetime) -> Document:
    uniform = asked.get("uniformBucketLevelAccess") or asked.get("bucketPolicyOnly") or {}
    access: Document = {"enabled": bool(uniform.get("enabled"))}
    if access["enabled"]:
        before = bucket.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {})
        access["lockedTime"] = before.get("lockedTime", milliseconds(now + UNLOCKED))
    prevention = asked.get("publicAccessPrevention", "inherited")
    if prevention not in ("inherited", "enforced", "unspecified"):
        raise invalid(unrecorded.field_type("iamConfiguration.publicAccessPrevention"))
    return {
        "bucketPolicyOnly": access,
        "uniformBucketLevelAccess": access,
        "publicAccessPrevention": "enforced" if prevention == "enforced" else "inherited",
    }


def _first_bindings(bucket: Document) -> list[Document]:
    """The policy of a new bucket.

    Source: https://docs.cloud.google.com/storage/docs/access-control/iam-roles (2026-11-24)
    """
    project = bucket["project"]
    writers = [f"projectEditor:{project}", f"projectOwner:{project}"]
    kinds = ["Bucket"]
    if bucket["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"]:
        kinds.append("Object")
    bindings = []
    for kind in kinds:
        owner, reader = f"roles/storage.legacy{kind}Owner", f"roles/storage.legacy{kind}Reader"
        bindings.append({"role": owner, "members": writers})
        bindings.append({"role": reader, "members": [f"projectViewer:{project}"]})
    return bindings


# Who may do what


def policy_name(bucket: Document) -> str:
    """The resource that a bucket's policy belongs to."""
    return f"projects/{bucket['project']}/buckets/{bucket['name']}"


def allowed(cloud: Cloud, principal: Principal | None, permission: str, bucket: Document) -> bool:
    """Whether somebody, or None for anonymous, has a permission on a bucket or its objects."""
    if principal is None and is_closed(bucket):
        return False
    return cloud.policies.allowed(principal, permission, policy_name(bucket))


def require(cloud: Cloud, principal: Principal | None, permission: str, bucket: Document) -> None:
    """Raises StorageError unless somebody has a permission on a bucket or its objects."""
    cloud.policies.services.require(
        bucket["project"], bucket["projectNumber"], "storage.googleapis.com"
    )
    if not allowed(cloud, principal, permission, bucket):
        raise storage_errors.denied(principal.email if principal else None, permission)


def is_closed(bucket: Document) -> bool:
    """Whether public access is prevented."""
    return bool(bucket["iamConfiguration"]["publicAccessPrevention"] == "enforced")


def require_in_project(
    cloud: Cloud, principal: Principal | None, permission: str, project: str
) -> str:
    """The id of a project in which somebody has a permission. Raises StorageError."""
    found = cloud.accounts.find_project(project)
    if found is None:
        raise invalid(unrecorded.bucket_project(project))
    cloud.policies.services.require(
        found["projectId"], found["projectNumber"], "storage.googleapis.com"
    )
    if not cloud.policies.allowed(principal, permission, f"projects/{found['projectId']}"):
        raise storage_errors.denied(principal.email if principal else None, permission)
    return str(found["projectId"])


# Lists and changes


def list_page(
    cloud: Cloud, project: str, prefix: str, after: str, size: int
) -> tuple[list[Document], str]:
    """Buckets of a project in order of name, and the last name if there are more."""
    found = [
        bucket
        for _, bucket in cloud.store.list(BUCKETS, prefix, after=after)
        if bucket["project"] == project and not bucket["hidden"]
    ]
    shown = found[:size]
    return shown, shown[-1]["name"] if len(found) > size else ""


def delete(cloud: Cloud, bucket: Document) -> None:
    """Forgets an empty bucket and its policy."""
    with cloud.store.transaction():
        cloud.store.delete(BUCKETS, bucket["name"])
        cloud.policies.forget(policy_name(bucket))


def save(cloud: Cloud, bucket: Document) -> Document:
    """Writes a changed bucket as its next metageneration."""
    bucket = bucket | {
        "metageneration": bucket["metageneration"] + 1,
        "updated": milliseconds(cloud.clock.now()),
    }
    cloud.store.put(BUCKETS, bucket["name"], bucket)
    return bucket
