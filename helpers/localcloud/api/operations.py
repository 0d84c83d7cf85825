"""Long-running operations: work that goes on after the answer, kept in the store.

An operation is ``done`` only when its work is. What a stopped daemon left undone goes on when the
cloud starts again, or ends with an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Container
from typing import Any

from google.longrunning import operations_pb2
from google.protobuf import empty_pb2, json_format
from google.protobuf.message import Message

from ..cloud import Cloud
from ..errors import GoogleError
from . import paging
from .methods import Call, Method, message_type
from .run_metadata import without_system

KIND = "operation"
log = logging.getLogger(__name__)

PERMISSIONS = {
    "google.cloud.run.v2.": "run.operations",
    "google.devtools.cloudbuild.v1.": "cloudbuild.builds",
    "google.devtools.artifactregistry.v1.": "artifactregistry.repositories",
    "google.cloud.vpcaccess.v1.": "vpcaccess.operations",
}
"""What somebody needs, followed by a verb, for the operations of an API."""

TYPE_MODULES = {
    "google.cloud.run.v2.": "google.cloud.run_v2",
    "google.devtools.cloudbuild.v1.": "google.cloud.devtools.cloudbuild_v1",
    "google.devtools.artifactregistry.v1.": "google.cloud.artifactregistry_v1",
    "google.cloud.vpcaccess.v1.": "google.cloud.vpcaccess_v1",
}
"""Where the message types of operations are."""

Document = dict[str, Any]
Work = Callable[[], Awaitable[Document | None]]
"""Does the work and returns the response as JSON with ``@type``; None leaves it out."""


def start(cloud: Cloud, name: str, metadata: Document, work: Work) -> Document:
    """Stores a pending operation, starts its work, and returns the operation's JSON."""
    document = {"name": name, "metadata": metadata}
    cloud.store.put(KIND, name, document)
    cloud.in_background(_run(cloud, name, work))
    return document


def resume(cloud: Cloud, name: str, work: Work) -> None:
    """Goes on with the work of an operation that an earlier daemon left undone."""
    cloud.in_background(_run(cloud, name, work))


async def _run(cloud: Cloud, name: str, work: Work) -> None:
    try:
        response = await work()
    except GoogleError as error:
        finish(cloud, name, error=error.rpc_status())
    except asyncio.CancelledError:
        raise
    except Exception:
        log.exception("operation %s", name)
        finish(
            cloud, name, error=GoogleError("INTERNAL", "Internal error encountered.").rpc_status()
        )
    else:
        finish(cloud, name, response=response)


def update(cloud: Cloud, name: str, metadata: Document) -> None:
    """Replaces an operation's metadata."""
    document = cloud.store.get(KIND, name)
    if document is not None:
        cloud.store.put(KIND, name, document | {"metadata": metadata})


def finish(
    cloud: Cloud, name: str, *, response: Document | None = None, error: Document | None = None
) -> None:
    """Marks an operation done, with a response or an error, and wakes whoever waits for it."""
    document = cloud.store.get(KIND, name)
    if document is None or document.get("done"):
        return
    document["done"] = True
    if error is not None:
        document["error"] = error
    elif response is not None:
        document["response"] = response
    cloud.store.put(KIND, name, document)
    wake(cloud, name)


def wake(cloud: Cloud, name: str) -> None:
    """Wakes whoever waits for the end of an operation, be it one of Compute Engine."""
    for waiter in cloud.operation_waiters.pop(name, []):
        waiter.set()


async def until_woken(cloud: Cloud, name: str, seconds: float) -> None:
    """Returns when an operation that has not ended has, or after that many seconds."""
    waiter = asyncio.Event()
    cloud.operation_waiters.setdefault(name, []).append(waiter)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(waiter.wait(), seconds)


async def wait(cloud: Cloud, name: str, seconds: float) -> Document:
    """The operation once it is done, or as it is after that many seconds. Raises NOT_FOUND."""
    document = get(cloud, name)
    if not document.get("done"):
        await until_woken(cloud, name, seconds)
    return get(cloud, name)


def get(cloud: Cloud, name: str) -> Document:
    """An operation's JSON. Raises GoogleError NOT_FOUND."""
    document = cloud.store.get(KIND, name)
    if document is None:
        raise GoogleError("NOT_FOUND", "Requested entity was not found.")
    return document


