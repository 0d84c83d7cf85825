"""A pipeline: it ships a commit step by step, and stops by itself when something is wrong.

``notebooks/apps/ship/ship.sh`` takes the same steps as `ship`, with gcloud.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from google.cloud import run_v2

from helpers import auth, logs, service
from helpers import build as cloud_build

CANDIDATE = "candidate"
"""The traffic tag of the revision that is being shipped."""

STEPS = (10, 50, 100)
"""Percents of the traffic, one after the other."""

ANSWERS = 10
"""How many answers of the new revision are looked at in each step."""

PATIENCE = 60.0
"""Seconds after which a step ends although there were fewer answers: too few callers."""


class Stopped(Exception):
    """The commit was not shipped, and the traffic is as it was; the text says why."""


def build(source: Path, tag: str, labels: Mapping[str, str]) -> str:
    """Build a commit as `helpers.build.submit` does, without showing the log.

    Args:
        source: a folder with the commit's files.
        tag: the name to give the image.
        labels: what the source archive is labelled with.

    Returns:
        The image's name with its digest.

    Raises:
        helpers.build.BuildFailed: the build ended badly.
    """
    with redirect_stdout(io.StringIO()):
        built = cloud_build.submit(source, tag, labels)
    print(f"built     {tag}")
    return f"{tag.partition(':')[0]}@{built.results.images[0].digest}"


def ship(name: str, commit: str, image: str, pages: Sequence[str]) -> None:
    """Deploy an image without traffic, test it, and move the traffic to it in `STEPS`.

    Args:
        name: the full name of the service, which must be there already.
        commit: what the image was built from; the revision's name ends in it.
        image: the image to ship.
        pages: what the test calls, each with its leading slash.

    Raises:
        Stopped: the test failed, or callers got a server error. All traffic is where it was.
        google.api_core.exceptions.GoogleAPICallError: Google refused, or the container did not
            start. All traffic is where it was.
    """
    now = service.get(name)
    before = serving(now)
    revision = f"{name.rpartition('/')[2]}-{commit}"
    now = deploy(now, image, revision, before)
    print(f"deployed  {revision}, with no traffic")

    test(now, pages)
    print(f"tested    {', '.join(pages)}")

    try:
        for percent in STEPS:
            moved = move(name, before, revision, percent)
            watch(moved, revision)
            print(f"{percent:3} %     no server error")
    except BaseException:
        move(name, before, revision, 0)
        print(f"back      all traffic goes to {before}")
        raise


def serving(now: run_v2.Service) -> str:
    """Return the short name of the revision that gets all the traffic of a service.

    Raises:
        Stopped: the traffic is split.
    """
    for target in now.traffic_statuses:
        if target.percent == 100:
            return target.revision or now.latest_ready_revision.rpartition("/")[2]
    raise Stopped("The traffic is split: another pipeline is at work, or was stopped half-way.")


def deploy(now: run_v2.Service, image: str, revision: str, before: str) -> run_v2.Service:
    """Make a revision with the tag `CANDIDATE`; all traffic stays with ``before``."""
    now.template.revision = revision
    now.template.containers[0].image = image
    now.traffic = [service.to(before, 100), service.to(revision, 0, tag=CANDIDATE)]
    return service.update(now)


def test(now: run_v2.Service, pages: Sequence[str]) -> None:
    """Call pages of the new revision, at the address of its tag.

    Raises:
        Stopped: one has another status than 200.
    """
    address = next(target.uri for target in now.traffic_statuses if target.tag == CANDIDATE)
    session = auth.session(now.uri)
    for page in pages:
        status = session.get(address + page, timeout=service.CALL_SECONDS).status_code
        if status != 200:
            raise Stopped(f"The test got status {status} from {page}.")


def move(name: str, before: str, revision: str, percent: int) -> run_v2.Service:
    """Give ``revision`` a part of the traffic and ``before`` the rest; return the service."""
    wanted = service.get(name)
    wanted.traffic = [service.to(revision, percent, tag=CANDIDATE)]
    if percent < 100:
        wanted.traffic.append(service.to(before, 100 - percent))
    return service.update(wanted)


def watch(moved: run_v2.Service, revision: str) -> None:
    """Look at the first `ANSWERS` of a revision since the traffic was moved, in the request log.

    Raises:
        Stopped: one of them is a server error.
    """
    project = moved.name.split("/")[1]
    deadline, pause = time.monotonic() + PATIENCE, 0.1
    while True:
        found = logs.statuses(project, revision, since=moved.update_time, most=ANSWERS)
        if errors := [status for status in found if status >= 500]:
            raise Stopped(f"Callers got status {errors[0]}.")
        if len(found) == ANSWERS or time.monotonic() > deadline:
            return
        time.sleep(pause)
        pause = min(2 * pause, 5.0)  # Google answers 60 such questions a minute.
