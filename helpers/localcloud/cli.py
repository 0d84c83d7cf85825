"""The ``localcloud`` command."""

from __future__ import annotations

import contextlib
import itertools
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import click

from . import control
from .entering import environment
from .home import Home


@contextlib.contextmanager
def _plain_errors() -> Iterator[None]:
    """Says what went wrong in one sentence instead of a traceback."""
    try:
        yield
    except (control.NotRunning, control.CannotStart, control.Refused) as error:
        raise click.ClickException(str(error)) from None
    except PermissionError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None


@click.group()
@click.version_option(package_name="cloud-run-hands-on")
def main() -> None:
    """Runs a local cloud: Google Cloud Run on this machine, for unmodified clients.

    State is one folder, LOCALCLOUD_HOME.
    """


@main.command()
def up() -> None:
    """Start the local cloud; it lives until `localcloud down`."""
    home = Home()
    with _plain_errors():
        connection = control.connect(home, start=True, hold=False)
        connection.ask("keep")
        status = connection.ask("status")
    click.echo(f"The local cloud is up: proxy {status['proxy']}, home {status['home']}")
    click.echo("Enter it with: localcloud exec -- COMMAND")


@main.command()
def down() -> None:
    """Stop the local cloud. What it holds is kept."""
    home = Home()
    try:
        connection = control.connect(home, start=False, hold=False)
    except control.NotRunning:
        click.echo("No local cloud is running.")
        return
    with _plain_errors():
        connection.ask("stop")
        connection.wait_closed()
    _wait_unlocked(home)
    click.echo("The local cloud is down.")


@main.command()
def status() -> None:
    """Show whether the local cloud runs, where, and its clock. Exit status 1 if it doesn't."""
    with _plain_errors():
        answer = control.connect(Home(), start=False, hold=False).ask("status")
    for key, value in answer.items():
        click.echo(f"{key.replace('_', ' '):<14} {value}")


@main.command()
@click.option("--yes", is_flag=True, help="Don't ask.")
def reset(yes: bool) -> None:
    """Stop the local cloud and forget everything in its home."""
    home = Home()
    if not yes:
        click.confirm(f"Forget everything in {home.folder}?", abort=True)
    with contextlib.suppress(control.NotRunning), _plain_errors_but_running():
        connection = control.connect(home, start=False, hold=False)
        connection.ask("stop")
        connection.wait_closed()
    _wait_unlocked(home)
    shutil.rmtree(home.settings().runtime, ignore_errors=True)
    shutil.rmtree(home.folder)
    click.echo(f"Forgot {home.folder}")


@contextlib.contextmanager
def _plain_errors_but_running() -> Iterator[None]:
    try:
        yield
    except control.Refused as error:
        raise click.ClickException(str(error)) from None


def _wait_unlocked(home: Home) -> None:
    """Returns when the daemon's lock is free, so that nothing of it is left."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if home.is_free():
            return
        time.sleep(0.01)
    raise click.ClickException(f"the cloud of {home.folder} does not end; see {home.daemon_log}")


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def exec(command: tuple[str, ...]) -> None:
    """Run COMMAND inside the local cloud, starting one if none is up."""
    home = Home()
    with _plain_errors():
        connection = control.connect(home, start=True, hold=True)
    environ = dict(os.environ)
    for name, value in environment(home).items():
        if value is None:
            environ.pop(name, None)
        else:
            environ[name] = value
    if shutil.which(command[0]) is None:
        raise click.ClickException(f"no such command: {command[0]}")
    child = subprocess.Popen(command, env=environ)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: child.terminate())
    code = child.wait()
    connection.close()
    sys.exit(code if code >= 0 else 128 - code)


@main.command()
def env() -> None:
    """Print the exports that take a shell inside: eval "$(localcloud env)"."""
    home = Home()
    with _plain_errors():
        control.connect(home, start=False, hold=False)
    for name, value in environment(home).items():
        if value is None:
            click.echo(f"unset {name}")
        else:
            click.echo(f"export {name}={shlex.quote(value)}")


@main.command()
def log() -> None:
    """Show the requests that the cloud's APIs have answered."""
    with _plain_errors():
        answer = control.connect(Home(), start=False, hold=False).ask("log")
    for seen in answer["requests"]:
        when = time.strftime("%H:%M:%S", time.gmtime(seen["time"]))
        milliseconds = f"{seen['seconds'] * 1000:.0f} ms"
        click.echo(
            f"{when} {seen['status']:<17} {milliseconds:>8}  {seen['method']} {seen['what']}"
        )


@main.group()
def clock() -> None:
    """The cloud's clock."""


@clock.command()
@click.argument("duration")
def advance(duration: str) -> None:
    """Move the clock forward by DURATION: 90s, 15m, 24h, 7d."""
    with _plain_errors():
        answer = control.connect(Home(), start=False, hold=False).ask("advance", by=duration)
    click.echo(f"It is now {answer['clock']} in the local cloud.")


@main.command()
@click.option("--from", "place", required=True, help="A region or its city; `off` ends it.")
def latency(place: str) -> None:
    """Simulate how far services are from a place: light in an ideal fibre, off by default."""
    with _plain_errors():
        answer = control.connect(Home(), start=False, hold=False).ask("latency", place=place)
    click.echo(f"Latency to services: {answer['latency']}")


@main.command()
@click.option("--session", is_flag=True, help="Look also at what a session needs; takes longer.")
def doctor(session: bool) -> None:
    """Say what works on this machine, what doesn't, and the command that mends it."""
    from .engine.probe import findings
    from .session import findings as of_a_session

    found = findings()
    bad = 0
    for finding in itertools.chain(found, of_a_session(Home(), found) if session else ()):
        mark = "ok " if finding.ok else "NO "
        click.echo(f"{mark} {finding.subject}: {finding.detail}")
        if not finding.ok:
            bad += 1
            click.echo(f"    mend it with: {finding.remedy}")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
