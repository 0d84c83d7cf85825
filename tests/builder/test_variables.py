"""Variables in a Dockerfile: replaced as Docker replaces them, visible where Docker lets them."""

from __future__ import annotations

import pytest

from helpers.localcloud.builder.errors import BuildFailed
from helpers.localcloud.builder.variables import (
    Arguments,
    expand,
    expand_document,
    expand_to_words,
)

ENV = {"A": "one", "EMPTY": "", "FILE": "a.tar.gz", "WORDS": "80 443"}


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("$A", "one"),
        ("${A}s", "ones"),
        ("$AB", ""),
        ("x$B.y", "x.y"),
        (r"\$A", "$A"),
        ("'$A'", "$A"),
        ('"$A b"', "one b"),
        ("${B:-two}", "two"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY-two}", ""),
        ("${A:-two}", "one"),
        ("${A:+two}", "two"),
        ("${B:+two}", ""),
        ("${EMPTY:+two}", ""),
        ("${B:-$A}", "one"),
        ("${FILE%.gz}", "a.tar"),
        ("${FILE##*.}", "gz"),
        ("${FILE/tar/zip}", "a.zip.gz"),
        ("a$", "a$"),
        ("50%", "50%"),
    ],
)
def test_a_word_becomes_what_docker_makes_of_it(word, value):
    assert expand(word, "\\", ENV) == value


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("${A", "syntax error: missing '}'"),
        ("${}", "bad substitution"),
        ("${B:?is needed}", "B: is needed"),
        ("'x", "unexpected end of statement while looking for matching single-quote"),
        ("${A^}", "unsupported modifier"),
    ],
)
def test_a_word_that_cannot_be_expanded_says_why(word, reason):
    with pytest.raises(BuildFailed, match="failed to process") as error:
        expand(word, "\\", ENV)
    assert reason in str(error.value)


def test_ports_from_a_variable_are_split():
    assert expand_to_words("$WORDS", "\\", ENV) == ["80", "443"]


def test_a_document_keeps_its_quotes():
    assert expand_document("say \"$A\" 'and $B'\n", ENV) == "say \"one\" 'and '\n"


def test_an_argument_needs_its_arg():
    arguments = Arguments({"A": "given", "UNKNOWN": "x"})
    assert "A" not in arguments.values()
    arguments.declare("A", "default")
    assert arguments.values()["A"] == "given"
    assert arguments.unused() == ["UNKNOWN"]


def test_a_stage_sees_a_global_argument_only_after_its_own_arg():
    arguments = Arguments({})
    arguments.declare_global("V", "3")
    arguments.next_stage()
    assert arguments.global_values() == {"V": "3"}
    assert arguments.values() == {}
    arguments.declare("V", None)
    assert arguments.values() == {"V": "3"}
    arguments.next_stage()
    assert arguments.values() == {}


def test_a_proxy_needs_no_arg_and_stays_out_of_the_history():
    arguments = Arguments({"HTTPS_PROXY": "http://p"})
    assert arguments.values() == {"HTTPS_PROXY": "http://p"}
    assert arguments.unused() == []
    assert not arguments.in_history("HTTPS_PROXY")
