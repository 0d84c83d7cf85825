"""Make the book: HTML of the committed lessons and of docs/, in the folder that is named.

A warning is an error, and then the folder is left as it was. Usage: ``python .ci/book.py FOLDER``
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import main as sphinx

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"


def main() -> int:
    """Make the book and return Sphinx's exit status."""
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # Sphinx wants all pages below one folder, each where the links of the others look for it.
        pages, made = Path(folder, "pages"), Path(folder, "book")
        shutil.copytree(ROOT / "notebooks", pages / "notebooks")
        shutil.copytree(ROOT / "docs", pages / "docs")
        for page in (ROOT / "README.md", ROOT / "FACILITATOR.md", *BOOK.glob("*.md")):
            shutil.copy(page, pages)
        options = ("-q", "-W", "--keep-going", "-d", str(Path(folder, "doctrees")))
        status = sphinx([*options, "-c", str(BOOK), str(pages), str(made)])
        if status == 0:
            shutil.rmtree(target, ignore_errors=True)
            made.rename(target)
    return status


if __name__ == "__main__":
    sys.exit(main())
