"""Executing one notebook: parameters in, an executed copy and a page of HTML out."""

from __future__ import annotations

import ast
import asyncio
import re
import signal
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_core.utils import ensure_event_loop, run_sync
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

from helpers.course.catalogue import CourseError
from helpers.course.generated import ANSWER, exercise, tags

CLEAN_UP = "clean-up"
"""Tag of the cells that are executed after a failure too."""

CELL_TIMEOUT = 600
"""Seconds that one cell may take."""

INTERRUPT_TIMEOUT = 30
"""Seconds that an interrupted kernel may take to answer."""

KERNEL = "python3"


class LessonFailed(CourseError):
    """A cell of a lesson failed; the text shows the cell and the error, ready to print."""


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Executes the cells in order and, after a failure, those that clean up.

    Cells with one of the tags ``left_out`` are not executed.
    """

    stopped_by = 0
    left_out: Collection[str] = ()

    def papermill_execute_cells(self) -> None:
        index = 0
        try:
            with self._signals_interrupt_the_cell():
                for index, cell in enumerate(self.nb.cells):
                    if not set(self.left_out) & set(tags(cell)):
                        self._execute(cell, index)
                    if self.stopped_by:
                        break
        except CellExecutionError as failure:
            if not self.stopped_by:
                self._clean_up_after(index)
                raise LessonFailed(_readable(self.nb, index)) from failure
        except CellTimeoutError as failure:
            self._interrupt()
            self._clean_up_after(index)
            reason = f"it took longer than {CELL_TIMEOUT} s"
            raise LessonFailed(_readable(self.nb, index, reason)) from failure
        except DeadKernelError as failure:
            raise LessonFailed(_readable(self.nb, index, "the kernel died")) from failure
        if self.stopped_by:
            self._clean_up_after(index)
            raise SystemExit(128 + self.stopped_by)

    @contextmanager
    def _signals_interrupt_the_cell(self) -> Iterator[None]:
        """Let Ctrl-C and a request to end interrupt the kernel, so that it can still clean up."""
        loop = ensure_event_loop()
        old = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in old:
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number, handler in old.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def _stop(self, number: int) -> None:
        self.stopped_by = number
        self.interrupting = asyncio.ensure_future(self.km.interrupt_kernel())

    def _execute(self, cell: NotebookNode, index: int) -> None:
        self.nb_man.cell_start(cell, index)
        try:
            self.execute_cell(cell, index)
        except BaseException as failure:
            self.nb_man.cell_exception(cell, cell_index=index, exception=failure)
            raise
        finally:
            self.nb_man.cell_complete(cell, cell_index=index)

    def _interrupt(self) -> None:
        """End the running cell; come back when the kernel answers again."""
        run_sync(self.km.interrupt_kernel)()
        run_sync(self.kc.wait_for_ready)(timeout=INTERRUPT_TIMEOUT)

    def _clean_up_after(self, failed: int) -> None:
        """Execute the clean-up cells below ``failed``, whatever comes of each of them."""
        for index, cell in enumerate(self.nb.cells):
            if index > failed and CLEAN_UP in tags(cell):
                with suppress(CellExecutionError, CellTimeoutError):
                    self._execute(cell, index)


class _Engine(NBClientEngine):  # type: ignore[misc]
    """Papermill's own engine with our client."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any
    ) -> None:
        client = _Client(
            nb_man,
            kernel_name=kernel_name,
            timeout=CELL_TIMEOUT,
            startup_timeout=options["start_timeout"],
            coalesce_streams=True,
            extra_arguments=["--log-level=50"],  # Its log would come between our lines.
        )
        client.left_out = options["left_out"]
        # Papermill would write the whole notebook before and after each cell.
        path, nb_man.output_path = nb_man.output_path, None
        try:
            client.execute(transport_encryption="auto")
        finally:
            nb_man.output_path = path


papermill_engines.register("lesson", _Engine)


