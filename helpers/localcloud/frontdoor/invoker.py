"""May this caller invoke the service? Identity tokens, checked before a request goes further.

Sources: https://docs.cloud.google.com/run/docs/troubleshooting and
https://docs.cloud.google.com/run/docs/authenticating/service-to-service (2026-11-24); the log
lines were recorded in 2024 to 2026.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..identity.policies import Policies
from ..identity.tokens import TokenRefused, Tokens
from .request import Request

PERMISSION = "run.routes.invoke"
SIGNATURE_REMOVED = b"SIGNATURE_REMOVED_BY_GOOGLE"

_READ_MORE = (
    " Read more at https://cloud.google.com/run/docs/securing/authenticating Additional"
    " troubleshooting documentation can be found at:"
    " https://cloud.google.com/run/docs/troubleshooting#"
)
_NOT_AUTHENTICATED = (
    "The request was not authenticated. Either allow unauthenticated invocations or set the"
    " proper Authorization header."
)
NO_TOKEN = f"{_NOT_AUTHENTICATED} Empty Authorization header value."
NO_PERMISSION = f"{_NOT_AUTHENTICATED}{_READ_MORE}unauthorized-client"
BAD_TOKEN = f"The request was not authorized to invoke this service.{_READ_MORE}401"


@dataclass(frozen=True)
class Refusal:
    """Why a request goes no further: the status, and the line for the request log."""

    status: int
    log: str


class Invoker:
    """The check in front of services that are not public."""

    def __init__(self, tokens: Tokens, policies: Policies) -> None:
        self._tokens = tokens
        self._policies = policies

    def check(self, request: Request, service: str, audiences: Collection[str]) -> Refusal | None:
        """Refuses the request, or lets it go on without the signature of its token.

        ``service`` is the full name. A public service takes whatever the headers say, and passes
        them on as they are: its app may use Authorization for tokens of its own.
        """
        if self._policies.allowed(None, PERMISSION, service):
            return None
        header = b"authorization"
        if b"x-serverless-authorization" in request.fields:
            header = b"x-serverless-authorization"
        values = request.values(header)
        if not any(value.strip() for value in values):
            return Refusal(403, NO_TOKEN)
        scheme, _, token = values[0].partition(b" ")
        token = token.strip()
        if len(values) > 1 or scheme.lower() != b"bearer":
            return Refusal(401, BAD_TOKEN)
        try:
            principal = self._tokens.verify_id_token(token.decode("latin-1"), audiences)
        except TokenRefused:
            return Refusal(401, BAD_TOKEN)
        if not self._policies.allowed(principal, PERMISSION, service):
            return Refusal(403, NO_PERMISSION)
        signed = token.rpartition(b".")[0]
        request.replace(header, b"%s %s.%s" % (scheme, signed, SIGNATURE_REMOVED))
        return None
