"""Refusals of Cloud DNS, which have a form of their own.

Form: recorded answers in https://github.com/GoogleCloudPlatform/k8s-config-connector
(dnsrecordset, 2024 to 2026). Texts, where nothing else is said: Google's own stand-in for tests in
https://github.com/googleapis/google-cloud-java (LocalDnsHelper, 2016 to 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import GoogleError

_STATUS = {
    400: "INVALID_ARGUMENT",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
}
_REASONS = {
    "PERMISSION_DENIED": "forbidden",
    "UNIMPLEMENTED": "notImplemented",
    "UNAUTHENTICATED": "authError",
    "ABORTED": "aborted",
}


class DnsError(GoogleError):
    """A refusal with an HTTP status and a reason of Cloud DNS' own."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(_STATUS[code], message)
        self._code = code
        self.reason = reason
        self.others: Sequence[DnsError] = ()

    @property
    def http_status(self) -> int:
        """The HTTP status, which is not always that of the canonical code."""
        return self._code

    def body(self) -> dict[str, Any]:
        """The JSON body: the first of what is wrong, and everything."""
        return _body(
            self._code,
            self.message,
            [(each.message, each.reason) for each in (self, *self.others)],
        )


def _body(code: int, message: str, wrong: list[tuple[str, str]]) -> dict[str, Any]:
    errors = [{"message": text, "domain": "global", "reason": reason} for text, reason in wrong]
    return {"error": {"code": code, "message": message, "errors": errors}}


def raise_all(wrong: Sequence[DnsError]) -> None:
    """Raises the first of what is wrong with a request, which then also names the others.

    Recorded: https://github.com/kubernetes-sigs/external-dns/issues/2817 (2022-06)
    """
    if wrong:
        wrong[0].others = wrong[1:]
        raise wrong[0]


def body_of(error: GoogleError) -> dict[str, Any]:
    """The JSON body of any refusal, in Cloud DNS' form.

    That a permission is missing is said in one word: terraform-google-cloud-dns issue 31 (2021-07).
    """
    if isinstance(error, DnsError):
        return error.body()
    message = error.message
    if any(each.get("reason") == "IAM_PERMISSION_DENIED" for each in error.details):
        message = "Forbidden"
    reason = _REASONS.get(error.status, "invalid")
    body = _body(error.http_status, message, [(message, reason)])
    if message != "Forbidden":
        body["error"] |= error.body()["error"]
    return body


def required(field: str) -> DnsError:
    """400 for something that is missing."""
    return DnsError(400, "required", f"The '{field}' parameter is required but was missing.")


def invalid(field: str, value: Any) -> DnsError:
    """400 for a value that something cannot have."""
    return DnsError(400, "invalid", f"Invalid value for '{field}': '{value}'")


def not_modifiable(field: str) -> DnsError:
    """400 for changing what stays as it is. Seen in the notes of grucloud (2021)."""
    return DnsError(400, "invalid", f"The field '{field}' cannot be modified.")


def missing(field: str, name: str) -> DnsError:
    """404."""
    return DnsError(404, "notFound", f"The '{field}' resource named '{name}' does not exist.")


def exists(field: str, name: str) -> DnsError:
    """409. Recorded: https://github.com/snarfed/bridgy-fed/issues/1072 (2024-05)."""
    return DnsError(409, "alreadyExists", f"The resource '{field}' named '{name}' already exists")


def not_empty(name: str) -> DnsError:
    """400. Recorded: tetratelabs/tetrate-service-bridge-sandbox issue 256 (2023-03)."""
    return DnsError(
        400,
        "containerNotEmpty",
        f"The resource named '{name}' cannot be deleted because it contains one or more"
        " 'resource records'.",
    )


def domain_not_available(domain: str) -> DnsError:
    """400. Recorded: https://github.com/hashicorp/terraform-provider-google/issues/18953 (2024)."""
    return DnsError(
        400,
        "managedZoneDnsNameNotAvailable",
        f"The domain '{domain}' (or its child domains) may be reserved or registered already,"
        " prohibited by policy, or there may be no DNS name server shards remaining for the name."
        " For more information see https://cloud.google.com/dns/quotas#nameserver_limits.",
    )


def condition_not_met(field: str) -> DnsError:
    """412. Recorded: https://github.com/puppetlabs/vmpooler-provider-gce (2022)."""
    return DnsError(412, "conditionNotMet", f"Precondition not met for '{field}'")


def apex(field: str, kind: str) -> DnsError:
    """400. Recorded: hashicorp/terraform-provider-google issue 836 (2017-12)."""
    return DnsError(
        400,
        "invalidZoneApex",
        f"The resource record set '{field}' is invalid because a zone must contain exactly one"
        f" resource record set of type '{kind}' at the apex.",
    )


def one_record(field: str, kind: str) -> DnsError:
    """400. https://docs.cloud.google.com/dns/docs/error-messages (2026-04-08)."""
    return DnsError(
        400,
        "invalidRecordCount",
        f"The resource record set '{field}' is only permitted to have one record because it is of"
        f" type '{kind}'.",
    )


def alias_conflict(field: str, name: str, other: str) -> DnsError:
    """400. Recorded: https://github.com/kubernetes-sigs/external-dns/issues/3885 (2023-08)."""
    return DnsError(
        400,
        "cnameResourceRecordSetConflict",
        f"The resource record set '{field}' is invalid because the DNS name '{name}' has a resource"
        f" record set of the type '{other}'. A DNS name may have either one CNAME resource record"
        " set or resource record sets of other types, but not both.",
    )
