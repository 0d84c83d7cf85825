"""Names that Google gives: projects and their numbers, addresses, ids.

Ids are derived, not drawn: the same home answers the same twice, whatever the order of calls.
Secrets never come from here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid

from ..regions import REGIONS

PROJECT = "hands-on"
"""The project that exists from the start."""

PROJECT_NUMBER = 415104041262

_HASH_LENGTH = 10
_HASH_SPACE = 36**_HASH_LENGTH
_HASH_STEP = 2_654_435_769_497_173
_HASH_OF_HANDS_ON = int("qdg4vdmju1", 36)


def project_hash(number: int) -> str:
    """The ten characters that stand for a project in its services' hash addresses.

    Google's function is not public. This one is a bijection on ten base-36 digits through one
    fixed point: the project ``hands-on`` has the hash that the wiki page of 2021 shows.
    """
    value = (_HASH_OF_HANDS_ON + (number - PROJECT_NUMBER) * _HASH_STEP) % _HASH_SPACE
    digits = ""
    for _ in range(_HASH_LENGTH):
        value, rest = divmod(value, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits


def hash_host(service: str, number: int, region: str) -> str:
    """``helloflask-qdg4vdmju1-du.a.run.app``: the older address of a service."""
    return f"{service}-{project_hash(number)}-{REGIONS[region].code}.a.run.app"


def deterministic_host(service: str, number: int, region: str) -> str | None:
    """``helloflask-415104041262.asia-northeast3.run.app``, or None if its label is too long.

    Source: https://docs.cloud.google.com/run/docs/triggering/https-request (2026-04-10)
    """
    label = f"{service}-{number}"
    return f"{label}.{region}.run.app" if len(label) <= 63 else None


class Ids:
    """Ids of one home. ``parts`` are the kind, the full name, the incarnation, the generation."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()

    def _bytes(self, parts: tuple[object, ...]) -> bytes:
        text = "\0".join(str(part) for part in parts)
        return hmac.new(self._seed, text.encode(), hashlib.sha256).digest()

    def uuid(self, *parts: object) -> str:
        """A version 4 UUID."""
        return str(uuid.UUID(bytes=self._bytes(parts)[:16], version=4))

    def number(self, digits: int, *parts: object) -> int:
        """A number of exactly that many decimal digits."""
        low = 10 ** (digits - 1)
        return low + int.from_bytes(self._bytes(parts)) % (9 * low)

    def letters(self, length: int, *parts: object) -> str:
        """Lower-case letters and digits, the last part of a revision's name."""
        value = int.from_bytes(self._bytes(parts))
        text = ""
        for _ in range(length):
            value, rest = divmod(value, 27)
            text += "bcdfghjklmnpqrstvwxz2456789"[rest]
        return text

    def etag(self, *parts: object) -> str:
        """An opaque etag; the quotes belong to it, as Cloud Run sends it."""
        return '"' + base64.urlsafe_b64encode(self._bytes(parts)[:12]).decode() + '"'

    def hex(self, length: int, *parts: object) -> str:
        """Hexadecimal digits."""
        return self._bytes(parts).hex()[:length]
