"""Labels and annotations of Google's own: version 1 of the API shows them, version 2 has fields.

They are kept among the labels and annotations of a stored document. Version 2 neither shows nor
takes them; what it writes leaves them as they are.
"""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

_DOMAINS = (".run.googleapis.com", ".knative.dev", ".cloud.googleapis.com")
_MAPS = ("labels", "annotations")


def is_system(key: str) -> bool:
    """Whether a label or annotation is one of Google's or Knative's own."""
    domain, slash, _ = key.partition("/")
    return bool(slash) and f".{domain}".endswith(_DOMAINS)


def without_system(document: Document) -> Document:
    """A service or revision as version 2 shows it."""
    shown = dict(document)
    for kind in _MAPS:
        if kind in shown:
            shown[kind] = {key: text for key, text in shown[kind].items() if not is_system(key)}
            if not shown[kind]:
                del shown[kind]
    if "template" in shown:
        shown["template"] = without_system(shown["template"])
    return shown


def with_system_of(document: Document, current: Document) -> Document:
    """What version 2 wants a service to be, with the system's keys that the service has now."""
    merged = dict(document)
    for kind in _MAPS:
        kept = {key: text for key, text in current.get(kind, {}).items() if is_system(key)}
        if kept:
            merged[kind] = merged.get(kind, {}) | kept
    if "template" in merged:
        merged["template"] = with_system_of(merged["template"], current.get("template", {}))
    return merged
