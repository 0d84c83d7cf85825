"""docs/then-and-now.md keeps its promise: each feature three times, each with its source."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TEXT = (DOCS / "then-and-now.md").read_text()
LINES = [line for line in TEXT.splitlines() if line.startswith("|")]
CELLS = [[cell.strip() for cell in line.strip("|").split("|")] for line in LINES]
ROWS = CELLS[2:]
LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")


def test_every_row_has_every_cell() -> None:
    """A reader would take an empty cell for a forgotten one."""
    assert CELLS[0] == ["Feature", "The wiki, 2021", "Google, November 2026", "Here", "Source"]
    assert len(ROWS) > 20
    for row in ROWS:
        assert len(row) == 5 and all(row), row
        assert len(LINK.findall(row[4])) == 1, row


def test_every_row_says_whether_it_is_real_or_simulated() -> None:
    """What is invented must be labelled where it is told."""
    for row in ROWS:
        assert re.match(r"\*\*(Real|Simulated|Not here)\*\*", row[3]), row


@pytest.mark.parametrize(
    "feature",
    [
        *("Build", "Registry", "Deploy", "Traffic", "Scaling", "ID tokens", "Logs"),
        *("Domain mapping", "DNS", "Regions and price", "Latency", "VPC connector"),
        *("Direct VPC egress", "Ingress", "Load balancer"),
    ],
)
def test_the_features_of_the_course_are_all_there(feature: str) -> None:
    """A lesson's subject that is missing here could be simulated and nobody would know."""
    assert [row[0] for row in ROWS].count(feature) == 1


def test_links_lead_somewhere() -> None:
    """Files of this repository are there; other pages are named in full, by HTTPS."""
    addresses = [address for _, address in LINK.findall(TEXT)]
    assert len(addresses) > len(ROWS)
    for address in addresses:
        parts = urlsplit(address)
        if parts.scheme:
            assert parts.scheme == "https" and "." in parts.netloc, address
        else:
            assert (DOCS / address).exists(), address
