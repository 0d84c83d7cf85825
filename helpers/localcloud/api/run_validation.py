"""What a Cloud Run service may say, what it is completed with, and what is not served here.

Texts are those of live refusals by run.googleapis.com, read in public bug reports and in a public
conformance test; the few that are ours come from ``unrecorded``.
"""

from __future__ import annotations

import re
from typing import Any

from .. import unrecorded
from ..errors import GoogleError, invalid, unimplemented
from ..registry import references
from . import run_probes, run_vpc
from .run_metadata import is_system

Document = dict[str, Any]

LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
SERVICE_ID = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")
IMAGE = re.compile(
    r"([a-z0-9.-]+(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?"
)
CONTAINER_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
RESERVED_ENV = {"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"}
UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
MAX_TIMEOUT = 3600
LAUNCH_STAGES = ("ALPHA", "BETA", "GA")
"""Those that Cloud Run supports.

Source: https://github.com/googleapis/googleapis/blob/master/google/cloud/run/v2/service.proto
(2026-08-22)
"""
EXECUTION_ENVIRONMENTS = ("EXECUTION_ENVIRONMENT_GEN1", "EXECUTION_ENVIRONMENT_GEN2")

ALL = "INGRESS_TRAFFIC_ALL"
INGRESS = {
    ALL: "all",
    "INGRESS_TRAFFIC_INTERNAL_ONLY": "internal",
    "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER": "internal-and-cloud-load-balancing",
    "INGRESS_TRAFFIC_NONE": "none",
}
"""What each value is called in version 1. No load balancer is served here: whoever would come
through one does not, and the third is the same as the second."""

NOT_SERVED_IN_TEMPLATE = (
    "volumes", "encryptionKey", "serviceMesh", "sessionAffinity", "nodeSelector",
    "encryptionKeyRevocationAction", "encryptionKeyShutdownDuration", "gpuZonalRedundancyDisabled",
    "healthCheckDisabled",
)  # fmt: skip
NOT_SERVED_IN_CONTAINER = (
    "volumeMounts", "dependsOn", "sourceCode", "baseImageUri",
)  # fmt: skip
NOT_SERVED_IN_SERVICE = (
    "binaryAuthorization", "iapEnabled", "multiRegionSettings", "threatDetectionEnabled",
    "buildConfig",
)  # fmt: skip
OUTPUT_ONLY = (
    "uid", "generation", "createTime", "updateTime", "deleteTime", "expireTime", "creator",
    "lastModifier", "urls", "observedGeneration", "terminalCondition", "conditions",
    "latestReadyRevision", "latestCreatedRevision", "trafficStatuses", "uri", "satisfiesPzs",
    "reconciling", "etag",
)  # fmt: skip


