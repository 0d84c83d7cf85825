"""Wheels made of what is installed: complete, valid, and the same each time."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from helpers.localcloud.engine.wheels import NotPackable, closure, pack, wheels


def test_everything_that_flask_requires_is_there(tmp_path: Path) -> None:
    made = {path.name.partition("-")[0].lower() for path in wheels(tmp_path, ["Flask>=3.0"])}
    assert {"flask", "werkzeug", "jinja2", "markupsafe", "click", "itsdangerous"} <= made


def test_what_is_not_installed_is_left_to_the_package_index(tmp_path: Path) -> None:
    assert wheels(tmp_path, ["no-such-distribution>=1", "not a name!", ""]) == []


def test_extras_are_followed() -> None:
    plain = {dist.name.lower() for dist in closure(["flask"])}
    extra = {dist.name.lower() for dist in closure(["flask[async]"])}
    assert plain <= extra


def test_a_wheel_holds_what_its_record_says(tmp_path: Path) -> None:
    path = pack(metadata.distribution("MarkupSafe"), tmp_path)
    with zipfile.ZipFile(path) as archive:
        record = next(name for name in archive.namelist() if name.endswith("/RECORD"))
        rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        for name, digest, size in rows:
            if name != record:
                data = archive.read(name)
                right = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
                assert (digest, size) == (f"sha256={right.decode()}", str(len(data)))
        assert not [name for name in archive.namelist() if name.endswith((".pyc", "INSTALLER"))]


def test_the_same_distribution_makes_the_same_bytes(tmp_path: Path) -> None:
    for name in "12":
        (tmp_path / name).mkdir()
    one, two = (pack(metadata.distribution("gunicorn"), tmp_path / name) for name in "12")
    assert one.read_bytes() == two.read_bytes()


def test_a_distribution_whose_files_are_gone_is_refused(tmp_path: Path) -> None:
    info = tmp_path / "site" / "half-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: half\nVersion: 1.0\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nTag: py3-none-any\n")
    (info / "RECORD").write_text("half.py,,\nhalf-1.0.dist-info/METADATA,,\n")
    with pytest.raises(NotPackable, match=r"half\.py is gone"):
        pack(metadata.Distribution.at(info), tmp_path)
