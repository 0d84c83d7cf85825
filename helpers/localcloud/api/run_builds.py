"""Builds that Cloud Run submits to Cloud Build: what ``gcloud run deploy --source`` asks for.

Source: https://github.com/googleapis/googleapis/blob/master/google/cloud/run/v2/build.proto
(2026-08-22)
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from ..errors import unimplemented
from . import cloudbuild_v1, operations
from .methods import Call, message_type
from .run_validation import IMAGE, Check

NOT_SERVED = ("worker_pool", "machine_type")


async def submit_build(call: Call, request: Any) -> Message:
    """SubmitBuild: starts a docker build of a source in Cloud Storage.

    The step is the one that gcloud itself sends for a Dockerfile.
    """
    check = Check("SubmitBuildRequest")
    for field in NOT_SERVED:
        if getattr(request, field):
            raise unimplemented(f"SubmitBuildRequest.{field}")
    if request.HasField("buildpack_build"):
        raise unimplemented("SubmitBuildRequest.buildpack_build (add a Dockerfile to the source)")
    source = request.storage_source
    if not (source.bucket and source.object_):
        raise check.refuse("storage_source", "required field not present.")
    if not IMAGE.fullmatch(request.image_uri):
        raise check.refuse(
            "image_uri",
            "must be a container image path in the form [hostname/]repo-path[:tag and/or @digest]",
        )
    image = request.image_uri
    args = ["docker", "build", "--network", "cloudbuild", "--no-cache", "-t", image, "."]
    storage = {"bucket": source.bucket, "object": source.object_}
    if source.generation:
        storage["generation"] = str(source.generation)
    asked: dict[str, Any] = {
        "source": {"storageSource": storage},
        "steps": [{"name": "gcr.io/cloud-builders/gcb-internal", "args": args}],
        "images": [image],
        "tags": list(request.tags),
    }
    if request.service_account:
        # A build with an account of the user's must say where its log goes.
        asked |= {
            "serviceAccount": request.service_account,
            "options": {"logging": "CLOUD_LOGGING_ONLY"},
        }
    _, project, _, location = request.parent.split("/")
    operation = cloudbuild_v1.start(call, project, location, asked)
    response: Any = message_type("google.cloud.run_v2.SubmitBuildResponse")()
    response.build_operation.CopyFrom(operations.message(operation))
    return response
