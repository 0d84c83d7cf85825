"""Builds of Cloud Build: what is stored, and what a request for one must say."""

from __future__ import annotations

import base64
import re
import shutil
from dataclasses import dataclass
from typing import Any

from ..clock import precise_timestamp
from ..cloud import Cloud
from ..errors import GoogleError, invalid, unimplemented
from ..identity.accounts import compute_account

BUILDS = "cloudbuild.build"
METADATA_TYPE = "type.googleapis.com/google.devtools.cloudbuild.v1.BuildOperationMetadata"
BUILD_TYPE = "type.googleapis.com/google.devtools.cloudbuild.v1.Build"
FINAL = {"SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"}
DEFAULT_TIMEOUT = "3600s"
DOCKER = ("gcr.io/cloud-builders/docker", "gcr.io/cloud-builders/gcb-internal")
"""Builders whose steps run here; the second one is what gcloud names since 539.0.0."""

OUTPUT_ONLY = (
    "name", "id", "projectId", "status", "statusDetail", "results", "createTime", "startTime",
    "finishTime", "sourceProvenance", "buildTriggerId", "logUrl", "timing", "approval", "warnings",
    "failureInfo",
)  # fmt: skip
NOT_SERVED = ("secrets", "availableSecrets", "gitConfig", "dependencies", "artifacts")
NOT_SERVED_IN_STEP = ("secretEnv", "volumes", "script", "allowFailure", "allowExitCodes")
OF_TRIGGERS = (
    "TRIGGER_NAME", "COMMIT_SHA", "REVISION_ID", "SHORT_SHA", "REPO_NAME", "REPO_FULL_NAME",
    "BRANCH_NAME", "TAG_NAME", "REF_NAME", "TRIGGER_BUILD_CONFIG_PATH",
)  # fmt: skip
"""Substitutions that are empty in a build that no trigger started.

Source: https://docs.cloud.google.com/build/docs/configuring-builds/substitute-variable-values
(2026-11-25)
"""
SUBSTITUTION = re.compile(r"\$(?:(\$)|\{([A-Z_][A-Z0-9_]*)\}|([A-Z_][A-Z0-9_]*))")

Document = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a build lives: its project and location (``global`` or a region)."""

    project: str
    number: int
    location: str

    @property
    def prefix(self) -> str:
        """The key under which its builds are stored."""
        return f"projects/{self.project}/locations/{self.location}/builds/"


def get(cloud: Cloud, place: Place, build_id: str) -> Document:
    """A build. Raises GoogleError NOT_FOUND."""
    document = cloud.store.get(BUILDS, place.prefix + build_id)
    if document is None:
        raise GoogleError("NOT_FOUND", "Requested entity was not found.")
    return document


def save(cloud: Cloud, place: Place, build: Document) -> None:
    """Stores a build."""
    cloud.store.put(BUILDS, place.prefix + build["id"], build)


def logs_bucket(place: Place) -> str:
    """The bucket that Google keeps for the logs of a project's builds."""
    return f"{place.number}.cloudbuild-logs.googleusercontent.com"


def default_account(place: Place) -> str:
    """The address of the account that a build runs as when it names none.

    Source: https://docs.cloud.google.com/build/docs/cloud-build-service-account (2026-11-23)
    """
    return compute_account(place.number)


def end_interrupted(cloud: Cloud) -> None:
    """Ends the builds that an earlier daemon did not bring to their end."""
    shutil.rmtree(cloud.home.subfolder("builds"), ignore_errors=True)
    for name, build in cloud.store.list(BUILDS):
        if build["status"] not in FINAL:
            build |= {"status": "INTERNAL_ERROR", "finishTime": precise_timestamp(cloud.clock)}
            for step in build["steps"]:
                if step.get("status") == "WORKING":
                    step["status"] = "INTERNAL_ERROR"
            build["statusDetail"] = "The local cloud was stopped during the build."
            cloud.store.put(BUILDS, name, build)


def operation_name(place: Place, build_id: str) -> str:
    """The name of the operation of a build.

    It ends in the build's id, as gcloud takes for granted after SubmitBuild; a global one has that
    in base64.
    """
    if place.location == "global":
        code = base64.b64encode(build_id.encode()).decode().rstrip("=")
        return f"operations/build/{place.project}/{code}"
    return f"projects/{place.project}/locations/{place.location}/operations/{build_id}"


def metadata(build: Document) -> Document:
    """The metadata of a build's operation."""
    return {"@type": METADATA_TYPE, "build": build}


