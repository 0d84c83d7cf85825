"""The cloud that a lesson talks to: enter it, wait in it, leave nothing in it.

The only module that knows that there are two clouds: the local one and Google's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from google.auth.exceptions import DefaultCredentialsError
from requests import HTTPError

from helpers import auth, exercises, recap, regions, show
from helpers.labels import Labels, is_free, label_of, with_label
from helpers.reach import certificate_issuer, grpc_trusts
from helpers.rest import Exists, checked, session

LOCAL_PROJECT = "hands-on"
LOCAL_ISSUER = "localcloud (this machine only)"
"""Who issues the certificates of a local cloud."""

ASKED = "run.googleapis.com"
"""The host that tells which cloud answers."""

PROJECTS = "https://cloudresourcemanager.googleapis.com/v1/projects"
RESTART = "Restart the kernel and run this cell first."
CREDENTIALS = (
    "Google needs application default credentials of a service account here: no service would"
    " accept a token that a person's credentials can ask for. Run\n"
    "  gcloud auth application-default login --impersonate-service-account=ACCOUNT\n"
    "where ACCOUNT is one in your project for which you have the role Service Account Token"
    " Creator."
)
WAIT_SECONDS = 600
STOP_SECONDS = 15


class CannotEnter(Exception):
    """The cloud can't be entered; the text says why and what to do."""


class NotYet(Exception):
    """What a lesson waits for takes longer than it waits; the text says what to do."""


class _Place(NamedTuple):
    """What was entered, where else the lesson has repositories, and the names of what it makes."""

    project: str
    region: str
    elsewhere: list[str]
    makes: dict[str, list[str]]


_place: _Place | None = None

_far = False
"""Whether this process made a local cloud simulate a distance."""

_held: Any = None
"""The connection that keeps a local cloud running for as long as this process does."""


def enter(
    cloud: str = "local",
    project: str | None = None,
    region: str = "asia-northeast3",
    makes: Mapping[str, str | Sequence[str]] | None = None,
) -> None:
    """Make all clients in this process talk to ``cloud``, and show what they reach.

    Args:
        cloud: ``local``, or ``google``, which uses the credentials and the proxy that are there.
        project: the project's id; for Google it must be one of yours. A local cloud has any
            project: one that is new to it is made.
        region: where the lesson makes things.
        makes: what the lesson will make: the kind (``service``, ``repository``, ...) and the name
            or names. A repository that is not in ``region`` is named ``LOCATION/NAME``. Domain
            mappings, zones and networks are deleted in the end only if the lesson says here that it
            makes one.

    Raises:
        CannotEnter: the text says why and what to do; nothing was made.
    """
    global _place
    if cloud == "local":
        project = project or LOCAL_PROJECT
        _go_local(project)
    elif cloud == "google":
        _stay_on_google(project)
    else:
        raise CannotEnter(f"There is no cloud {cloud!r}: say 'local' or 'google'.")
    assert project
    os.environ["GOOGLE_CLOUD_PROJECT"] = project
    reached = _check_reached(cloud)
    try:
        me = auth.who_am_i()
    except DefaultCredentialsError:
        raise CannotEnter(CREDENTIALS) from None
    if me["credentials"] == "user credentials":
        raise CannotEnter(CREDENTIALS)
    given = {
        kind: [names] if isinstance(names, str) else list(names)
        for kind, names in (makes or {}).items()
    }
    elsewhere = []
    for kind, name in [(kind, name) for kind, names in given.items() for name in names]:
        location, _, short = name.rpartition("/")
        if not is_free(kind, short, f"projects/{project}/locations/{location or region}", labels()):
            raise CannotEnter(
                f"There is a {kind} {name} in {project} that no lesson of yours made. Choose"
                " another name in the cell above."
            )
        if location:
            elsewhere.append(location)
    rows = {
        "cloud": "a local cloud on this machine" if reached == LOCAL_ISSUER else "Google Cloud",
        ASKED: f"shows a certificate issued by {reached}",
        "project": project,
        "region": region,
        "you are": me["account"],
    }
    for kind, names in given.items():
        rows[f"will make the {kind}"] = ", ".join(f"`{name}`" for name in names)
    ours = " ".join(f"`{key}={value}`" for key, value in labels().items())
    show.table(rows | {"labelled": ours})
    if cloud == "google" and os.environ.get("CONFIRM") != "1":
        print("Set CONFIRM=1 in the environment not to be asked.")
        if input("Make these in your project? Type yes: ").strip().lower() != "yes":
            raise CannotEnter("You did not type yes, so nothing was made.")
    _place = _Place(project, region, elsewhere, given)


