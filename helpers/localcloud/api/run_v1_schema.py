"""The messages of Run v1 that a caller sends: fields, types, and Google's complaints.

Source: https://run.googleapis.com/$discovery/rest?version=v1; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .transcoding import is_integer, unknown_field, wrong_type

TEXT, NUMBER, FLAG = "TYPE_STRING", "TYPE_INT32", "TYPE_BOOL"
TEXTS, MAP = [TEXT], {"": TEXT}
ANYTHING = None
"""What is ignored when it is sent, or refused by name whatever is in it."""

MESSAGES: dict[str, dict[str, Any]] = {
    "Service": {
        "apiVersion": TEXT, "kind": TEXT, "metadata": "ObjectMeta", "spec": "ServiceSpec",
        "status": ANYTHING,
    },
    "ObjectMeta": {
        "name": TEXT, "generateName": TEXT, "namespace": TEXT, "selfLink": TEXT, "uid": TEXT,
        "resourceVersion": TEXT, "generation": NUMBER, "creationTimestamp": TEXT,
        "deletionTimestamp": TEXT, "deletionGracePeriodSeconds": NUMBER, "clusterName": TEXT,
        "labels": MAP, "annotations": MAP, "finalizers": TEXTS, "ownerReferences": ANYTHING,
    },
    "ServiceSpec": {"template": "RevisionTemplate", "traffic": ["TrafficTarget"]},
    "TrafficTarget": {
        "configurationName": TEXT, "revisionName": TEXT, "latestRevision": FLAG, "percent": NUMBER,
        "tag": TEXT, "url": TEXT,
    },
    "RevisionTemplate": {"metadata": "ObjectMeta", "spec": "RevisionSpec"},
    "RevisionSpec": {
        "containerConcurrency": NUMBER, "containers": ["Container"], "timeoutSeconds": NUMBER,
        "serviceAccountName": TEXT, "volumes": ANYTHING, "nodeSelector": MAP,
        "runtimeClassName": TEXT, "sandboxes": ANYTHING, "enableServiceLinks": FLAG,
        "imagePullSecrets": ANYTHING,
    },
    "Container": {
        "name": TEXT, "image": TEXT, "command": TEXTS, "args": TEXTS, "env": ["EnvVar"],
        "ports": ["ContainerPort"], "resources": "ResourceRequirements", "workingDir": TEXT,
        "startupProbe": "Probe", "livenessProbe": "Probe", "readinessProbe": "Probe",
        "volumeMounts": ANYTHING, "envFrom": ANYTHING, "securityContext": ANYTHING,
        "imagePullPolicy": TEXT, "terminationMessagePath": TEXT, "terminationMessagePolicy": TEXT,
        "sandboxLauncher": FLAG,
    },
    "EnvVar": {"name": TEXT, "value": TEXT, "valueFrom": ANYTHING},
    "ContainerPort": {"name": TEXT, "containerPort": NUMBER, "protocol": TEXT},
    "ResourceRequirements": {"limits": MAP, "requests": MAP},
    "Probe": {
        "initialDelaySeconds": NUMBER, "timeoutSeconds": NUMBER, "periodSeconds": NUMBER,
        "successThreshold": NUMBER, "failureThreshold": NUMBER, "httpGet": "HTTPGetAction",
        "tcpSocket": "TCPSocketAction", "grpc": ANYTHING, "exec": ANYTHING,
    },
    "DomainMapping": {
        "apiVersion": TEXT, "kind": TEXT, "metadata": "ObjectMeta", "spec": "DomainMappingSpec",
        "status": ANYTHING,
    },
    "DomainMappingSpec": {"routeName": TEXT, "forceOverride": FLAG, "certificateMode": TEXT},
    "HTTPGetAction": {
        "host": TEXT, "path": TEXT, "port": NUMBER, "scheme": TEXT, "httpHeaders": ANYTHING,
    },
    "TCPSocketAction": {"host": TEXT, "port": NUMBER},
}  # fmt: skip


def complaints(value: Any, kind: Any, where: str) -> Iterable[tuple[str, str]]:
    """What is wrong with a JSON value that should be of that kind, as (field, text)."""
    if kind is ANYTHING:
        return
    if isinstance(kind, list):
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            yield from complaints(item, kind[0], f"{where}[{index}]")
    elif kind is MAP:
        if not isinstance(value, dict):
            yield where, wrong_type(where, "Map", value)
            return
        for key, item in value.items():
            yield from complaints(item, TEXT, f"{where}[{key}]")
    elif kind in MESSAGES:
        yield from _message(value, kind, where)
    elif not _fits(value, kind):
        yield where, wrong_type(where, kind, value)


def _message(value: Any, kind: str, where: str) -> Iterable[tuple[str, str]]:
    if not isinstance(value, dict):
        yield where, wrong_type(where, f"type.googleapis.com/google.cloud.run.v1.{kind}", value)
        return
    for key, item in value.items():
        if key not in MESSAGES[kind]:
            yield where, unknown_field(key, where)
        elif item is not None:
            yield from complaints(item, MESSAGES[kind][key], f"{where}.{_snake(key)}")


def normal(value: Any, kind: Any) -> Any:
    """A value without complaints in its plain form: no null, and numbers that are numbers."""
    if isinstance(kind, list):
        return [normal(item, kind[0]) for item in (value if isinstance(value, list) else [value])]
    if kind is not ANYTHING and kind is not MAP and kind in MESSAGES:
        return {
            key: normal(item, MESSAGES[kind][key])
            for key, item in value.items()
            if item is not None
        }
    return int(value) if kind == NUMBER else value


def _fits(value: Any, kind: str) -> bool:
    if kind == TEXT:
        return isinstance(value, str)
    if kind == FLAG:
        return isinstance(value, bool)
    return is_integer(value)


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()