def new(cloud: Cloud, place: Place, asked: Document) -> Document:
    """A queued build with everything that Cloud Build fills in. Raises GoogleError."""
    asked = {key: value for key, value in asked.items() if key not in OUTPUT_ONLY}
    _check(asked)
    count = cloud.store.count_up("cloudbuild.build", place.prefix)
    build_id = cloud.ids.uuid("cloudbuild.build", place.prefix, count)
    region = "" if place.location == "global" else f";region={place.location}"
    build: Document = {
        "timeout": DEFAULT_TIMEOUT,
        "queueTtl": "3600s",
        "logsBucket": f"gs://{logs_bucket(place)}",
        **asked,
        "id": build_id,
        "name": f"projects/{place.number}/locations/{place.location}/builds/{build_id}",
        "projectId": place.project,
        "status": "QUEUED",
        "createTime": precise_timestamp(cloud.clock),
        "options": {"logging": "LEGACY", "pool": {}} | asked.get("options", {}),
        "logUrl": f"https://console.cloud.google.com/cloud-build/builds{region}/{build_id}"
        f"?project={place.number}",
    }
    if build.get("images"):
        build["artifacts"] = {"images": build["images"]}
    return _substituted(build, place)


def _check(asked: Document) -> None:
    for field in NOT_SERVED:
        if asked.get(field):
            raise unimplemented(f"Build.{field}")
    steps = asked.get("steps", [])
    if not steps:
        raise invalid("build.steps", "invalid build: no build steps specified")
    for index, step in enumerate(steps):
        if not step.get("name"):
            raise invalid("build.steps", f'invalid build: step {index}: field "name" is empty')
        for field in NOT_SERVED_IN_STEP:
            if step.get(field):
                raise unimplemented(f"BuildStep.{field}")
    source = asked.get("source", {})
    for kind in source:
        if kind != "storageSource":
            raise unimplemented(f"Source.{kind}")
    storage = source.get("storageSource")
    if storage is not None and not (storage.get("bucket") and storage.get("object")):
        raise invalid("build.source", "invalid build: storage source needs a bucket and an object")
    options = asked.get("options", {})
    if options.get("dynamicSubstitutions"):
        raise unimplemented("BuildOptions.dynamicSubstitutions")
    if options.get("pool", {}).get("name") or options.get("workerPool"):
        raise unimplemented("BuildOptions.pool (private pools)")
    if asked.get("serviceAccount") and not (
        asked.get("logsBucket")
        or options.get("logging") in ("CLOUD_LOGGING_ONLY", "NONE")
        or options.get("defaultLogsBucketBehavior")
    ):
        raise invalid(
            "build.service_account",
            "if 'build.service_account' is specified, the build must either (a) specify"
            " 'build.logs_bucket', (b) use the REGIONAL_USER_OWNED_BUCKET"
            " build.options.default_logs_bucket_behavior option, or (c) use either"
            " CLOUD_LOGGING_ONLY / NONE logging options",
        )


def _substituted(build: Document, place: Place) -> Document:
    """The build with ``$PROJECT_ID`` and its like put in where Cloud Build puts them.

    The texts are those of gcloud's public transcripts (2025 and 2026).
    """
    own: dict[str, str] = build.get("substitutions", {})
    account = build.get("serviceAccount") or (
        f"projects/{place.project}/serviceAccounts/{default_account(place)}"
    )
    known = dict.fromkeys(OF_TRIGGERS, "") | {
        "PROJECT_ID": place.project,
        "PROJECT_NUMBER": str(place.number),
        "BUILD_ID": build["id"],
        "LOCATION": place.location,
        "SERVICE_ACCOUNT": account,
        "SERVICE_ACCOUNT_EMAIL": account.rpartition("/")[2],
        **own,
    }
    strict = build["options"].get("substitutionOption") != "ALLOW_LOOSE"
    unused = set(own)

    def value(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        name = match[2] or match[3]
        unused.discard(name)
        if name in known:
            return known[name]
        if not name.startswith("_"):
            raise invalid(
                "build.substitutions",
                "invalid value for 'build.substitutions': key in the template"
                f' "{name}" is not a valid built-in substitution',
            )
        if strict:
            raise _mismatch(f'key in the template "{name}" is not matched in the substitution data')
        return ""

    def put_in(item: Any) -> Any:
        if isinstance(item, str):
            return SUBSTITUTION.sub(value, item)
        if isinstance(item, list):
            return [put_in(part) for part in item]
        if isinstance(item, dict):
            return {key: put_in(part) for key, part in item.items()}
        return item

    for field in ("steps", "images", "tags", "logsBucket", "artifacts"):
        if field in build:
            build[field] = put_in(build[field])
    if unused and strict:
        raise _mismatch(
            f'key "{min(unused)}" in the substitution data is not matched in the template'
        )
    return build


def _mismatch(text: str) -> GoogleError:
    return GoogleError("INVALID_ARGUMENT", text)
