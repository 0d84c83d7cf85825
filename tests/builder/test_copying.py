"""COPY and ADD: files land where Docker puts them, and nowhere outside the image."""

from __future__ import annotations

import io
import os
import shutil
import socket
import stat
import tarfile
from pathlib import Path

import pytest

from helpers.localcloud.builder.context import read
from helpers.localcloud.builder.dockerfile import parse
from helpers.localcloud.builder.errors import BuildFailed
from helpers.localcloud.builder.files import Placer
from helpers.localcloud.builder.stage import Stage
from helpers.localcloud.engine.layers import Layers
from helpers.localcloud.registry.blobs import Blobs


class Workshop:
    """A build context, an image to copy into, and what the copying made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.context = folder / "context"
        self.context.mkdir()
        self.blobs = Blobs(folder / "blobs")
        self.layers = Layers(folder / "layers", self.blobs)
        self.stage = Stage.of_scratch()
        self.placer = Placer(self.blobs, self.layers, "\\")

    def add(self, *names: str) -> None:
        for name in names:
            path = self.context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"<{name}>")

    def image(self, name: str, *, link: str = "", text: str = "") -> None:
        """Something that the image already holds."""
        base = self.folder / "base"
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if link:
            path.symlink_to(link)
        elif text:
            path.write_text(text)
        else:
            path.mkdir(parents=True, exist_ok=True)
        self.stage.lowers = (base,)

    def run(self, line: str, source: Path | None = None) -> dict[str, tarfile.TarInfo]:
        """Does one instruction and returns the members of its layer."""
        instruction = parse(f"FROM scratch\n{line}\n".encode()).stages[0].instructions[0]
        tree = read(source or self.context, "Dockerfile").tree
        layer, _ = self.placer.place(self.stage, instruction, {}, tree, False)
        assert layer is not None
        self.tar = self.blobs.path(layer.descriptor["digest"])
        with tarfile.open(self.tar) as archive:
            return {member.name: member for member in archive}

    def files(self, line: str) -> dict[str, str]:
        """Does one instruction and returns the texts of its layer's files by path."""
        members = self.run(line)
        with tarfile.open(self.tar) as archive:
            return {
                name: archive.extractfile(member).read().decode()  # type: ignore[union-attr]
                for name, member in members.items()
                if member.isfile()
            }


@pytest.fixture
def shop(tmp_path):
    return Workshop(tmp_path)


@pytest.mark.parametrize(
    ("line", "placed"),
    [
        ("COPY a.txt /x", {"x": "<a.txt>"}),
        ("COPY a.txt /x/", {"x/a.txt": "<a.txt>"}),
        ("COPY a.txt x/y/", {"work/x/y/a.txt": "<a.txt>"}),
        ("COPY a.txt .", {"work/a.txt": "<a.txt>"}),
        ("COPY a.txt ../b.txt", {"b.txt": "<a.txt>"}),
        ("COPY ./a.txt /a.txt", {"a.txt": "<a.txt>"}),
        ("COPY /a.txt /a.txt", {"a.txt": "<a.txt>"}),
        ("COPY a.txt sub/b.txt /x/", {"x/a.txt": "<a.txt>", "x/b.txt": "<sub/b.txt>"}),
        ("COPY sub /x", {"x/b.txt": "<sub/b.txt>", "x/deep/c.txt": "<sub/deep/c.txt>"}),
        ("COPY sub/ /x/", {"x/b.txt": "<sub/b.txt>", "x/deep/c.txt": "<sub/deep/c.txt>"}),
        ("COPY s*b/*.txt /x/", {"x/b.txt": "<sub/b.txt>"}),
        ("COPY *.txt ./", {"work/a.txt": "<a.txt>", "work/a[1].txt": "<a[1].txt>"}),
        ("COPY ?.txt /x/", {"x/a.txt": "<a.txt>"}),
        ("COPY [a-c].txt /x/", {"x/a.txt": "<a.txt>"}),
        ("COPY [^b].txt /x/", {"x/a.txt": "<a.txt>"}),
        ("COPY a[[]1].txt /x", {"x": "<a[1].txt>"}),
        ("COPY s* /x/", {"x/b.txt": "<sub/b.txt>", "x/deep/c.txt": "<sub/deep/c.txt>"}),
        ('COPY ["a.txt", "/with space/"]', {"with space/a.txt": "<a.txt>"}),
        ("COPY <<EOF /x\nhello\nEOF", {"x": "hello\n"}),
        ("COPY <<-'E' a.txt /x/\n\t$A\nE", {"x/E": "$A\n", "x/a.txt": "<a.txt>"}),
        ("ADD a.txt /x", {"x": "<a.txt>"}),
    ],
)
def test_files_land_where_docker_puts_them(shop, line, placed):
    shop.add("a.txt", "a[1].txt", "sub/b.txt", "sub/deep/c.txt")
    shop.stage.settings["WorkingDir"] = "/work"
    shop.image("work")
    assert shop.files(line) == placed


