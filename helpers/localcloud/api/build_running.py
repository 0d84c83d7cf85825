"""What happens during a build: fetch the source, run the steps, push the images, tell it all."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..builder import docker
from ..builder.errors import BuildFailed, BuildStopped
from ..clock import precise_timestamp
from ..cloud import Cloud
from ..errors import GoogleError
from ..registry.image import Image
from ..registry.repositories import PullDenied, PushRefused
from . import builds, operations, storage_buckets, storage_objects
from .builds import DOCKER, Place
from .rest import disk_full
from .run_validation import seconds

if sys.version_info >= (3, 12):
    import tarfile
else:
    # The first releases of 3.11 have no safe way to unpack.
    from backports import tarfile

Document = dict[str, Any]

LOGGING_FAILED = "Cloud Storage logging failed. Try again in a few minutes."
"""From a dump of a live project (2022) in GoogleCloudPlatform/gcpdiag."""

LOG_SECONDS = 0.3
"""How often the log object grows while a build runs."""

log = logging.getLogger(__name__)


class StepFailed(Exception):
    """A build that comes to a bad end: its final status, the kind of failure and the detail."""

    def __init__(self, kind: str, detail: str, status: str = "FAILURE") -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = status


class BuildLog:
    """The log of one build: an object that grows in its logs bucket, and log entries."""

    def __init__(self, cloud: Cloud, place: Place, build: Document, account: str) -> None:
        self._cloud = cloud
        self._place = place
        self._build = build
        self._account = account
        self._bucket = build["logsBucket"].removeprefix("gs://").partition("/")[0]
        self._to_storage = build["options"]["logging"] not in ("CLOUD_LOGGING_ONLY", "NONE")
        self.failed = False
        self._text = bytearray()
        self._timer: asyncio.TimerHandle | None = None

    def line(self, text: str) -> None:
        """Adds one line."""
        self._text += text.encode() + b"\n"
        if self._build["options"]["logging"] not in ("GCS_ONLY", "NONE"):
            self._cloud.logs.write(
                self._place.project,
                "cloudbuild",
                {
                    "logName": f"projects/{self._place.project}/logs/cloudbuild",
                    "resource": {
                        "type": "build",
                        "labels": {
                            "build_id": self._build["id"],
                            "project_id": self._place.project,
                            "build_trigger_id": "",
                        },
                    },
                    "severity": "INFO",
                    "textPayload": text,
                },
            )
        if self._to_storage and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(LOG_SECONDS, self.write)

    def write(self) -> None:
        """Writes the log so far as a new generation of its object."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._to_storage:
            name = f"log-{self._build['id']}.txt"
            text = bytes(self._text)
            try:
                self._check_bucket()
                storage_objects.write(self._cloud, self._bucket, name, text, "text/plain")
            except (GoogleError, OSError):
                log.exception("the log of build %s", self._build["id"])
                self.failed = True

    def _check_bucket(self) -> None:
        """Raises GoogleError unless the build's account may write to a bucket of the user's."""
        if self._bucket != builds.logs_bucket(self._place):
            principal = self._cloud.accounts.principal(self._account)
            bucket = storage_buckets.find(self._cloud, self._bucket)
            storage_buckets.require(self._cloud, principal, "storage.objects.create", bucket)


