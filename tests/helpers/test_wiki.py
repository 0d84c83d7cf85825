"""The map leaves nothing of the page out, and every link in it leads somewhere."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import nbformat
import pytest

from helpers import show, wiki
from helpers.course.catalogue import listed

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
DOCKERFILE = NOTEBOOKS / "apps/fragile/Dockerfile.wiki-2021"
WRITTEN = {lesson.name for lesson in listed(NOTEBOOKS)}
PLANNED = {
    "06-custom-domains",
    "07-vpc-and-ingress",
    "09-one-image-three-platforms",
}

SAYS_SOMETHING = {
    *(21, 23, 26, 29, 30, 32, 33, 34, 36, 37, 38, 41, 43, 45, 46, 47, 48, 52, 54, 59, 61, 63),
    *(67, 68, 72, 75, 77, 78, 80, 82, 84, 86, 87, 89, 90, 92, 95, 97, 99, 100, 101, 103, 107, 111),
}
"""The lines of the page without headings, its table of contents, fences and empty lines."""


def headings(lesson: str) -> set[str]:
    """Return the anchors that Jupyter and GitHub give to the headings of a lesson."""
    notebook = nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    found = re.findall(r"^#+ (.*)$", "\n".join(texts), flags=re.MULTILINE)
    return {heading.strip().replace(" ", "-") for heading in found}


def test_every_line_of_the_page_that_says_something_is_in_the_map() -> None:
    assert {line for one in wiki.statements() for line in one.lines} == SAYS_SOMETHING


def test_the_map_has_the_order_of_the_page() -> None:
    first = [one.lines[0] for one in wiki.statements()]
    assert first == sorted(first)


@pytest.mark.parametrize("one", wiki.statements(), ids=lambda one: one.id)
def test_a_statement_leads_to_a_place_where_it_is_treated(one: wiki.Statement) -> None:
    assert one.said
    assert one.then
    assert one.now
    assert re.fullmatch(r"[A-Za-z0-9-]+", one.anchor), "a heading of letters needs no escaping"
    assert one.lesson in WRITTEN | PLANNED
    if one.lesson in WRITTEN:
        assert one.anchor in headings(one.lesson)


@pytest.mark.parametrize("one", wiki.statements(), ids=lambda one: one.id)
def test_a_fact_has_a_source(one: wiki.Statement) -> None:
    if one.source:
        assert re.fullmatch(r"https://[^\s()`]+", one.source)
    else:
        assert "page" in one.then or "not found" in one.then


def test_only_lessons_that_exist_are_linked(tmp_path: Path) -> None:
    (tmp_path / "00-start-here.ipynb").touch()
    lessons = [row[-1] for row in wiki.rows(tmp_path)]
    assert "[00-start-here](00-start-here.ipynb#Who-are-you)" in lessons
    assert "01-cloud-build" in lessons
    assert not any("(01-cloud-build" in lesson for lesson in lessons)


def test_what_the_map_quotes_is_shown_byte_for_byte() -> None:
    markup = show.Table(wiki.rows(NOTEBOOKS), wiki.COLUMNS)._repr_html_()
    for command in (
        "<code>gcloud builds submit --tag gcr.io/PROJECT_ID/helloworld</code>",
        "<code>CMD /usr/local/bin/flask run --host='0.0.0.0' --port=$PORT</code>",
        "<code>RUN apk add --update netcat-openbsd &amp;&amp; rm -rf /var/cache/apk/*</code>",
        '<code>curl -H "Authorization: Bearer $(gcloud auth print-identity-token)" SERVICE_URL'
        "</code>",
    ):
        assert command in markup


def test_the_dockerfile_of_the_page_is_kept_byte_for_byte() -> None:
    """Else lesson 05 mends a Dockerfile that nobody had."""
    kept = DOCKERFILE.read_bytes()
    assert hashlib.sha256(kept).hexdigest() == (
        "497e948f76ce6900317670bbf659a217a6a94d77205b88f184c6e035594ed38b"
    )
    first = 75  # The line of the page on which it begins.
    lines = kept.decode().splitlines()
    quoted = [
        (one.lines, code)
        for one in wiki.statements()
        if first <= one.lines[0] < first + len(lines)
        for code in re.findall("`([A-Z]+ .*?)`", one.said)
    ]
    assert len(quoted) == 9
    for numbers, code in quoted:
        assert code in [lines[number - first] for number in numbers]
