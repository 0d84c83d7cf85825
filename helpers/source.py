"""From a folder to an archive in Cloud Storage, as ``gcloud builds submit`` makes it.

And a copy of a folder, for who wants to change it first.

Sources, read 2026-11-24 from gcloud 578.0.0: command_lib/builds/staging_bucket_util.py,
api_lib/cloudbuild/snapshot.py, command_lib/util/gcloudignore.py in
https://github.com/google-cloud-sdk-unofficial/google-cloud-sdk
"""

from __future__ import annotations

import atexit
import os
import shutil
import tarfile
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from google.api_core.exceptions import Conflict
from google.cloud import storage
from pathspec import GitIgnoreSpec

GIT_FILES = (".git", ".gitignore")
LEFT_OUT_BY_DEFAULT = (".gcloudignore", *GIT_FILES)


def working_copy(folder: str | Path, files: Mapping[str, str] | None = None) -> Path:
    """Return a copy of ``folder``, for you to change; it is gone when this process has ended.

    Args:
        folder: what to copy.
        files: names and texts of more files to put into the copy.
    """
    place = tempfile.TemporaryDirectory()
    atexit.register(place.cleanup)
    copy = Path(shutil.copytree(folder, Path(place.name, Path(folder).name)))
    for name, text in (files or {}).items():
        (copy / name).write_text(text, encoding="utf-8")
    return copy


def stage(folder: Path, project: str, labels: Mapping[str, str]) -> storage.Blob:
    """Pack ``folder``, upload the archive to the staging bucket and return the new object.

    Args:
        folder: what to pack.
        project: whose staging bucket to use; the bucket is made if it is missing.
        labels: put on a new bucket, and on the archive as its metadata.

    Raises:
        PermissionError: another project owns a bucket of that name.
    """
    members, left_out = chosen(folder)
    files = [folder / member for member in members if not (folder / member).is_dir()]
    size = _size(sum(file.stat().st_size for file in files))
    print(
        f"Creating temporary archive of {len(files)} file(s) totalling {size} before compression."
    )
    if left_out and not (folder / ".gcloudignore").exists():
        print("Some files were not included in the source upload.")
    bucket = staging_bucket(project, labels)
    archive = bucket.blob(f"source/{time.time():.6f}-{uuid.uuid4().hex}.tgz")
    archive.metadata = dict(labels)
    print(f"Uploading tarball of [{folder.name}] to [gs://{bucket.name}/{archive.name}]")
    with tempfile.TemporaryFile() as file:
        pack(folder, members, file)
        archive.upload_from_file(file, rewind=True, content_type="application/x-tar")
    return archive


def staging_bucket_name(project: str) -> str:
    """Return the name that gcloud gives to the staging bucket of ``project``."""
    safe = project.replace(":", "_").replace(".", "_").replace("google", "elgoog")
    return f"{safe}_cloudbuild"


def staging_bucket(project: str, labels: Mapping[str, str]) -> storage.Bucket:
    """Return the staging bucket of ``project``, making it if the project does not have it."""
    client = storage.Client(project=project)
    bucket = client.bucket(staging_bucket_name(project))
    if any(other.name == bucket.name for other in client.list_buckets(prefix=bucket.name)):
        return bucket
    bucket.labels = dict(labels)
    try:
        return client.create_bucket(bucket)
    except Conflict:
        raise PermissionError(
            f"A bucket with name {bucket.name} already exists and is owned by another project."
        ) from None


def chosen(folder: Path) -> tuple[list[str], bool]:
    """Return the paths in ``folder`` to upload, folders first, and whether any was left out.

    ``.gcloudignore`` in the folder itself decides, in the syntax of ``.gitignore``, with
    ``#!include:FILE`` for a file beside it. Without one, and where there is a ``.git`` or a
    ``.gitignore``, these and what ``.gitignore`` names are left out. No such file deeper in the
    folder counts. Links are packed as links; one that leads nowhere is left out.

    Raises:
        ValueError: an included file is not beside ``.gcloudignore``.
    """
    ignored = GitIgnoreSpec.from_lines(_patterns(folder))
    folders: list[str] = []
    files: list[str] = []
    left_out = False
    for path, folder_names, file_names in os.walk(folder):
        here = Path(path).relative_to(folder)
        kept = [name for name in sorted(folder_names) if not ignored.match_file(f"{here / name}/")]
        left_out |= len(kept) < len(folder_names)
        folder_names[:] = kept  # os.walk does not go into the others.
        folders += [(here / name).as_posix() for name in kept]
        for name in sorted(file_names):
            if ignored.match_file(here / name) or not Path(path, name).exists():
                left_out = True
            else:
                files.append((here / name).as_posix())
    return folders + files, left_out


def is_uploaded(folder: Path, member: str) -> bool:
    """Return whether something in ``folder`` would be packed, be it there or not.

    Args:
        folder: what to pack.
        member: a path in it; that of a folder ends with a slash.
    """
    return not GitIgnoreSpec.from_lines(_patterns(folder)).match_file(member)


def _patterns(folder: Path) -> Iterator[str]:
    own, git = folder / ".gcloudignore", folder / ".gitignore"
    if own.exists():
        for line in own.read_text().splitlines():
            _, include, name = line.partition("!include:")
            if not (line.startswith("#") and include):
                yield line
            elif "/" in name:
                raise ValueError("May only include files in the same directory.")
            else:
                yield from (folder / name).read_text().splitlines()
    elif any((folder / name).exists() for name in GIT_FILES):
        yield from LEFT_OUT_BY_DEFAULT
        if git.exists():
            yield from git.read_text().splitlines()


def pack(folder: Path, members: list[str], file: IO[bytes]) -> None:
    """Write ``members`` of ``folder`` to ``file`` as a tgz in which root owns everything."""

    def owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        return member

    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name in members:
            tar.add(folder / name, name, recursive=False, filter=owned_by_root)


def _size(size: float) -> str:
    """Return a number of bytes as gcloud writes it: ``871 bytes``, ``1.2 KiB``."""
    if size < 1024:
        return f"{size} bytes"
    for unit in ("KiB", "MiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} GiB"