def labels() -> Labels:
    """Return the label to put on everything that a lesson makes."""
    return _labels(os.environ.get(auth.ADC, ""))


@cache
def _labels(file: str) -> Labels:
    """``file`` names the application default credentials: who they are is asked once."""
    return label_of(auth.who_am_i()["account"])


def place() -> tuple[str, str]:
    """Return the project and the region that were entered.

    Raises:
        CannotEnter: none was.
    """
    return _entered()[:2]


def made(kind: str) -> list[str]:
    """Return the names that `enter` was told the lesson makes of a kind, such as ``service``.

    Raises:
        CannotEnter: no cloud was entered.
    """
    return _entered().makes.get(kind, [])


def progress(*lessons: str) -> None:
    """Show which exercises were passed on this machine, and when first.

    Args:
        lessons: names of lessons, such as ``01-cloud-build``; all by default.
    """
    show.table(exercises.progress(lessons), ["lesson", "exercise", "passed"])


def wait(until: Callable[[], object] | None, cloud_time: str) -> None:
    """Return when ``until`` returns something true.

    A local cloud's clock moves forward by ``cloud_time``; on Google that time must pass.

    Args:
        until: looks at the cloud; called again and again. None where looking would disturb
            what is waited for: then Google's time is left to you.
        cloud_time: how long Google can take, such as ``15m`` or ``24h``.

    Raises:
        NotYet: it did not come true in ten minutes.
    """
    if until is None:
        if _held is None:
            print(f"Go on reading, and run the next cell when {cloud_time} have passed.")
        else:
            _held.ask("advance", by=cloud_time)
        return
    if until():
        return
    if _held is not None:
        _held.ask("advance", by=cloud_time)
    deadline = time.monotonic() + WAIT_SECONDS
    while not until():
        if time.monotonic() > deadline:
            raise NotYet(f"Not yet. It can take {cloud_time}: run this cell again later.")
        time.sleep(0.1 if _held is not None else 5)


def call_from(place: str | None) -> None:
    """Let services be as far away as they are from ``place``, and say what that means.

    A local cloud simulates it: to each round trip between you and a service it adds the time that
    light takes in an ideal fibre, and says so in the answer's header
    ``X-Localcloud-Simulated-Latency``. On Google nothing is simulated.

    Args:
        place: a region or its city, such as ``Seoul``; None ends it.

    Raises:
        ValueError: there is no such place; the text names the choices.
    """
    global _far
    origin = regions.find(place) if place is not None else None
    if _held is None:
        print("Nothing is simulated on Google: what you measure is the way from where you are.")
        return
    _held.ask("latency", place=origin.name if origin else "off")
    _far = origin is not None
    if origin:
        print(f"Simulated: your calls come from {origin.place}, by an ideal fibre.")
    else:
        print("No distance is simulated: your calls come from this machine.")


def clean_up() -> None:
    """Delete everything that carries your label, and show what that was.

    A simulated distance ends. In a new process, `enter` first. What can't be deleted does not
    keep the rest from going, and is tried again for 15 seconds: an instance that is told to stop
    has 10 seconds for it, and as long as it is there its subnetwork is in use.

    Raises:
        RuntimeError: something is still there; the text names it.
    """
    if _place is None:
        print("No cloud was entered, so there is nothing to clean up.")
        return
    if _far:
        call_from(None)
    deleted: list[tuple[str, str]] = []
    deadline = time.monotonic() + STOP_SECONDS
    while (failed := _delete_all(_place, deleted)) and time.monotonic() < deadline:
        time.sleep(0.5)
    show.table(deleted or [("nothing", "nothing was there")], ["deleted", "name"])
    if failed:
        raise RuntimeError("Still there:\n" + "\n".join(failed))