def resolve(notebook: Path, given: Mapping[str, str]) -> dict[str, Any]:
    """Return ``given`` as values for the parameters cell of ``notebook``.

    A value is taken as text where the notebook's own value is text, and as a Python literal
    otherwise.

    Raises:
        CourseError: the notebook has no parameter of that name, or the value is not a literal.
    """
    known = papermill.inspect_notebook(str(notebook))
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known:
            has = ", ".join(known) or "none"
            raise CourseError(f"{notebook.name} has no parameter {name!r}; it has: {has}")
        try:
            default = ast.literal_eval(known[name]["default"])
            values[name] = text if isinstance(default, str) else ast.literal_eval(text)
        except (ValueError, SyntaxError) as error:
            raise CourseError(f"{notebook.name}: {name}={text} is not a literal") from error
    return values


def cloud_of(notebook: Path) -> str:
    """Return the cloud that the parameters cell of ``notebook`` chooses: ``local``, ``google``."""
    return str(ast.literal_eval(papermill.inspect_notebook(str(notebook))["cloud"]["default"]))


def answered(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of ``notebook`` in which each exercise is solved.

    Raises:
        CourseError: there is no solution for an exercise.
    """
    solved = nbformat.from_dict(notebook)
    for cell in solved.cells:
        if ANSWER in tags(cell):
            cell.source = exercise(cell).solution
    return solved


def unanswered(notebook: NotebookNode, committed: NotebookNode) -> None:
    """Put back into ``notebook`` what stands for the reader's answers in ``committed``.

    What the solutions have shown is dropped.
    """
    sources = {cell.id: cell.source for cell in committed.cells}
    for cell in notebook.cells:
        if ANSWER in tags(cell):
            cell.source, cell.outputs = sources[cell.id], []


def execute(
    notebook: Path, output: Path, parameters: Mapping[str, Any], left_out: Collection[str] = ()
) -> NotebookNode:
    """Execute ``notebook`` in its own folder and write the executed copy to ``output``.

    Exercises are solved as `helpers.exercises` says.
    The kernel is the Python that runs this. Where standard error is a terminal, a bar shows the
    progress and is gone at the end. After a failure the cells tagged `CLEAN_UP` are executed in
    the same kernel, and ``output`` holds everything up to there.

    Args:
        notebook: the notebook to execute; it is not changed.
        output: the file to write.
        parameters: values for the parameters cell, as `resolve` returns them.
        left_out: tags of cells that are not executed.

    Raises:
        CourseError: there is no solution for an exercise.
        LessonFailed: a cell raised, took longer than `CELL_TIMEOUT` or lost its kernel.
    """
    bar = {"desc": notebook.stem, "leave": False, "disable": None}
    return papermill.execute_notebook(
        answered(nbformat.read(notebook, as_version=4)),
        str(output),
        parameters=dict(parameters),
        engine_name="lesson",
        left_out=left_out,
        kernel_name=KERNEL,
        progress_bar=bar,
        cwd=str(notebook.parent),
    )


PAGE = """\
{%- extends 'index.html.j2' -%}
{%- block data_png -%}
<div class="jp-RenderedImage jp-OutputArea-output {{ extra_class }}">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
alt="{{ output | get_metadata('alt', 'image/png') | escape_html }}">
</div>
{%- endblock -%}
"""
"""nbconvert's own page leaves out what a picture says of itself."""


def as_html(notebook: NotebookNode, title: str) -> str:
    """Return ``notebook`` as one page of HTML that loads nothing from the network."""
    exporter = HTMLExporter(mathjax_url="", require_js_url="", embed_images=True, raw_template=PAGE)
    page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return str(page)


def without_traces(notebook: NotebookNode) -> NotebookNode:
    """Return an executed ``notebook`` without what differs from one execution to the next.

    Papermill's and the kernel's time stamps go; sources, outputs and execution counts stay.
    """
    clean = nbformat.from_dict(notebook)
    clean.metadata = {
        "kernelspec": {
            "display_name": "Python 3 (ipykernel)",
            "language": "python",
            "name": KERNEL,
        },
        "language_info": clean.metadata.get("language_info", {}),
    }
    for cell in clean.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
    return clean


def _readable(notebook: NotebookNode, index: int, reason: str = "") -> str:
    """Return the cell and the reason, by default the traceback that the cell left."""
    cell = notebook.cells[index]
    source = "\n".join(f"    | {line}" for line in cell.source.splitlines())
    for output in [] if reason else cell.outputs:
        if output.output_type == "error":
            reason = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.traceback)).strip()
    return f"  in cell {index + 1} of {len(notebook.cells)}:\n{source}\n\n{reason}"
