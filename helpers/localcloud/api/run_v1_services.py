"""A service of Run v1 is a service of version 2 in other words: both ways of the translation."""

from __future__ import annotations

import json
from typing import Any

from .. import unrecorded
from ..cloud import Cloud
from ..errors import unimplemented
from . import run_probes, run_services
from .run_services import Name
from .run_v1_annotations import INGRESS, ON_REVISION, ON_SERVICE, from_fields, into_fields
from .run_v1_status import (
    API_VERSION,
    LOCATION,
    configuration_uid,
    metadata,
    owner,
    service_status,
    traffic_target,
)
from .run_validation import LATEST, REVISION, Check, seconds

Document = dict[str, Any]

PROBE_TYPE = "run.googleapis.com/startupProbeType"

NOT_SERVED_IN_SPEC = (
    "volumes", "nodeSelector", "runtimeClassName", "sandboxes", "enableServiceLinks",
    "imagePullSecrets",
)  # fmt: skip
NOT_SERVED_IN_CONTAINER = (
    "volumeMounts", "envFrom", "securityContext", "imagePullPolicy", "terminationMessagePath",
    "terminationMessagePolicy", "sandboxLauncher",
)  # fmt: skip


def to_v2(service: Document, check: Check) -> Document:
    """What a service of version 1 wants, as version 2 says it. Raises GoogleError."""
    about, spec = service.get("metadata", {}), service.get("spec", {})
    desired: Document = {}
    if spec.get("template"):
        desired["template"] = _template_to_v2(spec["template"], check)
    if spec.get("traffic"):
        desired["traffic"] = [
            _target_to_v2(target, f"spec.traffic[{index}]", check)
            for index, target in enumerate(spec["traffic"])
        ]
    _keep_metadata(desired, about, "Service", "metadata", check)
    return desired


def _keep_metadata(desired: Document, about: Document, kind: str, place: str, check: Check) -> None:
    annotations = about.get("annotations", {})
    kept = into_fields(annotations, kind, f"{place}.annotations", desired, check)
    labels = {
        key: text
        for key, text in about.get("labels", {}).items()
        if key not in (LOCATION, PROBE_TYPE)
    }
    for field, values in (("annotations", kept), ("labels", labels)):
        if values:
            desired[field] = values


def _target_to_v2(target: Document, place: str, check: Check) -> Document:
    if target.get("configurationName"):
        raise unimplemented("TrafficTarget.configurationName")
    if bool(target.get("latestRevision")) == bool(target.get("revisionName")):
        raise check.refuse(place, unrecorded.traffic_target())
    wanted: Document = {"type": LATEST}
    if target.get("revisionName"):
        wanted = {"type": REVISION, "revision": target["revisionName"]}
    for field in ("percent", "tag"):
        if target.get(field):
            wanted[field] = target[field]
    return wanted


def _template_to_v2(template: Document, check: Check) -> Document:
    about, spec = template.get("metadata", {}), template.get("spec", {})
    for field in NOT_SERVED_IN_SPEC:
        if spec.get(field):
            raise unimplemented(f"RevisionSpec.{field}")
    wanted: Document = {}
    if about.get("name"):
        wanted["revision"] = about["name"]
    if spec.get("containerConcurrency"):
        wanted["maxInstanceRequestConcurrency"] = spec["containerConcurrency"]
    if spec.get("timeoutSeconds"):
        wanted["timeout"] = f"{spec['timeoutSeconds']}s"
    if spec.get("serviceAccountName"):
        wanted["serviceAccount"] = spec["serviceAccountName"]
    default = about.get("labels", {}).get(PROBE_TYPE) == "Default"
    wanted["containers"] = [
        _container_to_v2(container, default) for container in spec.get("containers", [])
    ]
    _keep_metadata(wanted, about, "Revision", "spec.template.metadata", check)
    return wanted


def _container_to_v2(container: Document, default_start: bool) -> Document:
    for field in NOT_SERVED_IN_CONTAINER:
        if container.get(field):
            raise unimplemented(f"Container.{field}")
    resources = container.get("resources", {})
    if resources.get("requests"):
        raise unimplemented("ResourceRequirements.requests")
    wanted: Document = {
        field: container[field]
        for field in ("name", "image", "command", "args", "workingDir")
        if container.get(field)
    }
    wanted["resources"] = {"limits": resources.get("limits", {}), "cpuIdle": True}
    if container.get("env"):
        wanted["env"] = [_variable_to_v2(each) for each in container["env"]]
    if container.get("ports"):
        wanted["ports"] = [_port_to_v2(each) for each in container["ports"]]
    for kind in run_probes.KINDS:
        probe = container.get(kind, {})
        # Cloud Run's own, of the port that there was when it was read.
        default = run_probes.default(probe.get("tcpSocket", {}).get("port"))
        if probe and not (kind == run_probes.STARTUP and default_start and probe == default):
            wanted[kind] = _probe_to_v2(kind, probe)
    return wanted


def _variable_to_v2(variable: Document) -> Document:
    wanted = {field: variable[field] for field in ("name", "value") if variable.get(field)}
    if variable.get("valueFrom"):
        wanted["valueSource"] = variable["valueFrom"]
    return wanted


