"""Errors in Google's form, the same over REST and gRPC.

Source: https://cloud.google.com/apis/design/errors (read 2026-11-24)
"""

from __future__ import annotations

from typing import Any

HTTP_STATUS = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "UNAUTHENTICATED": 401,
}
"""Canonical code to HTTP status, from google/rpc/code.proto."""

CODE_NUMBERS = {
    "CANCELLED": 1,
    "UNKNOWN": 2,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}

BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"


class GoogleError(Exception):
    """An API's refusal: a canonical status, a message, and details as JSON of google.rpc types."""

    def __init__(
        self,
        status: str,
        message: str,
        details: list[dict[str, Any]] | None = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details or []
        self.headers = headers or {}

    @property
    def http_status(self) -> int:
        """The HTTP status that goes with the canonical one."""
        return HTTP_STATUS[self.status]

    def body(self) -> dict[str, Any]:
        """The JSON body that REST clients get."""
        error: dict[str, Any] = {
            "code": self.http_status,
            "message": self.message,
            "status": self.status,
        }
        if self.details:
            error["details"] = self.details
        return {"error": error}

    def rpc_status(self) -> dict[str, Any]:
        """JSON of google.rpc.Status, as operations and gRPC carry it."""
        status: dict[str, Any] = {"code": CODE_NUMBERS[self.status], "message": self.message}
        if self.details:
            status["details"] = self.details
        return status


def invalid(field: str, description: str, message: str | None = None) -> GoogleError:
    """INVALID_ARGUMENT with a field violation; the message is the description unless given."""
    violation = {"field": field, "description": description}
    return GoogleError(
        "INVALID_ARGUMENT",
        message or description,
        [{"@type": BAD_REQUEST, "fieldViolations": [violation]}],
    )


def unimplemented(what: str) -> GoogleError:
    """UNIMPLEMENTED, naming the method or host that this cloud does not serve."""
    return GoogleError("UNIMPLEMENTED", f"The local cloud does not serve {what}.")


def error_info(reason: str, domain: str, **metadata: str) -> dict[str, Any]:
    """JSON of google.rpc.ErrorInfo."""
    return {"@type": ERROR_INFO, "reason": reason, "domain": domain, "metadata": metadata}
