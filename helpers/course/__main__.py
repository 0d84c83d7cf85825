"""The commands that ``make run`` and ``make refresh`` call."""

from __future__ import annotations

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
@LESSONS
def run(
    notebooks: Path,
    build: Path,
    parameters: tuple[tuple[str, str], ...],
    lessons: tuple[str, ...],
) -> None:
    """Execute the lessons in order (or those named) in one temporary cloud."""
    with told():
        running.run(notebooks, build, lessons, dict(parameters), click.echo)


@main.command()
@NOTEBOOKS
@LESSONS
def refresh(notebooks: Path, lessons: tuple[str, ...]) -> None:
    """Execute the lessons (or those named), each in a fresh cloud, and rewrite them in place."""
    with told():
        running.refresh(notebooks, lessons, click.echo)


if __name__ == "__main__":
    main(prog_name="python -m helpers.course")
