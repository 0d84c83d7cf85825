"""Running a command with a fresh local cloud: what the Makefile of a copy tests the runbook by.

It imports nothing that executes notebooks, because that takes seconds.
"""

from __future__ import annotations

import subprocess
import sys

import click

from helpers.course.surroundings import environment, fresh_cloud, own_jupyter, scratch_folder
from helpers.course.telling import told


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def main(command: tuple[str, ...]) -> None:
    """Run COMMAND with a fresh local cloud to enter, which is gone afterwards."""
    with (
        told(),
        scratch_folder("runbook-") as scratch,
        environment(own_jupyter(scratch)),
        fresh_cloud(),
    ):
        status = subprocess.call(command)
    sys.exit(status)


if __name__ == "__main__":
    main(prog_name="python -m helpers.adopt.inside")
