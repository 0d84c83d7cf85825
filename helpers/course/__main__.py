"""The commands that ``make run`` and ``make refresh`` call."""

from __future__ import annotations

import os
from pathlib import Path

import click

from helpers.course import running
from helpers.course.telling import told

NOTEBOOKS = click.option(
    "--notebooks",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("notebooks"),
    show_default=True,
    help="Folder of the lessons and of course.toml.",
)
LESSONS = click.argument("lessons", nargs=-1, metavar="[LESSON]...")


@click.group()
def main() -> None:
    """Run the lessons of the course, or rewrite them."""


@main.command()
@NOTEBOOKS
@click.option(
    "--build",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build"),
    show_default=True,
    help="Folder for the executed notebooks and their HTML.",
)
@click.option(
    "-p",
    "parameters",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A value for the parameters cell of every lesson; may be repeated.",
)
@click.option(
    "--track", default="", help="Execute a track of course.toml, without what it leaves out."
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=(os.cpu_count() or 1) + 1,
    show_default="one more than there are processors, because lessons also wait",
    help="How many lessons to execute at a time, each process with a temporary cloud of its own.",
)
@LESSONS
def run(
    notebooks: Path,
    build: Path,
    parameters: tuple[tuple[str, str], ...],
    track: str,
    at_once: int,
    lessons: tuple[str, ...],
) -> None:
    """Execute the lessons in order (or those named) in temporary clouds."""
    with told():
        running.run(notebooks, build, lessons, dict(parameters), click.echo, track, at_once)


@main.command()
@NOTEBOOKS
@LESSONS
def refresh(notebooks: Path, lessons: tuple[str, ...]) -> None:
    """Execute the lessons (or those named), each in a fresh cloud, and rewrite them in place."""
    with told():
        running.refresh(notebooks, lessons, click.echo)


if __name__ == "__main__":
    main(prog_name="python -m helpers.course")
