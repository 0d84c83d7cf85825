"""The rules by which outputs are made comparable do what they say, and no more."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from nbval.plugin import get_sanitize_patterns

CONFIG = (Path(__file__).parent / "sanitize.cfg").read_text()

EXAMPLES = {
    "address of an object": ("<Service object at 0x7f3a2c01d490>", "<Service object at 0xADDRESS>"),
    "the Python that python:* stands for": ("PYTHON_VERSION=3.11.7", "PYTHON_VERSION=VERSION"),
}


def sections() -> list[str]:
    parser = configparser.RawConfigParser()
    parser.read_string(CONFIG)
    return parser.sections()


def test_every_rule_has_an_example() -> None:
    assert sections() == list(EXAMPLES)


def test_nbval_drops_none_of_the_rules() -> None:
    assert len(get_sanitize_patterns(CONFIG)) == len(sections())


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_rule_replaces_what_its_example_shows(name: str) -> None:
    before, after = EXAMPLES[name]
    for pattern, replacement in get_sanitize_patterns(CONFIG):
        before = re.sub(pattern, replacement, before)
    assert before == after


@pytest.mark.parametrize(
    "text",
    [
        "CONDITION_SUCCEEDED",
        "https://helloflask-qdg4vdmju1-du.a.run.app",
        "404 Not Found",
        "gcr.io/hands-on/helloflask:latest",
        "0x1f",
    ],
)
def test_no_rule_touches_what_a_lesson_is_about(text: str) -> None:
    for pattern, replacement in get_sanitize_patterns(CONFIG):
        assert re.sub(pattern, replacement, text) == text
