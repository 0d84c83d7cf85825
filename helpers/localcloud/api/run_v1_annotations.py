"""Annotations of Run v1 that are fields in version 2, and those that are refused.

Which resource an annotation belongs to is in the reference of ``ObjectMeta.annotations``,
https://cloud.google.com/run/docs/reference/rest/v1/ObjectMeta (2026-11-25).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import unrecorded
from ..errors import unimplemented
from . import run_validation
from .run_validation import Check

Document = dict[str, Any]

RUN, SCALE = "run.googleapis.com/", "autoscaling.knative.dev/"


@dataclass(frozen=True)
class Annotation:
    """One annotation and the field of version 2, given as a path, that says the same.

    A field whose value is ``default`` is not shown unless somebody has said so explicitly;
    ``absent`` is what a field means that is not there.
    """

    key: str
    field: tuple[str, ...]
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    default: Any
    absent: Any


def _flag(key: str, *field: str, default: bool = False) -> Annotation:
    words = {"true": True, "false": False}
    return Annotation(
        key, field, lambda text: words[text.lower()], lambda on: str(on).lower(), default, False
    )


def _number(key: str, *field: str) -> Annotation:
    return Annotation(key, field, _read_number, str, 0, 0)


def _read_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise ValueError(text)
    return int(text)


def _text(key: str, *field: str) -> Annotation:
    return Annotation(key, field, str, str, "", "")


def _list(key: str, kind: type, *field: str) -> Annotation:
    def read(text: str) -> list[Any]:
        items = json.loads(text)
        json.dumps(items, ensure_ascii=False).encode()  # A lone surrogate could never be shown.
        if not isinstance(items, list) or not all(isinstance(item, kind) for item in items):
            raise ValueError(text)
        return items

    return Annotation(
        key, field, read, lambda items: json.dumps(items, separators=(",", ":")), [], []
    )


def _choice(key: str, words: dict[str, str], *field: str, default: str = "") -> Annotation:
    back = {name: word for word, name in words.items()}
    return Annotation(key, field, words.__getitem__, back.__getitem__, default, default)


INGRESS = RUN + "ingress"

ON_SERVICE = (
    _text(RUN + "client-name", "client"),
    _text(RUN + "client-version", "clientVersion"),
    _list(RUN + "custom-audiences", str, "customAudiences"),
    _flag(RUN + "default-url-disabled", "defaultUriDisabled"),
    _text(RUN + "description", "description"),
    _flag(RUN + "iap-enabled", "iapEnabled"),
    _choice(INGRESS, {word: value for value, word in run_validation.INGRESS.items()}, "ingress"),
    _flag(RUN + "invoker-iam-disabled", "invokerIamDisabled"),
    _choice(
        RUN + "launch-stage", {each: each for each in ("ALPHA", "BETA", "GA")},
        "launchStage", default="GA",
    ),
    _number(RUN + "manualInstanceCount", "scaling", "manualInstanceCount"),
    _number(RUN + "maxScale", "scaling", "maxInstanceCount"),
    _number(RUN + "minScale", "scaling", "minInstanceCount"),
    _choice(
        RUN + "scalingMode",
        {"automatic": "AUTOMATIC", "manual": "MANUAL"},
        "scaling", "scalingMode", default="AUTOMATIC",
    ),
)  # fmt: skip

ON_REVISION = (
    _number(SCALE + "maxScale", "scaling", "maxInstanceCount"),
    _number(SCALE + "minScale", "scaling", "minInstanceCount"),
    _flag(RUN + "cpu-throttling", "containers", "resources", "cpuIdle", default=True),
    _text(RUN + "encryption-key", "encryptionKey"),
    _choice(
        RUN + "execution-environment",
        {"gen1": "EXECUTION_ENVIRONMENT_GEN1", "gen2": "EXECUTION_ENVIRONMENT_GEN2"},
        "executionEnvironment",
    ),
    _flag(RUN + "gpu-zonal-redundancy-disabled", "gpuZonalRedundancyDisabled"),
    _flag(RUN + "health-check-disabled", "healthCheckDisabled"),
    _list(RUN + "network-interfaces", dict, "vpcAccess", "networkInterfaces"),
    _flag(RUN + "sessionAffinity", "sessionAffinity"),
    _flag(RUN + "startup-cpu-boost", "containers", "resources", "startupCpuBoost"),
    _text(RUN + "vpc-access-connector", "vpcAccess", "connector"),
    _choice(
        RUN + "vpc-access-egress",
        {
            "private-ranges-only": "PRIVATE_RANGES_ONLY",
            "all": "ALL_TRAFFIC",
            "all-traffic": "ALL_TRAFFIC",
        },
        "vpcAccess",
        "egress",
    ),
)

KEPT = {
    RUN + name
    for name in (
        "build-base-image", "build-enable-automatic-updates", "build-environment-variables",
        "build-function-target", "build-id", "build-image-uri", "build-name",
        "build-service-account", "build-source-location", "build-worker-pool", "client-name",
        "client-version",
    )
}  # fmt: skip
"""Annotations that only tell something; every other one asks for what is not served."""

SET_BY_SERVER = {
    RUN + "ingress-status", RUN + "operation-id", RUN + "urls", "serving.knative.dev/creator",
    "serving.knative.dev/lastModifier",
}  # fmt: skip
"""What a client sends back because it has read it."""


def into_fields(
    annotations: dict[str, str], kind: str, place: str, document: Document, check: Check
) -> dict[str, str]:
    """Puts what annotations say into the fields of a document; returns those that are kept.

    Raises GoogleError for a value that is wrong, for an annotation of the other ``kind``, Service
    or Revision, and for one that is not served.
    """
    table, other = (ON_SERVICE, ON_REVISION) if kind == "Service" else (ON_REVISION, ON_SERVICE)
    known = {each.key: each for each in table}
    shared = {RUN + "client-name", RUN + "client-version"}
    foreign = {each.key for each in other} - set(known) - shared
    kept = {}
    for key, text in annotations.items():
        if key in SET_BY_SERVER:
            continue
        if key in foreign:
            supported = "Revision" if kind == "Service" else "Service"
            # Source: a public report of a live refusal, 2025.
            raise check.refuse(
                f"{place}[{key}]",
                f"Annotation is not supported on resources of kind '{kind}'. Supported kinds are:"
                f" {supported}",
            )
        if key not in known:
            restricted = key.startswith((RUN, SCALE)) and key not in KEPT
            if restricted and text not in ("", "{}", "[]", "false"):
                raise unimplemented(f"the annotation {key}")
            kept[key] = text
            continue
        annotation = known[key]
        try:
            value = annotation.read(text)
        except (KeyError, ValueError, RecursionError):
            raise check.refuse(f"{place}[{key}]", unrecorded.annotation(text)) from None
        if value == annotation.default:
            kept[key] = text
        for holder in _holders(document, annotation.field, make=value != annotation.absent):
            holder[annotation.field[-1]] = value
            if value == annotation.absent:
                del holder[annotation.field[-1]]
    return kept


def from_fields(document: Document, table: Sequence[Annotation]) -> dict[str, str]:
    """The annotations that say what the fields of a document are."""
    found = {}
    for annotation in table:
        for holder in _holders(document, annotation.field, make=False):
            value = holder.get(annotation.field[-1], annotation.absent)
            if value != annotation.default:
                found[annotation.key] = annotation.write(value)
    return found


def _holders(document: Document, field: tuple[str, ...], *, make: bool) -> list[Document]:
    """The objects that have a field: the document, one inside it, or one in its first container."""
    holder: Any = document
    for part in field[:-1]:
        if part not in holder and not make:
            return []
        holder = holder.setdefault(part, {})
        if isinstance(holder, list):
            if not holder:
                return []
            holder = holder[0]
    return [holder]