def test_a_file_goes_into_a_folder_that_is_there(shop):
    shop.add("a.txt")
    shop.image("opt/app")
    assert shop.files("COPY a.txt /opt/app") == {"opt/app/a.txt": "<a.txt>"}


def test_the_whole_context_keeps_modes_and_links(shop):
    shop.add("run.sh", "sub/b.txt")
    (shop.context / "run.sh").chmod(0o755)
    (shop.context / "link").symlink_to("sub/b.txt")
    members = shop.run("COPY . /app")
    assert stat.S_IMODE(members["app/run.sh"].mode) == 0o755
    assert (members["app/link"].issym(), members["app/link"].linkname) == (True, "sub/b.txt")
    assert members["app"].isdir() and members["app/sub"].isdir()
    assert {(m.uid, m.gid) for m in members.values()} == {(0, 0)}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "COPY x /y",
            "COPY failed: file not found in build context or excluded by .dockerignore: "
            "stat x: file does not exist",
        ),
        (
            "ADD x /y",
            "ADD failed: file not found in build context or excluded by .dockerignore: "
            "stat x: file does not exist",
        ),
        ("COPY *.x /y/", "COPY failed: no source files were specified"),
        ("COPY ../x /y", "COPY failed: forbidden path outside the build context: ../x ()"),
        (
            "COPY a b /c",
            "When using COPY with more than one source file, the destination must be a directory "
            "and end with a /",
        ),
        ("COPY http://h/x /y", "COPY failed: source can't be a URL for COPY"),
        (
            "ADD https://h/x /y",
            "ADD failed: the local cloud does not download https://h/x: copy a file instead",
        ),
        ("COPY a /file/x", "COPY failed: mkdir /file: not a directory"),
        ("COPY sub /file", "COPY failed: mkdir /file: not a directory"),
        (
            "COPY --chown=nobody a /x",
            "unable to convert uid/gid chown string to host mapping: can't find uid for user "
            "nobody: no such user: nobody",
        ),
        (
            "COPY --chmod=rw a /x",
            "invalid chmod parameter: 'rw'. it should be octal string and between 0 and 07777",
        ),
        (
            "COPY --link a /x",
            "the --link option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ "
            "to learn how to build images with BuildKit enabled",
        ),
        ("COPY a <<EOF\nx\nEOF", "COPY cannot accept a heredoc as a destination"),
    ],
)
def test_a_copy_that_cannot_be_done_says_what_docker_says(shop, line, message):
    shop.add("a", "b", "sub/c")
    shop.image("file", text="in the way")
    with pytest.raises(BuildFailed) as failure:
        shop.run(line)
    assert str(failure.value) == message


def test_owner_and_mode_can_be_chosen(shop):
    shop.add("sub/a")
    shop.image("etc/passwd", text="www:x:33:34::/:/bin/sh\n")
    shop.image("etc/group", text="web:x:7:\n")
    members = shop.run("COPY --chown=www:web --chmod=0640 sub /new/dir")
    assert (members["new/dir/a"].uid, members["new/dir/a"].gid) == (33, 7)
    assert (members["new/dir"].uid, members["new/dir"].gid) == (33, 7)
    assert stat.S_IMODE(members["new/dir/a"].mode) == 0o640
    assert stat.S_IMODE(members["new/dir"].mode) == 0o755
    members = shop.run("COPY --chown=1000 sub/a /x")
    assert (members["x"].uid, members["x"].gid) == (1000, 1000)


def test_a_link_out_of_the_context_is_copied_as_a_link_and_never_read(shop):
    private = shop.folder / "private"
    private.write_text("host secret")
    shop.add("sub/a")
    (shop.context / "sub/evil").symlink_to(private)
    (shop.context / "direct").symlink_to(private)
    members = shop.run("COPY sub /x")
    assert members["x/evil"].issym()
    assert b"host secret" not in shop.tar.read_bytes()
    with pytest.raises(BuildFailed, match="stat direct: file does not exist"):
        shop.run("COPY direct /x")


def test_a_link_inside_the_context_that_is_named_is_followed(shop):
    shop.add("sub/a")
    (shop.context / "folder").symlink_to("sub")
    (shop.context / "file").symlink_to("/sub/a")
    assert shop.files("COPY folder /x") == {"x/a": "<sub/a>"}
    assert shop.files("COPY file /x/") == {"x/file": "<sub/a>"}


def test_a_link_in_the_image_leads_to_its_target_inside_the_image(shop):
    shop.add("a")
    shop.image("usr/lib")
    shop.image("lib", link="usr/lib")
    shop.image("out", link="../../../../../../tmp/outside")
    assert shop.files("COPY a /lib/") == {"usr/lib/a": "<a>"}
    assert shop.files("COPY a /out/") == {"tmp/outside/a": "<a>"}


def test_a_loop_of_links_fails(shop):
    shop.add("a")
    shop.image("x", link="y")
    shop.image("y", link="x")
    with pytest.raises(BuildFailed, match="COPY failed: too many links"):
        shop.run("COPY a /x/b")


