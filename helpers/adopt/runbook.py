"""Running a team's runbook and rewriting it: what the Makefile of a copy calls."""

from __future__ import annotations

from pathlib import Path

import click
import nbformat

from helpers.course.execution import as_html, execute, resolve, without_traces
from helpers.course.running import executed_again, rewrite, surrounded
from helpers.course.telling import told

NOTEBOOK = click.argument("notebook", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group()
def main() -> None:
    """Run a runbook, or rewrite it."""


@main.command()
@click.option("-p", "parameters", nargs=2, multiple=True, metavar="NAME VALUE")
@NOTEBOOK
def run(notebook: Path, parameters: tuple[tuple[str, str], ...]) -> None:
    """Execute NOTEBOOK; leave the executed notebook and a page of HTML in the folder build."""
    with told():
        given = resolve(notebook, dict(parameters))
        build = notebook.parent / "build"
        build.mkdir(exist_ok=True)
        output = build / notebook.name
        with surrounded(notebook, given):
            execute(notebook, output, given)
        page = as_html(nbformat.read(output, as_version=4), notebook.stem)
        output.with_suffix(".html").write_text(page, encoding="utf-8")
        click.echo(f"{notebook.name} was executed; to read: {output.with_suffix('.html')}")


@main.command()
@NOTEBOOK
def refresh(notebook: Path) -> None:
    """Execute NOTEBOOK, show what it shows otherwise than before, and rewrite it."""
    with told():
        rewrite(notebook, without_traces(executed_again(notebook)), click.echo)


if __name__ == "__main__":
    main(prog_name="python -m helpers.adopt.runbook")