class Check:
    """Checks one request; ``request`` is the name of its message, for the texts."""

    def __init__(self, request: str) -> None:
        self._request = request

    def refuse(self, field: str, description: str) -> GoogleError:
        """The refusal of a field, in the form that the Run API has for it."""
        place = f"Violation in {self._request}.{field}"
        return invalid(place, description, f"{place}: {description}")

    def service_id(self, service_id: str) -> None:
        """Raises GoogleError when a service cannot have that name."""
        if not SERVICE_ID.fullmatch(service_id):
            raise self.refuse("service_id", unrecorded.service_id())

    def service(self, service: Document) -> None:
        """Raises GoogleError when a service asks for what is wrong or not served."""
        for field in NOT_SERVED_IN_SERVICE:
            if service.get(field):
                raise unimplemented(f"Service.{field}")
        self._one_of("service.ingress", service.get("ingress", ALL), tuple(INGRESS))
        self._one_of("service.launch_stage", service.get("launchStage", "GA"), LAUNCH_STAGES)
        self._labels("service", service)
        if "template" not in service:
            raise self.refuse("service.template", "required field not present.")
        self._template(service["template"])
        self._traffic(service.get("traffic", []))
        self._scaling("service.scaling", service.get("scaling", {}))

    def _one_of(self, place: str, value: str | int, known: tuple[str, ...]) -> None:
        """Refuses the other values of an enumeration, and numbers that it has no name for."""
        if value not in known:
            raise self.refuse(place, unrecorded.one_of(known))

    def _labels(self, place: str, holder: Document) -> None:
        for kind in ("labels", "annotations"):
            for key in holder.get(kind, {}):
                if is_system(key):
                    raise self.refuse(f"{place}.{kind}", f"system {kind} are not supported: {key}")

    def _template(self, template: Document) -> None:
        for field in NOT_SERVED_IN_TEMPLATE:
            if template.get(field):
                raise unimplemented(f"RevisionTemplate.{field}")
        if "executionEnvironment" in template:
            place = "service.template.execution_environment"
            self._one_of(place, template["executionEnvironment"], EXECUTION_ENVIRONMENTS)
        if "vpcAccess" in template:
            run_vpc.check(template["vpcAccess"], self.refuse)
        self._labels("service.template", template)
        self._scaling("service.template.scaling", template.get("scaling", {}))
        concurrency = template.get("maxInstanceRequestConcurrency", 0)
        if not 0 <= concurrency <= 1000:
            raise self.refuse(
                "service.template.max_instance_request_concurrency",
                "Must be a number between 0 and 1000.",
            )
        if not 0 <= seconds(template.get("timeout", "0s")) <= MAX_TIMEOUT:
            raise self.refuse("service.template.timeout", "maximum allowed time is one hour.")
        containers = template.get("containers", [])
        if not containers:
            raise self.refuse("service.template.containers", "must contain at least one container.")
        if len(containers) > 10:
            raise self.refuse(
                "service.template.containers", "Services may include at most 10 containers."
            )
        if len(containers) > 1:
            raise unimplemented("more than one container in a revision")
        self._container("service.template.containers[0]", containers[0])

    def _container(self, place: str, container: Document) -> None:
        for field in NOT_SERVED_IN_CONTAINER:
            if container.get(field):
                raise unimplemented(f"Container.{field}")
        image = container.get("image", "")
        if not image:
            raise self.refuse(f"{place}.image", "must provide an image name to deploy.")
        if not IMAGE.fullmatch(image):
            raise self.refuse(
                f"{place}.image",
                "must be a container image path in the form [hostname/]repo-path[:tag and/or"
                " @digest]",
            )
        host = image.partition("/")[0]
        if not references.serves(host):
            raise unimplemented(unrecorded.image_host(host if "." in host else "docker.io"))
        name = container.get("name", "")
        if name and not CONTAINER_NAME.fullmatch(name):
            raise self.refuse(f"{place}.name", "must conform to RFC 1123.")
        self._env(f"{place}.env", container.get("env", []))
        self._ports(f"{place}.ports", container.get("ports", []))
        self._limits(f"{place}.resources.limits", container.get("resources", {}).get("limits", {}))
        run_probes.check(place, container, self.refuse)

    def _env(self, place: str, env: list[Document]) -> None:
        for index, variable in enumerate(env):
            name = variable.get("name", "")
            if "valueSource" in variable:
                raise unimplemented("EnvVar.valueSource (Secret Manager)")
            if not name:
                raise self.refuse(f"{place}[{index}].name", "required field not present.")
            if "=" in name or "\0" in name:
                raise self.refuse(f"{place}[{index}].name", unrecorded.env_name())
            if "\0" in variable.get("value", ""):
                raise self.refuse(f"{place}[{index}].value", unrecorded.env_value())
            if name in RESERVED_ENV:
                raise self.refuse(
                    place, f"The following reserved env names were provided: {name}. These values"
                    " are automatically set by the system.",
                )  # fmt: skip
            if len(variable.get("value", "")) > 32768:
                raise self.refuse(f"{place}[{index}].value", "length cannot exceed 32768.")

    def _ports(self, place: str, ports: list[Document]) -> None:
        if len(ports) > 1:
            raise self.refuse(place, "ports should contain 0 or 1 port.")
        for port in ports:
            if port.get("name", "http1") == "h2c":
                raise unimplemented("HTTP/2 to the container (a port named h2c)")
            if port.get("name", "http1") != "http1":
                raise self.refuse(f"{place}[0].name", "must be one of empty, 'http1' or 'h2c'.")
            if not 0 <= port.get("containerPort", 0) <= 65535:
                raise self.refuse(
                    f"{place}[0].container_port", "must be between 1 and 65535, inclusive."
                )

    def _limits(self, place: str, limits: dict[str, str]) -> None:
        for key, value in limits.items():
            if key == "nvidia.com/gpu":
                raise unimplemented("GPUs")
            if key not in ("cpu", "memory"):
                raise self.refuse(f"{place}", f"unsupported resource limit: {key}")
            try:
                amount = quantity(value)
            except ValueError:
                raise self.refuse(f"{place}.{key}", "Could not parse Quantity.") from None
            if key == "cpu" and not (0.08 <= amount <= 1 or amount in (2, 4, 6, 8)):
                raise self.refuse(
                    f"{place}.cpu",
                    "Invalid value specified for cpu. Must be equal to one of [.08-1], 2, 4, 6, 8.",
                )
            if key == "memory" and not 128 * 2**20 <= amount <= 32 * 2**30:
                raise self.refuse(
                    f"{place}.memory", "Invalid value specified for container memory."
                    " Must be between 128Mi and 32Gi.",
                )  # fmt: skip

    def _scaling(self, place: str, scaling: Document) -> None:
        mode = scaling.get("scalingMode", "AUTOMATIC")
        if mode == "MANUAL" or scaling.get("manualInstanceCount"):
            raise unimplemented("manual scaling")
        self._one_of(f"{place}.scaling_mode", mode, ("AUTOMATIC",))
        low, high = scaling.get("minInstanceCount", 0), scaling.get("maxInstanceCount", 0)
        if low < 0:
            raise self.refuse(
                f"{place}.min_instance_count", "must be greater than or equal to zero."
            )
        if high < 0 or (high and high < low):
            raise self.refuse(
                f"{place}.max_instance_count",
                "must be greater than or equal to min_instance_count.",
            )

    def _traffic(self, traffic: list[Document]) -> None:
        tags: set[str] = set()
        for index, target in enumerate(traffic):
            place = f"service.traffic[{index}]"
            if not 0 <= target.get("percent", 0) <= 100:
                raise self.refuse(f"{place}.percent", "must be a number between 0 and 100.")
            if ("revision" in target) != (target.get("type") == REVISION):
                raise self.refuse(
                    f"{place}.revision",
                    f"must be specified if and only if traffic type is {REVISION}.",
                )
            self._one_of(f"{place}.type", target.get("type", ""), (LATEST, REVISION))
            tag = target.get("tag", "")
            if tag in tags:
                raise self.refuse("service.traffic", f"may not contain a duplicate tag: {tag}")
            if tag:
                tags.add(tag)
                if not SERVICE_ID.fullmatch(tag):
                    raise self.refuse(f"{place}.tag", "must conform to RFC 1123.")
        total = sum(target.get("percent", 0) for target in traffic)
        if traffic and total != 100:
            raise self.refuse(
                "service.traffic", f"The sum of traffic percents should be 100, but is {total}."
            )