def test_a_folder_on_the_way_keeps_its_mode(shop):
    shop.add("a")
    shop.image("private")
    (shop.folder / "base/private").chmod(0o700)
    members = shop.run("COPY a /private/new/")
    assert stat.S_IMODE(members["private"].mode) == 0o700
    assert stat.S_IMODE(members["private/new"].mode) == 0o755


def test_what_is_no_file_is_refused_by_name(shop, monkeypatch):
    shop.add("sub/a")
    os.mkfifo(shop.context / "sub/pipe")
    with pytest.raises(BuildFailed, match="COPY failed: sub/pipe is a socket, a pipe or a device"):
        shop.run("COPY . /x")
    (shop.context / "sub/pipe").unlink()
    with socket.socket(socket.AF_UNIX) as unix:
        monkeypatch.chdir(shop.context)  # The path of a socket must be short.
        unix.bind("sub/socket")
    with pytest.raises(BuildFailed, match="COPY failed: sub/socket is a socket"):
        shop.run("COPY sub /x")


def test_the_same_files_make_the_same_layer(shop, tmp_path_factory):
    shop.add("a", "sub/b", "sub/c")
    for name in ("a", "sub/b", "sub/c", "sub"):
        os.utime(shop.context / name, (1_700_000_000, 1_700_000_000.7))
    shop.run("COPY . /app/")
    twin = Workshop(tmp_path_factory.mktemp("twin"))
    shutil.copytree(shop.context, twin.context, dirs_exist_ok=True)
    twin.run("COPY . /app/")
    assert twin.tar.name == shop.tar.name


def packed(folder: Path, name: str, mode: str, *members: tuple[str, str, str]) -> None:
    """Writes an archive; a member is kind, name, and text or target."""
    kinds = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}
    kinds |= {"hard": tarfile.LNKTYPE, "device": tarfile.CHRTYPE}
    with tarfile.open(folder / name, mode) as archive:  # type: ignore[call-overload]
        for kind, member, text in members:
            info = tarfile.TarInfo(member)
            info.type, info.uid, info.gid = kinds[kind], 7, 8
            if kind == "file":
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text.encode()))
            else:
                info.linkname = text
                archive.addfile(info)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_add_unpacks_an_archive_and_copy_does_not(shop, mode):
    packed(
        shop.context,
        "a.tar",
        mode,
        ("dir", "d", ""),
        ("file", "d/f", "text"),
        ("link", "d/l", "f"),
        ("hard", "h", "d/f"),
    )
    members = shop.run("ADD a.tar /x")
    assert set(members) == {"x", "x/d", "x/d/f", "x/d/l", "x/h"}
    assert (members["x/d/f"].uid, members["x/d/f"].gid) == (7, 8)
    assert shop.files("ADD a.tar /x/") == {"x/d/f": "text", "x/h": "text"}
    assert set(shop.run("COPY a.tar /x/")) == {"x", "x/a.tar"}


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("file", "../../etc/f", "x")], "is outside of the archive"),
        ([("device", "null", "")], "is a device or a pipe"),
        ([("hard", "h", "/etc/passwd")], "/etc/passwd is not in the archive"),
    ],
)
def test_an_archive_cannot_reach_outside(shop, members, message):
    packed(shop.context, "a.tar", "w", *members)
    with pytest.raises(BuildFailed, match=message):
        shop.run("ADD a.tar /x")


def test_an_archive_that_writes_through_its_own_link_stays_in_the_image(shop):
    packed(shop.context, "a.tar", "w", ("link", "l", "/etc"), ("file", "l/f", "x"))
    assert shop.files("ADD a.tar /x") == {"etc/f": "x"}


def test_a_damaged_archive_is_a_file_like_any_other(shop):
    (shop.context / "a.tar.gz").write_bytes(b"\x1f\x8bnot gzip at all")
    (shop.context / "zeros").write_bytes(bytes(2048))
    assert set(shop.run("ADD a.tar.gz zeros /x/")) == {"x", "x/a.tar.gz", "x/zeros"}


def test_a_folder_takes_the_place_of_a_link_and_a_file_that_of_a_folder(shop):
    shop.add("one/x/a", "two/x")
    shop.image("app/x", link="/elsewhere")
    members = shop.run("COPY one /app/")
    assert members["app/x"].isdir() and "app/x/a" in members
    members = shop.run("COPY one two /app/")
    assert members["app/x"].isfile() and "app/x/a" not in members


def test_a_workdir_is_made_once(shop):
    shop.image("there")
    assert shop.placer.make_working_dir(shop.stage, "/there") is None
    layer = shop.placer.make_working_dir(shop.stage, "/there/a/b")
    assert layer is not None
    assert (layer.folder / "there/a/b").is_dir()
    shop.image("file", text="x")
    with pytest.raises(BuildFailed, match="Cannot mkdir: /file is not a directory"):
        shop.placer.make_working_dir(shop.stage, "/file")
