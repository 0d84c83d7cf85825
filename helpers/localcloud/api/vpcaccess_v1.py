"""The Serverless VPC Access API, version 1: connectors.

Source: https://github.com/googleapis/googleapis/blob/master/google/cloud/vpcaccess/v1
(2026-08-22) and https://docs.cloud.google.com/run/docs/configuring/vpc-connectors (2026-04).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message

from ...regions import REGIONS
from .. import unrecorded
from ..errors import GoogleError, invalid
from ..network.vpc import CONNECTORS
from . import operations, paging, run_requests, vpcaccess_connectors
from .methods import Api, Call, Method, Route, message_type
from .plain import json_body
from .rest import json_response
from .run_services import SERVICES
from .vpcaccess_connectors import TYPES, check_new, check_scaling

Document = dict[str, Any]


def _existing(call: Call, full_name: str) -> Document:
    """A connector. Raises GoogleError NOT_FOUND."""
    project, region = run_requests.location(call.cloud, full_name)
    short = full_name.rpartition("/")[2]
    name = f"projects/{project}/locations/{region}/connectors/{short}"
    connector = call.cloud.vpc.connector(name)
    if connector is None:
        raise GoogleError("NOT_FOUND", f"Resource '{name}' was not found")
    return connector


def _shown(call: Call, connector: Document) -> Document:
    """A connector as it is shown, with the projects whose services use it."""
    shown = vpcaccess_connectors.shown(connector)
    project = connector["name"].split("/")[1]
    for _, service in call.cloud.store.list(SERVICES, f"projects/{project}/"):
        if service["template"].get("vpcAccess", {}).get("connector") == connector["name"]:
            shown["connectedProjects"] = [project]
    return shown


def _message(call: Call, connector: Document) -> Message:
    return json_format.ParseDict(_shown(call, connector), message_type(f"{TYPES}.Connector")())


async def create_connector(call: Call, request: Any) -> Message:
    """CreateConnector: the operation ends when the connector is ready, or can't be."""
    cloud = call.cloud
    project, region = run_requests.location(cloud, request.parent)
    asked = json_format.MessageToDict(request.connector)
    connector = check_new(cloud, project, region, request.connector_id, asked)
    if cloud.vpc.connector(connector["name"]) is not None:
        raise GoogleError("ALREADY_EXISTS", "Requested entity already exists")
    return operations.message(vpcaccess_connectors.begin(cloud, connector, "CreateConnector"))


async def get_connector(call: Call, request: Any) -> Message:
    """GetConnector."""
    return _message(call, _existing(call, request.name))


async def list_connectors(call: Call, request: Any) -> Message:
    """ListConnectors of a location, or of all with ``-``."""
    _, project, _, region = request.parent.split("/")
    if region == "-":
        prefix = f"projects/{call.cloud.accounts.project(project)['projectId']}/locations/"
    else:
        project, region = run_requests.location(call.cloud, request.parent)
        prefix = f"projects/{project}/locations/{region}/connectors/"
    found, token = paging.page(
        call.cloud.store, CONNECTORS, prefix,
        size=request.page_size, token=request.page_token, default=100, most=1000,
    )  # fmt: skip
    response: Any = message_type(f"{TYPES}.ListConnectorsResponse")(next_page_token=token)
    response.connectors.extend(_message(call, connector) for connector in found)
    return response


async def delete_connector(call: Call, request: Any) -> Message:
    """DeleteConnector: also one that never became ready, and one that a revision names.

    That Google refuses the latter was not found; that it doesn't is inferred.
    """
    connector = _existing(call, request.name)
    vpcaccess_connectors.require_still(connector)
    return operations.message(vpcaccess_connectors.begin(call.cloud, connector, "DeleteConnector"))


CHANGEABLE = {
    "min_instances": "minInstances", "max_instances": "maxInstances",
    "min_throughput": "minThroughput", "max_throughput": "maxThroughput",
    "machine_type": "machineType",
}  # fmt: skip


async def patch(
    call: Call, request: web.BaseRequest, project: str, location: str, name: str
) -> web.Response:
    """connectors.patch: scaling, which only grows, and the machine type.

    REST only: the published protocol has no such method.
    """
    parts = (unquote(each) for each in (project, location, name))
    full_name = "projects/{}/locations/{}/connectors/{}".format(*parts)
    call.cloud.policies.require(call.principal, "vpcaccess.connectors.update", full_name)
    connector = _existing(call, full_name)
    vpcaccess_connectors.require_still(connector)
    body = await json_body(request)
    named = [each for each in request.query.get("updateMask", "").split(",") if each]
    paths = [CHANGEABLE.get(each, each) for each in named] or [
        each for each in CHANGEABLE.values() if each in body
    ]
    for path in paths:
        if path not in CHANGEABLE.values():
            raise invalid("update_mask", unrecorded.unknown_mask_path(path))
    wanted = {path: body.get(path) for path in paths}
    check_scaling(wanted, connector)
    document = vpcaccess_connectors.begin(
        call.cloud, connector | {"_wanted": wanted}, "UpdateConnector"
    )
    return json_response(json_format.MessageToDict(operations.message(document)))


async def list_locations(call: Call, request: Any) -> Message:
    """ListLocations: where connectors can be."""
    project = call.cloud.accounts.project(request.name.split("/")[1])["projectId"]
    found = [
        {
            "name": f"projects/{project}/locations/{region}",
            "locationId": region,
            "labels": {"cloud.googleapis.com/region": region},
        }
        for region in sorted(REGIONS)
    ]
    kind = message_type(f"{LOCATION}.ListLocationsResponse")
    return json_format.ParseDict({"locations": found}, kind())


SERVICE = "google.cloud.vpcaccess.v1.VpcAccessService"
OPERATION = "google.longrunning.operations_pb2.Operation"
LOCATION = "google.cloud.location.locations_pb2"
PLACE = "projects/*/locations/*"
CONNECTOR = f"{PLACE}/connectors/*"


def _row(rpc: str, http: str, response: str, handler: Any, verb: str) -> Method:
    permission = f"vpcaccess.connectors.{verb}"
    return Method(f"{SERVICE}/{rpc}", [http], f"{TYPES}.{rpc}Request", response, handler,
                  permission)  # fmt: skip


API = Api(
    "vpcaccess",
    hosts=(r"vpcaccess\.googleapis\.com",),
    methods=[
        _row("CreateConnector", f"POST /v1/{{parent={PLACE}}}/connectors connector",
             OPERATION, create_connector, "create"),
        _row("GetConnector", f"GET /v1/{{name={CONNECTOR}}}",
             f"{TYPES}.Connector", get_connector, "get"),
        _row("ListConnectors", f"GET /v1/{{parent={PLACE}}}/connectors",
             f"{TYPES}.ListConnectorsResponse", list_connectors, "list"),
        _row("DeleteConnector", f"DELETE /v1/{{name={CONNECTOR}}}",
             OPERATION, delete_connector, "delete"),
        Method("google.cloud.location.Locations/ListLocations",
               ["GET /v1/{name=projects/*}/locations"],
               f"{LOCATION}.ListLocationsRequest", f"{LOCATION}.ListLocationsResponse",
               list_locations, "vpcaccess.locations.list"),
        *operations.methods("/v1", f"{PLACE}/operations/*"),
    ],
    routes=[
        Route("PATCH", "/v1/projects/{project}/locations/{location}/connectors/{name}", patch),
    ],
)  # fmt: skip
