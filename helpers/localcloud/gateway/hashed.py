"""A folder of roots from which OpenSSL takes the one that it needs, instead of reading them all.

Python's requests reads a file of roots for each connection, which took 55 ms with 170 of them; with
such a folder it took half a millisecond (2026-11-28). Each file is named after its subject, as
https://docs.openssl.org/3.0/man1/openssl-rehash/ says (2026-11-28).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from hashlib import sha1
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning

SEQUENCE, SET, OBJECT_IDENTIFIER, UTF8_STRING = 0x30, 0x31, 0x06, 0x0C


def files(roots: Iterable[bytes]) -> dict[str, bytes]:
    """The files of the folder by their names; ``roots`` are certificates in PEM."""
    found: dict[str, bytes] = {}
    for root in roots:
        try:
            with warnings.catch_warnings(action="ignore", category=CryptographyDeprecationWarning):
                name = subject_hash(x509.load_pem_x509_certificate(root).subject)
        except ValueError:
            continue  # It breaks a rule, such as a serial number that is not positive.
        number = sum(other.startswith(f"{name}.") for other in found)
        found[f"{name}.{number}"] = root
    return found


def write(folder: Path, roots: Iterable[bytes]) -> None:
    """Makes the folder hold ``roots`` and nothing else. It is its owner's alone."""
    folder.mkdir(mode=0o700, exist_ok=True)
    wanted = files(roots)
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, root in wanted.items():
        path = folder / name
        if not path.exists() or path.read_bytes() != root:
            part = folder / "part"
            part.write_bytes(root)
            part.rename(path)


def subject_hash(name: x509.Name) -> str:
    """What ``openssl x509 -subject_hash`` says of a name.

    That is the SHA-1 of the name in its canonical form: text in UTF-8 and lower case, with single
    spaces, see x509_name_canon in OpenSSL's crypto/x509/x_name.c (2026-11-28).
    """
    canonical = b"".join(
        _der(SET, *(_der(SEQUENCE, _identifier(one.oid), _text(one.value)) for one in part))
        for part in name.rdns
    )
    return f"{int.from_bytes(sha1(canonical).digest()[:4], 'little'):08x}"


def _text(value: str | bytes) -> bytes:
    text = value if isinstance(value, str) else value.decode()
    plain = re.sub(r"[ \t\n\v\f\r]+", " ", text).strip(" ")
    lower = "".join(letter.lower() if letter.isascii() else letter for letter in plain)
    return _der(UTF8_STRING, lower.encode())


def _identifier(oid: x509.ObjectIdentifier) -> bytes:
    first, second, *others = (int(number) for number in oid.dotted_string.split("."))
    encoded = b""
    for number in (40 * first + second, *others):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        encoded += bytes(reversed(septets))
    return _der(OBJECT_IDENTIFIER, encoded)


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