def _port_to_v2(port: Document) -> Document:
    if port.get("protocol", "TCP") != "TCP":
        raise unimplemented(f"ContainerPort.protocol {port['protocol']}")
    return {field: port[field] for field in ("name", "containerPort") if port.get(field)}


def _probe_to_v2(kind: str, probe: Document) -> Document:
    if probe.get("exec"):
        raise unimplemented("Probe.exec")
    successes = run_probes.READY_AGAIN if kind == run_probes.READINESS else 1
    if probe.get("successThreshold", 0) not in (0, successes):
        raise unimplemented(f"{kind}.successThreshold other than {successes}")
    actions = ("httpGet", "tcpSocket", "grpc")
    # A number that is 0 and a text that is empty are the same as none.
    wanted = {field: value for field, value in probe.items() if value or field in actions}
    wanted.pop("successThreshold", None)
    for action in ("httpGet", "tcpSocket"):
        for field in ("host", "scheme"):
            if wanted.get(action, {}).get(field):
                raise unimplemented(f"Probe.{action}.{field}")
        if action in wanted:
            wanted[action] = {field: value for field, value in wanted[action].items() if value}
    return wanted


def to_v1(cloud: Cloud, service: Document) -> Document:
    """A service of version 2 as version 1 shows it."""
    name = Name.parse(service["name"])
    labels = service.get("labels", {})
    annotations = service.get("annotations", {}) | from_fields(service, ON_SERVICE)
    if INGRESS in annotations:
        annotations["run.googleapis.com/ingress-status"] = annotations[INGRESS]
    annotations |= {
        "run.googleapis.com/operation-id": run_services.operation_name(
            cloud, name, service
        ).rpartition("/")[2],
        "serving.knative.dev/creator": service["creator"],
        "serving.knative.dev/lastModifier": service["lastModifier"],
    }
    if "urls" in service:
        annotations["run.googleapis.com/urls"] = json.dumps(service["urls"], separators=(",", ":"))
    return {
        "apiVersion": API_VERSION,
        "kind": "Service",
        "metadata": metadata(cloud, service, "services", labels, dict(sorted(annotations.items()))),
        "spec": {
            "template": template_to_v1(service["template"]),
            "traffic": [traffic_target(target) for target in service["traffic"]],
        },
        "status": service_status(service),
    }


def template_to_v1(template: Document) -> Document:
    """A revision template of version 2 as version 1 shows it."""
    about: Document = {}
    if "revision" in template:
        about["name"] = template["revision"]
    labels = template.get("labels", {}) | probe_label(template["containers"][0])
    annotations = template.get("annotations", {}) | from_fields(template, ON_REVISION)
    for field, values in (("labels", labels), ("annotations", annotations)):
        if values:
            about[field] = values
    return {"metadata": about, "spec": revision_spec(template)}


def probe_label(container: Document) -> dict[str, str]:
    """The label that says that a container has Cloud Run's own start-up probe."""
    return {PROBE_TYPE: "Default"} if run_probes.starts_by_default(container) else {}


def revision_spec(template: Document) -> Document:
    """The specification in a template or a revision of version 2, as version 1 shows it."""
    return {
        "containerConcurrency": template["maxInstanceRequestConcurrency"],
        "timeoutSeconds": int(seconds(template["timeout"])),
        "serviceAccountName": template["serviceAccount"],
        "containers": [
            container | {"resources": {"limits": container["resources"]["limits"]}}
            for container in template["containers"]
        ],
    }


def _part(cloud: Cloud, service: Document, plural: str, uid: str, condition: str) -> Document:
    """What a service's configuration and route have in common."""
    short = Name.parse(service["name"]).service
    labels = {
        "serving.knative.dev/service": short,
        "serving.knative.dev/serviceUid": service["uid"],
    }
    whole = service_status(service)
    ready = next((each for each in whole["conditions"] if each["type"] == condition), None)
    about = metadata(cloud, service | {"uid": uid}, plural, labels, {})
    about["ownerReferences"] = owner("Service", short, service["uid"])
    kept = {"observedGeneration": whole["observedGeneration"], "conditions": []}
    if ready is not None:
        kept["conditions"] = [ready | {"type": "Ready"}]
    return {"apiVersion": API_VERSION, "metadata": about, "status": kept}


def configuration(cloud: Cloud, service: Document) -> Document:
    """The configuration that a service has: its template."""
    uid = configuration_uid(cloud, service["uid"])
    found = _part(cloud, service, "configurations", uid, "ConfigurationsReady")
    status = service_status(service)
    found["status"] |= {
        field: status[field]
        for field in ("latestCreatedRevisionName", "latestReadyRevisionName")
        if field in status
    }
    template = template_to_v1(service["template"])
    return {"kind": "Configuration", **found, "spec": {"template": template}}


def route(cloud: Cloud, service: Document) -> Document:
    """The route that a service has: its traffic."""
    uid = cloud.ids.uuid("run.route", service["uid"])
    found = _part(cloud, service, "routes", uid, "RoutesReady")
    status = service_status(service)
    found["status"] |= {
        field: status[field] for field in ("url", "address", "traffic") if field in status
    }
    traffic = [traffic_target(target) for target in service["traffic"]]
    return {"kind": "Route", **found, "spec": {"traffic": traffic}}