def complete(service: Document, service_account: str) -> Document:
    """A service with everything that Cloud Run fills in where the caller said nothing."""
    template = dict(service["template"])
    cpu_below_one = False
    containers = []
    for container in template["containers"]:
        # Whoever sends resources must ask for idle CPU; https://cloud.google.com/run/docs/reference/
        # rest/v2/Container#ResourceRequirements (2026-11-24).
        resources = dict(container.get("resources", {"cpuIdle": True}))
        resources["limits"] = {"cpu": "1000m", "memory": "512Mi"} | resources.get("limits", {})
        cpu_below_one = quantity(resources["limits"]["cpu"]) < 1
        ports = [
            {"name": "http1", "containerPort": 8080} | port for port in container.get("ports", [{}])
        ]
        containers.append(
            container
            | {
                "resources": resources,
                "ports": ports,
                **run_probes.complete(container, ports[0]["containerPort"]),
            }
        )
    scaling = {"maxInstanceCount": 100} | template.get("scaling", {})
    if template.get("timeout", "0s") == "0s":
        template["timeout"] = "300s"
    template.setdefault("serviceAccount", service_account)
    template.setdefault("maxInstanceRequestConcurrency", 1 if cpu_below_one else 80)
    template |= {"scaling": scaling, "containers": containers}
    return {
        "ingress": ALL,
        "launchStage": "GA",
        **service,
        "template": template,
        "traffic": service.get("traffic") or [{"type": LATEST, "percent": 100}],
    }


def quantity(text: str) -> float:
    """A Kubernetes quantity such as ``500m`` or ``512Mi`` as a number. Raises ValueError."""
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)(m|[kMG]|[KMG]i)?", text)
    if match is None:
        raise ValueError(text)
    number, unit = float(match[1]), match[2] or ""
    return number / 1000 if unit == "m" else number * UNITS[unit]


def seconds(duration: str) -> float:
    """A protobuf duration's JSON form, ``300s``, in seconds."""
    return float(duration.removesuffix("s"))
