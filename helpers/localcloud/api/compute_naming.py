"""Names in Compute Engine: places, references to resources, and how a stored one is shown."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from ..cloud import Cloud
from ..names import REGION_CODES
from ..network.places import ZONES
from .compute_http import Asked, bad_value, not_found

Document = dict[str, Any]

URL = "https://www.googleapis.com/compute/v1/"
NAME = re.compile(r"(?:[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?)")
_REFERENCES = {
    "network", "subnetwork", "region", "zone", "router", "users", "natIps", "machineType",
    "nextHopGateway", "nextHopInstance", "nextHopVpnTunnel", "nextHopNetwork", "subnetworks",
    "targetVpnGateway", "tunnels", "targetLink", "diskType", "sourceImage", "zones",
}  # fmt: skip
"""The fields that refer to resources: kept as in an address, shown as an address."""


@dataclass(frozen=True)
class Place:
    """Where a request is about: a project, and ``global``, ``regions/R`` or ``zones/Z`` in it."""

    asked: Asked
    project: str
    scope: str

    @classmethod
    def of(cls, asked: Asked, project: str, *, region: str = "", zone: str = "") -> Place:
        """The place of a path's variables. Raises GoogleError if there is no such place."""
        found = asked.call.cloud.accounts.project(project)["projectId"]
        asked.call.cloud.vpc.prepare(found)
        if region and region not in REGION_CODES:
            raise not_found(f"projects/{found}/regions/{region}")
        if zone and zone not in ZONES:
            raise not_found(f"projects/{found}/zones/{zone}")
        scope = f"regions/{region}" if region else f"zones/{zone}" if zone else "global"
        return cls(asked, found, scope)

    @property
    def cloud(self) -> Cloud:
        """The cloud that is asked."""
        return self.asked.call.cloud

    @property
    def region(self) -> str:
        """The region, also that of a zone."""
        return self.scope.partition("/")[2] if self.scope.startswith("regions") else (
            self.scope.partition("/")[2].rpartition("-")[0]
        )  # fmt: skip

    def named(self, collection: str, short: str = "") -> str:
        """The full name of a resource of this place, or of the whole collection with a slash."""
        return f"projects/{self.project}/{self.scope}/{collection}/{short}"

    def require(self, permission: str, resource: str = "") -> None:
        """Raises GoogleError unless the caller has a permission on a resource, or the project."""
        policies, principal = self.cloud.policies, self.asked.call.principal
        shown = resource.rstrip("/") or f"projects/{self.project}"
        policies.require(principal, permission, f"projects/{self.project}", shown=shown)

    def refer(self, field: str, value: object, shape: str) -> str:
        """The full name of what a field refers to, with an address or a part of one.

        ``shape`` is a regular expression for what follows the project. Raises ComputeError.
        """
        text = value if isinstance(value, str) else ""
        text = re.sub(r"^https://(www|compute)\.googleapis\.com/compute/(v1|beta)/", "", text)
        if not text.startswith("projects/"):
            text = f"projects/{self.project}/{text}"
        _, project, place = text.split("/", 2)
        found = self.cloud.accounts.find_project(project)
        if not re.fullmatch(shape, place):
            raise bad_value(field, value, "The URL is malformed.")
        return f"projects/{found['projectId'] if found else project}/{place}"


def check_name(field: str, value: object) -> None:
    """Raises ComputeError for a name that breaks RFC 1035."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise bad_value(field, value, f"Must be a match of regex '{NAME.pattern}'")


def fingerprint(document: Document) -> str:
    """What changes with every change of a resource."""
    text = json.dumps(document, sort_keys=True).encode()
    return base64.b64encode(hashlib.sha256(text).digest()[:8]).decode()


def shown(kind: str, document: Document) -> Document:
    """A stored document with addresses in place of names."""
    name = document["name"]
    rest = {key: value for key, value in document.items() if key != "name"}
    return {**_addressed(rest), "kind": kind, "name": name.rpartition("/")[2],
            "selfLink": URL + name}  # fmt: skip


def _addressed(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {each: _addressed(item, each) for each, item in value.items()}
    if isinstance(value, list):
        return [_addressed(item, key) for item in value]
    refers = key in _REFERENCES or key == "name"
    if refers and isinstance(value, str) and value.startswith("projects/"):
        return URL + value
    return value
