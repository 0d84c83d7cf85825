"""Refusals of Cloud Storage, which have a form of their own.

Form: https://docs.cloud.google.com/storage/docs/json_api/v1/status-codes (2026-11-24). Texts, where
nothing else is said: recorded answers in https://github.com/google/go-cloud
(blob/gcsblob/testdata, 2018 to 2025).
"""

from __future__ import annotations

from typing import Any

from ..errors import GoogleError

_STATUS = {
    304: "FAILED_PRECONDITION",
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    416: "OUT_OF_RANGE",
    499: "CANCELLED",
}


class StorageError(GoogleError):
    """A refusal with an HTTP status and a reason of Cloud Storage's own."""

    def __init__(self, code: int, reason: str, message: str, **location: str) -> None:
        super().__init__(_STATUS[code], message)
        self._code = code
        self.reason = reason
        self._location = location

    @property
    def http_status(self) -> int:
        """The HTTP status, which is not always that of the canonical code."""
        return self._code

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        item = {"message": self.message, "domain": "global", "reason": self.reason}
        errors = [item | self._location]
        return {"error": {"code": self._code, "message": self.message, "errors": errors}}


def body_of(error: GoogleError) -> dict[str, Any]:
    """The JSON body of any refusal, in Cloud Storage's form."""
    if isinstance(error, StorageError):
        return error.body()
    reasons = {"PERMISSION_DENIED": "forbidden", "UNIMPLEMENTED": "notImplemented"}
    item = {
        "message": error.message,
        "domain": "global",
        "reason": reasons.get(error.status, "invalid"),
    }
    return {"error": {"code": error.http_status, "message": error.message, "errors": [item]}}


def invalid(message: str) -> StorageError:
    """400 with the reason ``invalid``."""
    return StorageError(400, "invalid", message)


def required(parameter: str) -> StorageError:
    """400 for a parameter that is missing."""
    return StorageError(
        400, "required", f"Required parameter: {parameter}",
        locationType="parameter", location=parameter,
    )  # fmt: skip


def no_bucket() -> StorageError:
    """404 for a bucket."""
    return StorageError(404, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> StorageError:
    """404 for an object."""
    return StorageError(404, "notFound", f"No such object: {bucket}/{name}")


def condition_not_met() -> StorageError:
    """412."""
    return StorageError(
        412,
        "conditionNotMet",
        "At least one of the pre-conditions you specified did not hold.",
        locationType="header",
        location="If-Match",
    )


def not_modified() -> StorageError:
    """304: a condition of a reading request says that the client has it already."""
    return StorageError(304, "notModified", "Not Modified")


def denied(email: str | None, permission: str) -> StorageError:
    """403, or 401 for an anonymous caller.

    The texts: https://github.com/data-integrations/google-cloud/pull/1503 (2025) and
    https://github.com/zetaalphavector/InPars/issues/13 (2023)
    """
    kind = {"storage.objects": "Cloud Storage object", "storage.buckets": "Cloud Storage bucket"}[
        permission.rpartition(".")[0]
    ]
    if permission == "storage.objects.list":
        kind = "Cloud Storage bucket"
    elif permission in ("storage.buckets.create", "storage.buckets.list"):
        kind = "Cloud project"
    message = (
        f"{email or 'Anonymous caller'} does not have {permission} access to the Google {kind}."
        f" Permission '{permission}' denied on resource (or it may not exist)."
    )
    if email is None:
        return StorageError(
            401, "required", message, locationType="header", location="Authorization"
        )
    return StorageError(403, "forbidden", message)
