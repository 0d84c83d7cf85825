"""Layers: what a tar may do to the machine (nothing), and whether an image comes back the same."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from helpers.localcloud.engine.layers import Layers, is_opaque, is_whiteout
from helpers.localcloud.engine.unpack import BadLayer
from helpers.localcloud.registry.blobs import Blobs
from helpers.localcloud.registry.image import Image

FOLDER, LINK, HARD, DEVICE, PIPE = (
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
    tarfile.CHRTYPE,
    tarfile.FIFOTYPE,
)


@pytest.fixture
def layers(tmp_path: Path) -> Layers:
    return Layers(tmp_path / "layers", Blobs(tmp_path / "blobs"))


def tar(*members: tuple[Any, ...]) -> bytes:
    """A tar of (name, content) or (name, type, link)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, *rest in members:
            member = tarfile.TarInfo(name)
            member.mtime = 1_700_000_000
            if isinstance(rest[0], str):
                content = rest[0].encode()
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = rest[0], rest[1] if len(rest) > 1 else ""
                member.mode = 0o755
                archive.addfile(member)
    return data.getvalue()


def unpacked(layers: Layers, data: bytes) -> Path:
    return layers.layer(layers._blobs.add(data))


def test_files_links_modes_and_times_come_out_as_they_went_in(layers: Layers) -> None:
    layer = unpacked(
        layers,
        tar(
            ("./", FOLDER),
            ("a/", FOLDER),
            ("./a/file", "text"),
            ("/b/deep/file", "absolute"),
            ("a/hard", HARD, "a/file"),
            ("a/link", LINK, "/etc/passwd"),
            ("a/pipe", PIPE),
        ),
    )
    assert (layer / "a/file").read_text() == "text"
    assert (layer / "b/deep/file").read_text() == "absolute"
    assert (layer / "a/hard").stat().st_ino == (layer / "a/file").stat().st_ino
    assert os.readlink(layer / "a/link") == "/etc/passwd"
    assert stat.S_ISFIFO((layer / "a/pipe").stat().st_mode)
    assert (layer / "a").stat().st_mtime == (layer / "a/file").stat().st_mtime == 1_700_000_000
    assert stat.S_IMODE((layer / "a/file").stat().st_mode) == 0o644


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_and_gzip_layers_are_the_same(layers: Layers, pack: Any) -> None:
    assert (unpacked(layers, pack(tar(("f", "text")))) / "f").read_text() == "text"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([("../escaped", "x")], "../escaped would leave the layer"),
        ([("a/../../escaped", "x")], "would leave the layer"),
        ([("hard", HARD, "../../escaped")], "outside the layer"),
        ([("hard", HARD, "/etc/passwd")], "which is not in the layer"),
        ([("device", DEVICE)], "device is a device"),
        ([("loop", LINK, "loop"), ("loop/file", "x")], "too many links"),
        ([(".wh...", "")], "not a deletion"),
        ([(".wh..wh.plnk", "")], "not a deletion"),
    ],
)
def test_a_layer_that_reaches_out_is_refused_whole(
    layers: Layers, tmp_path: Path, members: list[Any], reason: str
) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadLayer, match=reason):
        unpacked(layers, tar(("first", "x"), *members))
    assert sorted(tmp_path.iterdir()) == before
    assert list((tmp_path / "layers").iterdir()) == []


@pytest.mark.parametrize("target", ["{outside}", "../../outside", "../../../../../{outside}"])
def test_a_link_followed_by_a_file_below_it_stays_inside(
    layers: Layers, tmp_path: Path, target: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("safe")
    link = target.format(outside=outside)
    layer = unpacked(
        layers,
        tar(("way", LINK, link), ("way/file", "x"), ("way/kept", "y"), ("way/.wh.gone", "")),
    )
    assert [path.name for path in outside.iterdir()] == ["kept"]
    assert (outside / "kept").read_text() == "safe"
    assert [path.read_text() for path in layer.rglob("file")] == ["x"]


def test_a_file_takes_the_place_of_a_link_and_does_not_follow_it(
    layers: Layers, tmp_path: Path
) -> None:
    (tmp_path / "victim").write_text("safe")
    layer = unpacked(layers, tar(("f", LINK, str(tmp_path / "victim")), ("f", "x")))
    assert (tmp_path / "victim").read_text() == "safe"
    assert (layer / "f").read_text() == "x"


def test_a_hard_link_to_a_link_does_not_follow_it(layers: Layers, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("safe")
    layer = unpacked(
        layers, tar(("l", LINK, str(tmp_path / "victim")), ("h", HARD, "l"), ("h", "x"))
    )
    assert (tmp_path / "victim").read_text() == "safe"
    assert (layer / "h").read_text() == "x"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"not a tar at all", "not a sound tar archive"),
        (tar(("file", "x" * 5000))[:3000], "not a sound tar archive"),
        (gzip.compress(tar(("file", "x" * 5000)))[:60], "not a sound tar archive"),
    ],
    ids=["no tar", "half a tar", "half a gzip"],
)
def test_a_damaged_layer_is_refused(layers: Layers, data: bytes, reason: str) -> None:
    with pytest.raises(BadLayer, match=reason):
        unpacked(layers, data)


def test_deletions_and_opaque_folders_become_what_an_overlay_reads(layers: Layers) -> None:
    layer = unpacked(
        layers,
        tar(
            ("a/.wh.gone", ""),
            ("b", FOLDER),
            ("b/.wh..wh..opq", ""),
            ("b/new", "x"),
            ("c/.wh.back", ""),
            ("c/back", "anew"),
        ),
    )
    assert is_whiteout((layer / "a/gone").lstat())
    assert is_opaque(layer / "b")
    assert not is_opaque(layer / "a")
    assert (layer / "c/back").read_text() == "anew"


def test_a_committed_folder_becomes_the_same_layer_each_time(layers: Layers) -> None:
    digests = set()
    for names in (["b", "a"], ["a", "b"]):
        upper = layers.new()
        for name in names:
            (upper / name).mkdir()
            (upper / name / "file").write_text("x")
            for path in (upper / name / "file", upper / name):
                os.utime(path, (1_700_000_000.5, 1_700_000_000.5))
        layer = layers.commit(upper)
        assert layer is not None
        digests.add(layer["digest"])
        assert not upper.exists()
        blob = layers._blobs.path(layer["digest"])
        assert blob.stat().st_size == layer["size"]
        with tarfile.open(blob) as archive:
            owners = {(m.uid, m.gid, m.uname, m.gname) for m in archive}
            assert owners == {(0, 0, "root", "root")}
    assert len(digests) == 1


def test_an_image_with_the_same_layer_twice_can_be_stacked(layers: Layers) -> None:
    one, two = (layers._blobs.add(tar((name, name))) for name in "ab")
    image = Image("", {}, tuple({"digest": digest} for digest in (one, two, one)))
    assert layers.rootfs(image).lowers == (layers.layer(two), layers.layer(one))


def test_what_an_interrupted_unpacking_left_is_taken_away(layers: Layers, tmp_path: Path) -> None:
    part = layers.new()
    (part / "shut").mkdir(mode=0)
    Layers(tmp_path / "layers", Blobs(tmp_path / "blobs"))
    assert list((tmp_path / "layers").iterdir()) == []
