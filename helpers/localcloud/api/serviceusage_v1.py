"""The Service Usage API, version 1: which APIs are on in a project, plain JSON.

Source: https://docs.cloud.google.com/service-usage/docs/reference/rest (2026-11-24); shapes from
https://github.com/GoogleCloudPlatform/gcpdiag and
https://github.com/GoogleCloudPlatform/k8s-config-connector (recorded).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from aiohttp import web

from .. import unrecorded
from ..errors import GoogleError, error_info, invalid
from ..identity.services import TITLES
from . import operations, paging
from .methods import Api, Call, Route
from .plain import json_body, page_size, texts
from .rest import json_response

TYPE = "type.googleapis.com/google.api.serviceusage.v1"
DONE = "operations/noop.DONE_OPERATION"
PAGE = 50
MOST = 200
MOST_AT_ONCE = 20

Document = dict[str, Any]


def _project(call: Call, name: str, permission: str) -> Document:
    project = call.cloud.accounts.project(unquote(name))
    call.cloud.policies.require(call.principal, permission, f"projects/{project['projectId']}")
    return project


def _service(call: Call, project: Document, service: str) -> Document:
    on = call.cloud.policies.services.is_on(project["projectId"], service)
    parent = f"projects/{project['projectNumber']}"
    config: Document = {"name": service}
    if service in TITLES:
        config |= {"title": TITLES[service], "quota": {}, "authentication": {}}
        config |= {"usage": {"requirements": ["serviceusage.googleapis.com/tos/cloud"]}}
    return {
        "name": f"{parent}/services/{service}",
        "config": config,
        "state": "ENABLED" if on else "DISABLED",
        "parent": parent,
    }


async def get_service(
    call: Call, request: web.BaseRequest, project: str, service: str
) -> web.Response:
    """services.get; an API that is not served is off."""
    found = _project(call, project, "serviceusage.services.get")
    return json_response(_service(call, found, unquote(service)))


async def list_services(call: Call, request: web.BaseRequest, project: str) -> web.Response:
    """services.list, in order of name; ``filter`` is ``state:ENABLED`` or ``state:DISABLED``."""
    found = _project(call, project, "serviceusage.services.list")
    wanted = request.query.get("filter", "")
    if wanted not in ("", "state:ENABLED", "state:DISABLED"):
        raise GoogleError("UNIMPLEMENTED", unrecorded.page_filter(wanted))
    state = wanted.removeprefix("state:")
    services = [_service(call, found, name) for name in sorted(TITLES)]
    after = paging.decode(request.query.get("pageToken", ""))
    rows = [
        service
        for service in services
        if service["config"]["name"] > after and state in ("", service["state"])
    ]
    size = min(page_size(request) or PAGE, MOST)
    answer: Document = {"services": rows[:size]}
    if len(rows) > size:
        answer["nextPageToken"] = paging.encode(rows[size - 1]["config"]["name"])
    return json_response({key: value for key, value in answer.items() if value})


async def enable(call: Call, request: web.BaseRequest, project: str, service: str) -> web.Response:
    """services.enable."""
    found = _project(call, project, "serviceusage.services.enable")
    return _switch_on(call, found, [unquote(service)], batch=False)


async def batch_enable(call: Call, request: web.BaseRequest, project: str) -> web.Response:
    """services.batchEnable, of up to 20 APIs: all of them or none."""
    found = _project(call, project, "serviceusage.services.enable")
    services = texts(await json_body(request), "serviceIds")
    if not 0 < len(services) <= MOST_AT_ONCE:
        raise invalid("service_ids", unrecorded.batch_size(MOST_AT_ONCE))
    return _switch_on(call, found, services, batch=True)


def _switch_on(call: Call, project: Document, services: list[str], *, batch: bool) -> web.Response:
    _refuse_unknown(services)
    switches = call.cloud.policies.services
    off = [each for each in services if not switches.is_on(project["projectId"], each)]
    with call.cloud.store.transaction():
        for service in off:
            switches.switch(project["projectId"], service, on=True)
    shown = [_service(call, project, service) for service in services]
    response: Document
    if batch:
        response = {"@type": f"{TYPE}.BatchEnableServicesResponse", "services": shown}
    else:
        response = {"@type": f"{TYPE}.EnableServiceResponse", "service": shown[0]}
    return _operation(call, project, response, "acat" if batch else "acf", started=bool(off))


def _refuse_unknown(services: list[str]) -> None:
    """Raises GoogleError for a name that no API of Google has, or one that is not served here.

    The text is what gcloud prints in a transcript of 2026-08, the reason that of
    https://github.com/GoogleCloudPlatform/cluster-toolkit (pkg/validators/cloud.go, 2025).
    """
    nameless = [each for each in services if not each.endswith(".googleapis.com")]
    if nameless:
        names = ",".join(nameless)
        raise GoogleError(
            "PERMISSION_DENIED",
            f"Not found or permission denied for service(s): {names}.",
            [
                error_info(
                    "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
                    "serviceusage.googleapis.com",
                    services=names,
                )
            ],
        )
    for service in services:
        if service not in TITLES:
            raise GoogleError("UNIMPLEMENTED", unrecorded.unserved_api(service))


async def disable(call: Call, request: web.BaseRequest, project: str, service: str) -> web.Response:
    """services.disable: the API refuses calls about the project from now on."""
    found = _project(call, project, "serviceusage.services.disable")
    name = unquote(service)
    switches = call.cloud.policies.services
    started = switches.is_on(found["projectId"], name)
    if started:
        switches.switch(found["projectId"], name, on=False)
    shown = _service(call, found, name)
    response = {"@type": f"{TYPE}.DisableServiceResponse", "service": shown}
    return _operation(call, found, response, "acf", started=started)


def _operation(
    call: Call, project: Document, response: Document, kind: str, *, started: bool
) -> web.Response:
    """An operation with this response; the well-known finished one if nothing had to be done."""
    if not started:
        return json_response({"name": DONE, "done": True, "response": response})
    count = call.cloud.store.count_up("serviceusage", project["projectId"])
    ident = call.cloud.ids.uuid("serviceusage", project["projectId"], count)
    name = f"operations/{kind}.p2-{project['projectNumber']}-{ident}"
    services = response.get("services") or [response["service"]]
    metadata = {
        "@type": f"{TYPE}.OperationMetadata",
        "resourceNames": [service["name"] for service in services],
    }

    async def done() -> Document:
        return response

    operations.start(call.cloud, name, metadata, done)
    return json_response({"name": name})


async def get_operation(call: Call, request: web.BaseRequest, operation: str) -> web.Response:
    """operations.get."""
    return json_response(operations.get(call.cloud, f"operations/{unquote(operation)}"))


_SERVICES = "/v1/projects/{project}/services"

API = Api(
    "serviceusage",
    hosts=(r"serviceusage\.googleapis\.com",),
    routes=[
        Route("GET", _SERVICES, list_services),
        Route("GET", f"{_SERVICES}/{{service}}", get_service),
        Route("POST", f"{_SERVICES}/{{service}}:enable", enable),
        Route("POST", f"{_SERVICES}/{{service}}:disable", disable),
        Route("POST", f"{_SERVICES}:batchEnable", batch_enable),
        Route("GET", "/v1/operations/{operation}", get_operation),
    ],
)
