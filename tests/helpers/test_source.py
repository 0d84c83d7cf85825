"""What leaves the machine is what gcloud would send, and nothing that the user kept back."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from helpers.source import chosen, pack, staging_bucket_name, working_copy


def write(folder: Path, *names: str, **texts: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    for name, text in texts.items():
        (folder / f".{name}").write_text(text)


def files(folder: Path) -> set[str]:
    return {name for name in chosen(folder)[0] if not (folder / name).is_dir()}


def test_without_git_and_gcloudignore_everything_goes(tmp_path: Path) -> None:
    write(tmp_path, "app.py", "deep/er/data.bin", ".env", ".dockerignore")
    assert chosen(tmp_path) == (
        ["deep", "deep/er", ".dockerignore", ".env", "app.py", "deep/er/data.bin"],
        False,
    )


def test_what_gcloudignore_names_stays_at_home(tmp_path: Path) -> None:
    write(tmp_path, "app.py", "notes.txt", "keep.txt", "logs/a.log", "src/logs.py")
    write(tmp_path, gcloudignore="# a comment\n*.txt\n!keep.txt\nlogs/\n")
    assert files(tmp_path) == {".gcloudignore", "app.py", "keep.txt", "src/logs.py"}
    assert chosen(tmp_path)[1]


def test_a_file_below_a_folder_that_stays_at_home_stays_too(tmp_path: Path) -> None:
    write(tmp_path, "secret/keep.py", gcloudignore="secret\n!secret/keep.py\n")
    assert files(tmp_path) == {".gcloudignore"}


def test_gcloudignore_counts_instead_of_gitignore(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt", gcloudignore="a.txt\n", gitignore="b.txt\n")
    assert files(tmp_path) == {".gcloudignore", ".gitignore", "b.txt"}


def test_gcloudignore_can_include_a_file_beside_it(tmp_path: Path) -> None:
    write(tmp_path, "a.txt", "b.txt", gcloudignore="a.txt\n#!include:.gitignore\n")
    write(tmp_path, gitignore="b.txt\n#!include:.more\n", more="app.py\n")
    assert files(tmp_path) == {".gcloudignore", ".gitignore", ".more"}


def test_gcloudignore_can_not_include_a_file_from_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, gcloudignore="#!include:../.gitignore\n")
    with pytest.raises(ValueError, match="May only include files in the same directory"):
        chosen(tmp_path)


def test_in_git_what_git_ignores_stays_at_home_and_git_itself_too(tmp_path: Path) -> None:
    write(tmp_path, "app.py", ".git/config", "build/x", gitignore="build/\n")
    assert files(tmp_path) == {"app.py"}


def test_a_gitignore_deeper_down_does_not_count(tmp_path: Path) -> None:
    write(tmp_path, "app.py", "deep/data.bin", gitignore="nothing\n")
    (tmp_path / "deep/.gitignore").write_text("*\n")
    assert files(tmp_path) == {"app.py", "deep/data.bin"}


def test_a_link_that_leads_nowhere_does_not_stop_the_upload(tmp_path: Path) -> None:
    write(tmp_path, "app.py")
    os.symlink("gone", tmp_path / "dangling")
    os.symlink("app.py", tmp_path / "link")
    assert files(tmp_path) == {"app.py", "link"}


def test_nobody_learns_who_packed_the_archive(tmp_path: Path) -> None:
    write(tmp_path, "app.py", "deep/data.bin")
    os.symlink("app.py", tmp_path / "link")
    (tmp_path / "app.py").chmod(0o750)
    archive = io.BytesIO()
    pack(tmp_path, chosen(tmp_path)[0], archive)
    archive.seek(0)
    with tarfile.open(fileobj=archive, mode="r:gz") as tar:
        members = {member.name: member for member in tar}
    assert list(members) == ["deep", "app.py", "link", "deep/data.bin"]
    owners = {(m.uid, m.gid, m.uname, m.gname) for m in members.values()}
    assert owners == {(0, 0, "root", "root")}
    assert members["app.py"].mode == 0o750
    assert members["link"].linkname == "app.py"


@pytest.mark.parametrize(
    ("project", "bucket"),
    [
        ("hands-on", "hands-on_cloudbuild"),
        ("example.com:my-project", "example_com_my-project_cloudbuild"),
        ("my-google-project", "my-elgoog-project_cloudbuild"),
    ],
)
def test_the_bucket_is_the_one_that_gcloud_uses(project: str, bucket: str) -> None:
    assert staging_bucket_name(project) == bucket


def test_a_change_to_a_working_copy_is_none_to_the_folder(tmp_path: Path) -> None:
    write(tmp_path, "app.py", "deep/data.bin")
    copy = working_copy(tmp_path, {"app.py": "changed", "notes.txt": "new"})
    assert copy.name == tmp_path.name
    assert files(copy) == {"app.py", "deep/data.bin", "notes.txt"}
    assert (copy / "app.py").read_text() == "changed"
    assert files(tmp_path) == {"app.py", "deep/data.bin"}
    assert (tmp_path / "app.py").read_text() == "x"


def test_a_working_copy_is_gone_when_its_process_has_ended(tmp_path: Path) -> None:
    """What a lesson copies would be left on the reader's machine."""
    code = "import sys; from helpers.source import working_copy; print(working_copy(sys.argv[1]))"
    made = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert made.stderr == ""
    assert not Path(made.stdout.strip()).parent.exists()