class Running:
    """One build on its way from QUEUED to its final status."""

    def __init__(self, cloud: Cloud, place: Place, build: Document) -> None:
        self.cloud = cloud
        self.place = place
        self.build = build
        self.stop = asyncio.Event()
        self.cancelled = False
        self._images: dict[str, Image] = {}
        self._account = build.get("serviceAccount", "").rpartition("/")[2] or (
            builds.default_account(place)
        )
        self.log = BuildLog(cloud, place, build, self._account)

    def cancel(self) -> None:
        """Stops the build; its status becomes CANCELLED."""
        self.cancelled = True
        self.stop.set()

    async def run(self) -> Document:
        """Runs the build. Returns the operation's response; raises GoogleError if it fails."""
        folder = Path(tempfile.mkdtemp(prefix="build-", dir=self.cloud.home.subfolder("builds")))
        self.build |= {"status": "WORKING", "startTime": self._now(), "timing": {}, "results": {}}
        self.build["sourceProvenance"] = {}
        self._save()
        try:
            async with asyncio.timeout(seconds(self.build["timeout"])):
                await self._work(folder)
            status, error = "SUCCESS", None
        except StepFailed as failure:
            self.log.line("ERROR")
            self.log.line(f"ERROR: {failure}")
            status, error = failure.status, failure
        except TimeoutError:
            self.stop.set()
            self.log.line("TIMEOUT")
            self.log.line("ERROR: context deadline exceeded")
            status, error = "TIMEOUT", StepFailed("", "Build timed out")
        except Exception as fault:
            log.exception("build %s", self.build["id"])
            text = str(disk_full(fault)) if isinstance(fault, OSError) else str(fault)
            self.log.line(f"ERROR: {text}")
            status, error = "INTERNAL_ERROR", StepFailed("", text)
        finally:
            name = builds.operation_name(self.place, self.build["id"])
            self.cloud.running_builds.pop(name, None)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if self.cancelled:
            status = "CANCELLED"
            self.log.line("CANCELLED")
        return self._finish(status, error)

    def _finish(self, status: str, failure: StepFailed | None) -> Document:
        if status == "SUCCESS":
            self.log.line("DONE")
        self.log.write()
        if status == "SUCCESS" and self.log.failed:
            status, failure = "FAILURE", StepFailed("LOGGING_FAILURE", LOGGING_FAILED)
        self.build |= {"status": status, "finishTime": self._now()}
        if failure is not None and failure.kind and status == "FAILURE":
            detail = str(failure)
            if failure.kind == "USER_BUILD_STEP":
                detail = f"Build step failure: {detail}"
            self.build["failureInfo"] = {"type": failure.kind, "detail": detail}
        self._save()
        if status == "SUCCESS":
            return {"@type": builds.BUILD_TYPE, **self.build}
        code, text = {
            "TIMEOUT": ("DEADLINE_EXCEEDED", "Build timed out"),
            "CANCELLED": ("CANCELLED", "Build cancelled"),
            "INTERNAL_ERROR": ("UNAVAILABLE", str(failure)),
        }.get(status, ("UNKNOWN", "Build failed; check build logs for details"))
        raise GoogleError(code, text)

    async def _work(self, folder: Path) -> None:
        self.log.line(f'starting build "{self.build["id"]}"')
        self.log.line("")
        if "source" in self.build:
            with self._timed("FETCHSOURCE"):
                self.log.line("FETCHSOURCE")
                await self._fetch(folder)
        with self._timed("BUILD"):
            self.log.line("BUILD")
            for index, step in enumerate(self.build["steps"]):
                await self._step(index, step, folder)
        if self.build.get("images"):
            with self._timed("PUSH"):
                self.log.line("PUSH")
                self.build["results"]["images"] = [
                    self._push(name) for name in self.build["images"]
                ]

    async def _fetch(self, folder: Path) -> None:
        source = self.build["source"]["storageSource"]
        bucket, name = source["bucket"], source["object"]
        try:
            found = storage_objects.read(
                self.cloud, bucket, name, source.get("generation", ""), self._account
            )
        except GoogleError as error:
            raise StepFailed("FETCH_SOURCE_FAILED", f"failed to fetch source: {error}") from None
        url = f"gs://{bucket}/{name}#{found.generation}"
        resolved = source | {"generation": str(found.generation)}
        self.build["sourceProvenance"] = {"resolvedStorageSource": resolved}
        self.log.line(f"Fetching storage object: {url}")
        self.log.line(f"Copying {url}...")
        size = _human(found.path.stat().st_size)
        try:
            await self.cloud.in_worker(_extract, found.path, name, folder)
        except (tarfile.TarError, zipfile.BadZipFile, ValueError, EOFError) as error:
            raise StepFailed("FETCH_SOURCE_FAILED", f"failed to unpack source: {error}") from None
        self.log.line(f"Operation completed over 1 objects/{size}.")

    async def _step(self, index: int, step: Document, folder: Path) -> None:
        name = step["name"].partition("@")[0]
        label = f'build step {index} "{step["name"]}" failed'
        several = len(self.build["steps"]) > 1
        shown = f"Step #{index}" + (f' - "{step["id"]}"' if step.get("id") else "")
        prefix = f"{shown}: " if several else ""

        def say(text: str) -> None:
            self.log.line(prefix + text)

        step["timing"] = {"startTime": self._now()}
        step["pullTiming"] = dict(step["timing"]) | {"endTime": self._now()}
        step["status"] = "WORKING"
        self._save()
        if several:
            self.log.line(f"Starting {shown}")
        try:
            if name.partition(":")[0] not in DOCKER or step.get("entrypoint", "docker") != "docker":
                what = step.get("entrypoint") or step["name"]
                say(f"The local cloud runs docker steps only; it cannot run {what}.")
                raise StepFailed("USER_BUILD_STEP", f"{label}: unsupported builder {what}")
            say(f"Already have image (with digest): {step['name']}")
            try:
                await self._docker(step, folder, say)
            except BuildStopped:
                raise StepFailed("", f"{label}: step was stopped") from None
            except BuildFailed:
                raise StepFailed(
                    "USER_BUILD_STEP", f"{label}: step exited with non-zero status: 1"
                ) from None
            except docker.CannotRun as error:
                say(f"docker: {error}")
                raise StepFailed(
                    "USER_BUILD_STEP", f"{label}: step exited with non-zero status: 1"
                ) from None
        except StepFailed:
            step["status"] = "CANCELLED" if self.cancelled else "FAILURE"
            raise
        else:
            step["status"] = "SUCCESS"
        finally:
            step["timing"]["endTime"] = self._now()
            self.build["results"].setdefault("buildStepImages", []).append(self._builder(name))
            self.build["results"].setdefault("buildStepOutputs", []).append("")
        if several:
            self.log.line(f"Finished {shown}")

    def _builder(self, name: str) -> str:
        """The digest of a builder. Its image is not here, so its name has to stand for it."""
        return "sha256:" + self.cloud.ids.hex(64, "cloudbuild.builder", name)

    async def _docker(self, step: Document, folder: Path, say: Callable[[str], None]) -> None:
        args = step.get("args", [])
        parsed = docker.parse(args[1:] if args[:1] == ["docker"] else args)
        if parsed.command == "ps":
            say("CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES")
        elif parsed.command == "tag":
            self._images[_tagged(parsed.name)] = self._local(parsed.source)
        elif parsed.command == "push":
            self._push(parsed.name)
        else:
            context = _inside(folder, step.get("dir", ""), parsed.folder)
            image = await self.cloud.builder.build(
                context,
                say,
                self.cloud.clock.now(),
                file=parsed.file,
                build_args=dict(item.partition("=")[::2] for item in parsed.build_arg),
                target=parsed.target,
                tags=parsed.tag,
                find=self._find,
                stop=self.stop,
            )
            self._images |= dict.fromkeys(map(_tagged, parsed.tag), image)

    def _find(self, reference: str) -> Image | None:
        """An image that the Dockerfile starts from, as far as the build's account may read it."""
        try:
            return self.cloud.repositories.find(reference, self._account)
        except PullDenied as error:
            raise BuildFailed(f"denied: {error}") from None

    def _local(self, name: str) -> Image:
        image = self._images.get(_tagged(name))
        if image is None:
            raise docker.CannotRun(f"Error response from daemon: No such image: {_tagged(name)}")
        return image

    def _push(self, name: str) -> Document:
        start = self._now()
        self.log.line(f"Pushing {name}")
        try:
            image = self._local(name)
        except docker.CannotRun:
            self.log.line(f"An image does not exist locally with the tag: {name}")
            raise StepFailed(
                "PUSH_IMAGE_NOT_FOUND", f"failed to find one or more images after execution of"
                f" build steps: [\"{name}\"]",
            ) from None  # fmt: skip
        full = _tagged(name)
        repository, _, tag = full.rpartition(":")
        self.log.line(f"The push refers to repository [{repository}]")
        try:
            self.cloud.repositories.push(full, image.digest, self._account)
        except PushRefused as error:
            self.log.line(f"denied: {error}")
            raise StepFailed("PUSH_NOT_AUTHORIZED", f"push failed: {error}") from None
        for layer in image.layers:
            self.log.line(f"{layer['digest'][7:19]}: Pushed")
        size = self.cloud.blobs.size(image.digest)
        self.log.line(f"{tag}: digest: {image.digest} size: {size}")
        timing = {"startTime": start, "endTime": self._now()}
        return {"name": name, "digest": image.digest, "pushTiming": timing}

    @contextmanager
    def _timed(self, key: str) -> Iterator[None]:
        start = self._now()
        try:
            yield
        finally:
            self.build["timing"][key] = {"startTime": start, "endTime": self._now()}
            self._save()

    def _now(self) -> str:
        return precise_timestamp(self.cloud.clock)

    def _save(self) -> None:
        with self.cloud.store.transaction():
            builds.save(self.cloud, self.place, self.build)
            name = builds.operation_name(self.place, self.build["id"])
            operations.update(self.cloud, name, builds.metadata(self.build))


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _inside(folder: Path, *parts: str) -> Path:
    """A path inside the source. Raises docker.CannotRun when it leads out."""
    path = folder.joinpath(*(part.lstrip("/") for part in parts)).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_dir():
        raise docker.CannotRun(f"unable to prepare context: path {'/'.join(parts)!r} not found")
    return path


def _extract(archive: Path, name: str, folder: Path) -> None:
    """Unpacks a source; nothing in it may land outside the folder."""
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive) as zipped:
            for member in zipped.namelist():
                if member.startswith("/") or ".." in Path(member).parts:
                    raise ValueError(f"{member!r} would be written outside the source folder")
            zipped.extractall(folder)
        return
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")


def _human(size: int) -> str:
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"
