"""Buckets and objects as the JSON API prints them.

Fields, their order and how etags are made: recorded answers in
https://github.com/GoogleCloudPlatform/k8s-config-connector (storagebucketbasic, 2024 and 2025) and
https://github.com/google/go-cloud (blob/gcsblob/testdata, 2025).
"""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote

BUCKET_FIELDS = (
    "kind", "selfLink", "id", "name", "projectNumber", "generation", "metageneration", "location",
    "storageClass", "etag", "timeCreated", "updated", "acl", "defaultObjectAcl", "owner",
    "versioning", "lifecycle", "cors", "labels", "softDeletePolicy", "iamConfiguration",
    "locationType", "rpo",
)  # fmt: skip
"""The order in which Google prints a bucket's fields."""

OBJECT_FIELDS = (
    "kind", "id", "selfLink", "mediaLink", "name", "bucket", "generation", "metageneration",
    "contentType", "storageClass", "size", "md5Hash", "contentEncoding", "contentDisposition",
    "contentLanguage", "cacheControl", "crc32c", "componentCount", "etag", "timeCreated",
    "updated", "timeDeleted", "timeStorageClassUpdated", "timeFinalized", "customTime", "metadata",
    "acl", "owner",
)  # fmt: skip

Document = dict[str, Any]


def milliseconds(when: datetime) -> str:
    """A time as Cloud Storage prints it."""
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def bucket_etag(bucket: Document) -> str:
    """The etag: a protobuf message with the metageneration, in base64."""
    return base64.b64encode(b"\x08" + _varint(bucket["metageneration"])).decode()


def _varint(number: int) -> bytes:
    """A number as protobuf encodes it."""
    data = b""
    while number > 0x7F:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def bucket_json(bucket: Document, *, full: bool = False) -> Document:
    """The JSON of a bucket; ``full`` adds its access control lists."""
    name = bucket["name"]
    shown = bucket | {
        "kind": "storage#bucket",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "id": name,
        "metageneration": str(bucket["metageneration"]),
        "etag": bucket_etag(bucket),
    }
    if full and not bucket["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"]:
        shown |= _access_control_lists(bucket)
    return {field: shown[field] for field in BUCKET_FIELDS if field in shown}


def _access_control_lists(bucket: Document) -> Document:
    """The lists that every bucket has here: they say what the project's roles say as well."""
    name, number = bucket["name"], bucket["projectNumber"]
    entries: list[Document] = []
    defaults: list[Document] = []
    for team, role in (("owners", "OWNER"), ("editors", "OWNER"), ("viewers", "READER")):
        entity = f"project-{team}-{number}"
        common = {
            "entity": entity,
            "role": role,
            "etag": bucket_etag(bucket),
            "projectTeam": {"projectNumber": number, "team": team},
        }
        place = {
            "kind": "storage#bucketAccessControl",
            "id": f"{name}/{entity}",
            "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}/acl/{entity}",
            "bucket": name,
        }
        entries.append(place | common)
        defaults.append({"kind": "storage#objectAccessControl"} | common)
    owner = {"entity": f"project-owners-{number}"}
    return {"acl": entries, "defaultObjectAcl": defaults, "owner": owner}


def object_etag(row: Document) -> str:
    """The etag: a protobuf message with generation and metageneration, in base64."""
    data = b"\x08" + _varint(row["generation"]) + b"\x10" + _varint(row["metageneration"])
    return base64.b64encode(data).decode()


def object_json(bucket: Document, row: Document, *, full: bool = False) -> Document:
    """The JSON of an object; ``full`` adds its access control list."""
    path = f"b/{row['bucket']}/o/{quote(row['name'], safe='')}"
    shown = row | {
        "kind": "storage#object",
        "id": f"{row['bucket']}/{row['name']}/{row['generation']}",
        "selfLink": f"https://www.googleapis.com/storage/v1/{path}",
        "mediaLink": f"https://storage.googleapis.com/download/storage/v1/{path}"
        f"?generation={row['generation']}&alt=media",
        "generation": str(row["generation"]),
        "metageneration": str(row["metageneration"]),
        "size": str(row["size"]),
        "etag": object_etag(row),
    }
    if full and not bucket["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"]:
        lists = _access_control_lists(bucket)
        place = {"object": row["name"], "generation": shown["generation"], "bucket": row["bucket"]}
        shown["acl"] = [
            entry | place | {"id": f"{shown['id']}/{entry['entity']}", "etag": shown["etag"]}
            for entry in lists["defaultObjectAcl"]
        ]
        shown["owner"] = lists["owner"]
    return {field: shown[field] for field in OBJECT_FIELDS if field in shown}


def list_token(name: str, generation: int = 0) -> str:
    """The token of a page that follows an object: a protobuf message with its name."""
    data = name.encode()
    message = b"\x0a" + _varint(len(data)) + data
    if generation:
        message += b"\x10" + _varint(generation)
    return base64.b64encode(message).decode()


def read_list_token(token: str) -> tuple[str, int]:
    """What is in a token of ``list_token``. Raises ValueError for anything else."""
    data = base64.b64decode(token, validate=True)
    if data[:1] != b"\x0a":
        raise ValueError("not a page token")
    length, rest = _read_varint(data[1:])
    name, rest = rest[:length].decode(), rest[length:]
    generation = _read_varint(rest[1:])[0] if rest else 0
    if list_token(name, generation) != token:
        raise ValueError("not a page token")
    return name, generation


def _read_varint(data: bytes) -> tuple[int, bytes]:
    number = 0
    for index, byte in enumerate(data):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, data[index + 1 :]
    raise ValueError("not a page token")