def _delete_all(place: _Place, deleted: list[tuple[str, str]]) -> list[str]:
    """Delete what is yours, add it to ``deleted``, and return what could not be and why."""
    failed = []
    for kind, name, delete in with_label(labels(), *place):
        try:
            delete()
            deleted.append((kind, name))
        except Exception as error:
            failed.append(f"{kind} {name}: {error}")
    return failed


def catch_up(lesson: str | int, notebooks: Path = Path()) -> None:
    """Put a latecomer at the start of ``lesson``, and show what the lessons before it have shown.

    Call it right after `enter`, in the notebook of ``lesson``. What lessons that were not finished
    have left is deleted as `clean_up` does it: nothing but what carries your label. A lesson needs
    nothing of another, and a local cloud makes by itself what is slow the first time.

    Args:
        lesson: its number, such as ``4`` or ``"04"``, or its name, such as ``04-auth-tokens``.
        notebooks: the folder of the lessons.

    Raises:
        CannotEnter: no cloud was entered.
        ValueError: there is no such lesson; the text names the choices. Nothing was deleted.
        RuntimeError: something of yours is still there; the text names it.
    """
    _entered()
    seen = recap.rows(lesson, notebooks)
    clean_up()
    if seen:
        show.table(seen, recap.COLUMNS)


def _entered() -> _Place:
    if _place is None:
        raise CannotEnter("Enter a cloud first: lab.enter().")
    return _place


def _go_local(project: str) -> None:
    """Start or join the local cloud of this home, and replace the environment by its own."""
    global _held
    from helpers.localcloud.control import CannotStart, connect
    from helpers.localcloud.entering import environment
    from helpers.localcloud.home import Home

    home = Home()
    try:
        connection = connect(home, start=True, hold=True)
    except CannotStart as error:
        raise CannotEnter(str(error)) from None
    inside = environment(home)
    outside = {name: os.environ.get(name) for name in inside}
    _set(inside)
    if not grpc_trusts(ASKED):
        _set(outside)
        connection.close()
        raise CannotEnter(RESTART)
    if _held is not None:
        _held.close()
    _held = connection
    if project != LOCAL_PROJECT:
        _make_project(project)


def _make_project(project: str) -> None:
    """See to it that the local cloud has a project, as `gcloud projects create` does."""
    try:
        with suppress(Exists):
            checked(session().post(PROJECTS, json={"projectId": project}, timeout=WAIT_SECONDS))
    except HTTPError as error:
        raise CannotEnter(f"There can't be a project {project!r}. {error}") from None


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _stay_on_google(project: str | None) -> None:
    """Check what Google needs from outside; change nothing that is set."""
    if not project or (project == LOCAL_PROJECT and not _stood_in_for()):
        raise CannotEnter("Set project, in the cell above, to the id of a project of yours.")
    if _held is not None:
        raise CannotEnter(f"This kernel is in a local cloud. {RESTART}")
    # google.auth finds this file by itself; its function for ID tokens needs the variable.
    folder = Path(os.environ.get("CLOUDSDK_CONFIG", "~/.config/gcloud")).expanduser()
    if (default := folder / "application_default_credentials.json").exists():
        os.environ.setdefault("GOOGLE_APPLICATION_CREDENTIALS", str(default))


def _check_reached(cloud: str) -> str:
    """Return who issued the certificate of run.googleapis.com, if that is who it should be."""
    issuer = certificate_issuer(ASKED)
    if cloud == "local" and issuer != LOCAL_ISSUER:
        raise CannotEnter(f"A local cloud was started, but {issuer} answers. {RESTART}")
    if cloud == "google" and issuer == LOCAL_ISSUER and not _stood_in_for():
        raise CannotEnter(
            f"You asked for Google, but this process was started inside a local cloud: {issuer}."
            " Start it outside of localcloud exec."
        )
    return issuer


def _stood_in_for() -> bool:
    """Whether a test lets a local cloud stand in for Google."""
    return os.environ.get("LOCALCLOUD_STANDS_IN") == "1"
