"""The build context: what .dockerignore keeps out of it, and the size that the log shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.localcloud.builder.context import human_size, read


def make(folder: Path, *names: str, ignore: str = "") -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    if ignore:
        (folder / ".dockerignore").write_text(ignore)
    return folder


def names(folder: Path) -> set[str]:
    tree = read(folder, "Dockerfile").tree
    found, pending = set(), [""]
    while pending:
        path = pending.pop()
        for name in tree.names(path):
            below = f"{path}/{name}" if path else name
            found.add(below)
            node = tree.node(below)
            if node and node.is_folder:
                pending.append(below)
    return found


@pytest.mark.parametrize(
    ("ignore", "left_out"),
    [
        ("secret.txt", {"secret.txt"}),
        ("/secret.txt", {"secret.txt"}),
        ("*.txt", {"secret.txt"}),
        ("**/*.txt", {"secret.txt", "sub/b.txt", "sub/deep/c.txt"}),
        ("sub", {"sub", "sub/b.txt", "sub/deep", "sub/deep/c.txt"}),
        ("sub/", {"sub", "sub/b.txt", "sub/deep", "sub/deep/c.txt"}),
        ("sub/*\n!sub/deep", {"sub/b.txt"}),
        ("sub\n!sub/deep/c.txt", {"sub/b.txt"}),
        ("!secret.txt\n*.txt", {"secret.txt"}),
        ("# secret.txt\n\n", set()),
        ("?ain.py", {"main.py"}),
        ("Dockerfile", {"Dockerfile"}),
        ("*\n!main.py", {"secret.txt", "sub", "sub/b.txt", "sub/deep", "sub/deep/c.txt"}
         | {"Dockerfile", ".dockerignore"}),
    ],
)  # fmt: skip
def test_a_file_is_left_out_as_docker_leaves_it_out(tmp_path, ignore, left_out):
    files = ("Dockerfile", "main.py", "secret.txt", "sub/b.txt", "sub/deep/c.txt")
    everything = {*files, ".dockerignore", "sub", "sub/deep"}
    assert names(make(tmp_path, *files, ignore=ignore)) == everything - left_out


def test_the_size_is_that_of_a_tar_archive(tmp_path):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    assert human_size(read(tmp_path, "Dockerfile").size) == "2.048kB"
    (tmp_path / "big").write_bytes(bytes(10_000))
    assert human_size(read(tmp_path, "Dockerfile").size) == "12.8kB"


@pytest.mark.parametrize(
    ("size", "text"),
    [(512, "512B"), (12_288, "12.29kB"), (223_000_000, "223MB"), (1_234_567_890, "1.235GB")],
)
def test_a_size_is_printed_as_docker_prints_it(size, text):
    assert human_size(size) == text


def test_a_link_is_never_walked_through(tmp_path):
    outside = make(tmp_path / "outside", "private.txt")
    inside = make(tmp_path / "inside", "Dockerfile")
    (inside / "link").symlink_to(outside)
    assert names(inside) == {"Dockerfile", "link"}


def test_a_pattern_that_cannot_be_understood_is_refused(tmp_path):
    with pytest.raises(ValueError, match="syntax error in pattern"):
        read(make(tmp_path, "Dockerfile", ignore="["), "Dockerfile")
