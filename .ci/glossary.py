"""Print docs/glossary.md: the terms of the lessons, each with the words that define it.

Terms come from course.toml. What defines one is the first sentence of the lesson that has it in
bold, and also the sentence before unless that one opens with the term; or a row of a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat

from helpers.course.catalogue import CourseError, Lesson, load
from helpers.course.generated import anchor

NOTEBOOKS = Path("notebooks")

HEAD = """\
# Glossary

<!-- Made by `make docs` from the lessons. Don't edit it. -->

The terms of the lessons, in the words of the lesson that defines them.
"""

ITEM = r"(?:[-*>]|\d+\.) "
END_OF_SENTENCE = r"(?<=[.!?])\s+(?=[^a-z])"


def blocks(lesson: Lesson) -> Iterator[tuple[str, str]]:
    """Yield the paragraphs, items and tables of a lesson, each with the heading it stands below."""
    heading = lesson.title
    for cell in nbformat.read(NOTEBOOKS / lesson.file, as_version=4).cells:
        if cell.cell_type == "markdown":
            for block in re.split(rf"\n{{2,}}|\n(?={ITEM})", cell.source):
                if match := re.match("#+ (.*)", block):
                    heading = match[1]
                yield heading, re.sub(f"^{ITEM}", "", block)


def definition(term: str, block: str) -> str:
    """Return what defines the term in a block of a lesson, or nothing."""
    bold = rf"\*\*{re.escape(term)}s?\*\*"
    if not re.search(bold, block, re.IGNORECASE):
        return ""
    if block.startswith("|"):
        head, line, *rows = block.splitlines()
        row = next(row for row in rows if re.search(bold, row, re.IGNORECASE))
        return f"{head}\n{line}\n{row}\n"
    sentences = re.split(END_OF_SENTENCE, " ".join(block.split()))
    place = next(n for n, text in enumerate(sentences) if re.search(bold, text, re.IGNORECASE))
    opens = re.match(rf"((A|An|The|To) )?{bold}", sentences[place], re.IGNORECASE)
    return " ".join(sentences[place if opens else max(place - 1, 0) : place + 1]) + "\n"


def entry(term: str, lesson: Lesson) -> str:
    """Return the entry of a term.

    Raises:
        CourseError: the lesson has the term nowhere in bold.
    """
    for heading, block in blocks(lesson):
        if words := definition(term, block):
            place = f"../notebooks/{lesson.file}#{anchor(heading)}"
            title = term[0].upper() + term[1:]
            return f"## {title}\n\n{words}\nFrom [{lesson.title}: {heading}]({place}).\n"
    raise CourseError(f"{lesson.file}: the term {term!r} is nowhere in bold")


def main() -> None:
    """Print the page."""
    entries = [entry(term, lesson) for lesson in load(NOTEBOOKS) for term in lesson.terms]
    print("\n".join([HEAD, *sorted(entries, key=str.lower)]), end="")


if __name__ == "__main__":
    main()
