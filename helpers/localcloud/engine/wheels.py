"""Packs distributions that are installed in this environment into wheels again.

``pip install --find-links`` inside a build then finds them without a network.
Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
(read 2026-11-24)
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

OF_THE_INSTALLER = {
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "RECORD.jws",
    "RECORD.p7s",
}
A_FIXED_TIME = (1980, 1, 1, 0, 0, 0)


class NotPackable(ValueError):
    """A distribution that no wheel can be made of; the text says why."""


def wheels(folder: Path, names: Iterable[str]) -> list[Path]:
    """Makes wheels of the named distributions and all that they require, if not made before.

    ``names`` are requirements such as ``Flask>=3.1`` or ``requests[socks]``; their versions are
    not looked at, for pip decides that. What is not installed here, or cannot be packed, is left
    out: pip then looks for it elsewhere. Blocks for about 0.1 s a megabyte.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for distribution in closure(names):
        try:
            made.append(pack(distribution, folder))
        except NotPackable:
            continue
    return made


def closure(names: Iterable[str]) -> list[metadata.Distribution]:
    """The installed distributions among the named ones and all that they require, by name."""
    found: dict[str, metadata.Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [name for name in map(_requirement, names) if name]
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[name] = distribution
        waiting += _required(distribution, extras)
    return [found[name] for name in sorted(found)]


def pack(distribution: metadata.Distribution, folder: Path) -> Path:
    """Makes the wheel of one distribution and returns its path; the same files, the same bytes.

    Raises NotPackable when it was not installed from a wheel or files of it are gone.
    """
    try:
        tags = _tags(distribution)
        path = folder / f"{_escape(distribution.name)}-{_escape(distribution.version)}-{tags}.whl"
        if not path.exists():
            contents = dict(_contents(distribution))
            _write(path, contents, _info(distribution))
        return path
    except FileNotFoundError as error:
        raise NotPackable(f"{distribution.name}: {error.filename} is gone") from error


def _requirement(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _required(distribution: metadata.Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for text in distribution.requires or ():
        required = Requirement(text)
        marker = required.marker
        if marker is None or any(marker.evaluate({"extra": e}) for e in ("", *sorted(extras))):
            yield required


def _info(distribution: metadata.Distribution) -> str:
    for entry in distribution.files or ():
        if len(entry.parts) == 2 and entry.name == "METADATA":
            return entry.parts[0]
    raise NotPackable(f"{distribution.name} was not installed from a wheel")


def _tags(distribution: metadata.Distribution) -> str:
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [tag for line in lines if line.startswith("Tag:") for tag in parse_tag(line[4:].strip())]
    if not tags:
        raise NotPackable(f"{distribution.name} was not installed from a wheel")
    parts = ((t.interpreter, t.abi, t.platform) for t in tags)
    return "-".join(".".join(sorted(set(part))) for part in zip(*parts, strict=True))


def _escape(text: str) -> str:
    return text.replace("-", "_")


def _contents(distribution: metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    """Names in the wheel and bytes, without what pip makes anew: scripts, caches, records."""
    info = _info(distribution)
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        raise NotPackable(f"{distribution.name} is installed in editable mode")
    scripts = {
        point.name
        for point in distribution.entry_points
        if point.group in ("console_scripts", "gui_scripts")
    }
    data = info.replace(".dist-info", ".data")
    for entry in distribution.files or ():
        if entry.suffix == ".pyc" or (entry.parts[0] == info and entry.name in OF_THE_INSTALLER):
            continue
        source = Path(str(distribution.locate_file(entry)))
        if entry.parts[0] != "..":
            yield str(entry), source.read_bytes()
        elif source.parent.name != "bin":
            yield f"{data}/data/{_below_prefix(entry)}", source.read_bytes()
        elif source.name not in scripts:
            yield f"{data}/scripts/{source.name}", _plain_shebang(source.read_bytes())


def _below_prefix(entry: PurePosixPath) -> str:
    return "/".join(part for part in entry.parts if part != "..")


def _plain_shebang(script: bytes) -> bytes:
    first, newline, rest = script.partition(b"\n")
    if first.startswith(b"#!") and b"python" in first:
        return b"#!python" + newline + rest
    return script


def _write(path: Path, contents: dict[str, bytes], info: str) -> None:
    record = io.StringIO()
    table = csv.writer(record, lineterminator="\n")
    part = path.with_name(f".{uuid.uuid4().hex}")
    with zipfile.ZipFile(part, "w") as archive:
        # The metadata come last, as the specification asks.
        for name in sorted(contents, key=lambda name: (name.startswith(f"{info}/"), name)):
            data = contents[name]
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            table.writerow((name, f"sha256={digest}", len(data)))
            archive.writestr(_entry(name), data)
        table.writerow((f"{info}/RECORD", "", ""))
        archive.writestr(_entry(f"{info}/RECORD"), record.getvalue())
    part.rename(path)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, A_FIXED_TIME)
    entry.external_attr = (0o755 if "/scripts/" in name else 0o644) << 16
    return entry
