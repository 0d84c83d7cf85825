"""The command that writes a team's own copy: ``python -m helpers.adopt``."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import nbformat

from helpers.adopt import writing
from helpers.course.catalogue import CourseError
from helpers.course.execution import without_traces
from helpers.course.running import executed_again
from helpers.course.telling import told


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--project", required=True, help="The id of a project for tests.")
@click.option("--region", required=True, help="A region of Cloud Run, or its city.")
@click.option("--service", required=True, help="The name that the service gets.")
@click.option(
    "--source",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder with your app's Dockerfile.",
)
@click.option("--no-execute", is_flag=True, help="Write the runbook without its outputs.")
def main(
    folder: Path, project: str, region: str, service: str, source: Path, no_execute: bool
) -> None:
    """Write a runbook for your own service into DIR, which is new or empty.

    It builds the source, deploys it closed to strangers, calls it with an ID token and rolls back.
    Beside it are what tests it and a workflow for GitHub. In the end it is executed on a local
    cloud, and its outputs are what each later run is compared with.
    """
    with told():
        adopted = writing.checked(folder, project, region, service, source)
        writing.write(adopted)
        click.echo(f"{folder} has a runbook for {service}.")
        if not no_execute:
            _execute(adopted.runbook)
        for step in adopted.next_steps():
            click.echo(f"- {step}")


def _execute(runbook: Path) -> None:
    click.echo("It is executed on a local cloud now.")
    try:
        nbformat.write(without_traces(executed_again(runbook)), runbook)
    except CourseError as failure:
        click.echo(failure, err=True)
        click.echo(
            f"{runbook.parent} is written, but its runbook has no outputs yet. Repair what the"
            " message names, then run `make refresh` there.",
            err=True,
        )
        sys.exit(1)


if __name__ == "__main__":
    main(prog_name="python -m helpers.adopt")