def message(document: Document) -> Message:
    """The google.longrunning.Operation of an operation's JSON."""
    for part in ("metadata", "response"):
        kind = document.get(part, {}).get("@type", "").rpartition("/")[2]
        for package, module in TYPE_MODULES.items():
            if kind.startswith(package):
                # The types inside are known to protobuf once their module has been imported.
                message_type(f"{module}.{kind.rpartition('.')[2]}")
        if kind.startswith("google.cloud.run.v2."):
            document = document | {part: without_system(document[part])}
    return json_format.ParseDict(document, operations_pb2.Operation())


def end_interrupted(cloud: Cloud, resumed: Container[str]) -> None:
    """Ends with an error what an earlier daemon left undone and this one does not go on with."""
    error = GoogleError("ABORTED", "The local cloud was stopped before this operation ended.")
    for name, document in cloud.store.list(KIND):
        if not document.get("done") and name not in resumed:
            finish(cloud, name, error=error.rpc_status())


def allowed(call: Call, document: Document, verb: str) -> bool:
    """Whether the caller may do that to an operation, by the API that it belongs to."""
    kind = document.get("metadata", {}).get("@type", "").rpartition("/")[2]
    permission = next((text for name, text in PERMISSIONS.items() if kind.startswith(name)), None)
    if permission is None:
        return False  # Resource Manager and Service Usage show their operations themselves.
    parts = document["name"].split("/")
    project = parts[2] if parts[0] == "operations" else parts[1]
    return call.cloud.policies.allowed(
        call.principal, f"{permission}.{verb}", f"projects/{project}"
    )


def require(call: Call, name: str, verb: str) -> Document:
    """An operation that the caller may do that to. Raises GoogleError."""
    document = get(call.cloud, name)
    if not allowed(call, document, verb):
        raise GoogleError("PERMISSION_DENIED", "The caller does not have permission")
    return document


async def get_operation(call: Call, request: Any) -> Message:
    """GetOperation."""
    return message(require(call, request.name, "get"))


async def wait_operation(call: Call, request: Any) -> Message:
    """WaitOperation: at most the time-out, and never longer than half a minute."""
    require(call, request.name, "get")
    asked = request.timeout.ToTimedelta().total_seconds() if request.HasField("timeout") else 30.0
    return message(await wait(call.cloud, request.name, min(asked, 30.0)))


async def list_operations(call: Call, request: Any) -> Message:
    """ListOperations of a location."""
    found, token = paging.page(
        call.cloud.store, KIND, f"{request.name}/operations/",
        size=request.page_size, token=request.page_token, default=100, most=1000,
    )  # fmt: skip
    response = operations_pb2.ListOperationsResponse(next_page_token=token)
    visible = (document for document in found if allowed(call, document, "get"))
    response.operations.extend(message(document) for document in visible)
    return response


async def delete_operation(call: Call, request: Any) -> Message:
    """DeleteOperation: forgets an operation; it does not stop its work."""
    require(call, request.name, "delete")
    call.cloud.store.delete(KIND, request.name)
    return empty_pb2.Empty()


def methods(version: str, pattern: str) -> list[Method]:
    """The rows of google.longrunning.Operations for an API with operations of that name."""
    types = "google.longrunning.operations_pb2"
    name = f"{version}/{{name={pattern}}}"
    parent = f"{version}/{{name={pattern.rpartition('/operations')[0]}}}"
    rows = [
        ("GetOperation", f"GET {name}", "GetOperationRequest", "Operation", get_operation),
        ("WaitOperation", f"POST {name}:wait *", "WaitOperationRequest", "Operation",
         wait_operation),
        ("ListOperations", f"GET {parent}/operations", "ListOperationsRequest",
         "ListOperationsResponse", list_operations),
    ]  # fmt: skip
    return [
        Method(f"google.longrunning.Operations/{rpc}", [http], f"{types}.{request}",
               f"{types}.{response}", handler)
        for rpc, http, request, response, handler in rows
    ] + [
        Method("google.longrunning.Operations/DeleteOperation", [f"DELETE {name}"],
               f"{types}.DeleteOperationRequest", "google.protobuf.empty_pb2.Empty",
               delete_operation)
    ]  # fmt: skip
