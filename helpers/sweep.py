"""Delete what lessons have left in a project: ``python -m helpers.sweep``.

A lesson deletes in the end what it has made. A run that is killed doesn't come that far, so a
schedule calls this now and then. Everything that a lesson makes carries the label ``hands-on-run``
with the name of the learner; here whose it is makes no difference, but its age does.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import click
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from helpers import clock, registry
from helpers.labels import KEY, SEARCHES, Where
from helpers.rest import SERVICE_DISABLED, SwitchedOff
from helpers.show import Table

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Swept(NamedTuple):
    """What was found, each with its kind and its name, and what could not be done, in words."""

    found: list[tuple[str, str]]
    failed: list[str]


def sweep(project: str, region: str, older_than: timedelta, dry_run: bool = False) -> Swept:
    """Delete what carries the label of lessons, of any learner, and is older than ``older_than``.

    Looked for is all that `helpers.labels` knows to find, repositories in every location. The age
    is measured by the cloud's clock. What has no time at which it was made is left. What can't be
    deleted does not keep the rest from going.

    Args:
        project: the project's id.
        region: where services, mappings and what a network consists of are.
        older_than: the age from which on something is deleted.
        dry_run: only find it.

    Raises:
        google.auth.exceptions.GoogleAuthError: there are no credentials, or bad ones.
        google.api_core.exceptions.GoogleAPIError: the project can't be looked at.
    """
    now = clock.now()

    def old(labels: Mapping[str, str] | None, made: datetime | None) -> bool:
        return KEY in (labels or {}) and made is not None and now - made > older_than

    elsewhere = [location for location in registry.locations(project) if location != region]
    where = Where(project, region, tuple(elsewhere))
    swept = Swept([], [])
    for sought, search in SEARCHES.items():
        try:
            for kind, name, delete in search(old, where):
                try:
                    if not dry_run:
                        delete()
                    swept.found.append((kind, name))
                except Exception as error:
                    swept.failed.append(f"{kind} {name}: {error}")
        except Exception as error:
            if not _is_off(error):
                swept.failed.append(f"every {sought}: {error}")
    return swept


def _is_off(error: Exception) -> bool:
    """Whether an API is not enabled in the project, so that nothing of its can be there."""
    reason = getattr(error, "reason", None)
    return isinstance(error, SwitchedOff) or reason == SERVICE_DISABLED


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if not (given := re.fullmatch(r"(\d+)([mhd])", value)):
            self.fail(f"{value!r} is not an age such as 90m, 6h or 2d.", param, ctx)
        return timedelta(**{UNITS[given[2]]: int(given[1])})


@click.command()
@click.option("--project", required=True, help="The project's id.")
@click.option("--region", required=True, help="Where the lessons make things.")
@click.option("--older-than", required=True, type=_Age(), help="Such as 90m, 6h or 2d.")
@click.option("--dry-run", is_flag=True, help="Only show what would be deleted.")
def main(project: str, region: str, older_than: timedelta, dry_run: bool) -> None:
    """Delete all that carries the label hands-on-run, whoever made it, and is old enough.

    The exit status is 1 if something old enough is still there, or could not be looked for.
    """
    try:
        found, failed = sweep(project, region, older_than, dry_run)
    except (GoogleAPIError, GoogleAuthError) as error:
        raise click.ClickException(str(error)) from None
    done = "would be deleted" if dry_run else "deleted"
    click.echo(repr(Table(found, [done, "name"])) if found else f"Nothing {done}.")
    for text in failed:
        click.echo(f"Still there: {text}", err=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(prog_name="python -m helpers.sweep")
