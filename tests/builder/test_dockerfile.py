"""Reading a Dockerfile: what is understood, and that a mistake is named with its line."""

from __future__ import annotations

import pytest

from helpers.localcloud.builder.dockerfile import DockerfileError, parse
from helpers.localcloud.builder.errors import BuildFailed


def only(text: str):
    """The one instruction after FROM."""
    return parse(f"FROM python\n{text}\n".encode()).stages[0].instructions[0]


@pytest.mark.parametrize(
    ("text", "name", "args", "exec_form"),
    [
        ("ENV A 1 2", "ENV", ("A", "1 2"), False),
        ("ENV A=1 B='2 3' C=x\\ y", "ENV", ("A", "1", "B", "'2 3'", "C", "x\\ y"), False),
        ("env a=b", "ENV", ("a", "b"), False),
        ("LABEL a.b=c", "LABEL", ("a.b", "c"), False),
        ("CMD exec gunicorn --bind :$PORT", "CMD", ("exec gunicorn --bind :$PORT",), False),
        ('CMD ["flask", "run"]', "CMD", ("flask", "run"), True),
        ("CMD ['flask', 'run']", "CMD", ("['flask', 'run']",), False),
        ("CMD", "CMD", (), False),
        ("ENTRYPOINT []", "ENTRYPOINT", (), True),
        ("RUN a && \\\n  # a remark\n  b", "RUN", ("a &&   b",), False),
        ("COPY a b /c/", "COPY", ("a", "b", "/c/"), False),
        ('COPY ["a b", "/c/"]', "COPY", ("a b", "/c/"), True),
        ("ARG A=1 B", "ARG", ("A=1", "B"), False),
        ("EXPOSE 80 90/udp", "EXPOSE", ("80", "90/udp"), False),
        ("VOLUME /a /b", "VOLUME", ("/a", "/b"), False),
        ("WORKDIR /a b", "WORKDIR", ("/a b",), False),
        ("HEALTHCHECK --retries=3 CMD true", "HEALTHCHECK", ("CMD", "true"), False),
        ("ONBUILD RUN x", "ONBUILD", ("RUN x",), False),
        ("MAINTAINER a@b.c", "MAINTAINER", ("a@b.c",), False),
    ],
)
def test_an_instruction_means_what_it_means_to_docker(text, name, args, exec_form):
    instruction = only(text)
    assert (instruction.name, instruction.args, instruction.exec_form) == (name, args, exec_form)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM python\n\nFORM x", "dockerfile parse error line 3: unknown instruction: FORM"),
        ("RUN x\nFROM python", "dockerfile parse error line 1: no build stage in current context"),
        ("FROM a b", "dockerfile parse error line 1: FROM requires either one or three arguments"),
        ("FROM a AS 1st", 'line 1: invalid name for build stage: "1st"'),
        ("FROM a AS x\nFROM b AS X", "line 2: x stage name already used"),
        ("FROM a\nCOPY x", "line 2: COPY requires at least two arguments, but only one"),
        ("FROM a\nENV", "line 2: ENV requires at least one argument"),
        ("FROM a\nENV A", "line 2: ENV must have two arguments"),
        ("FROM a\nENV A=1 B", 'line 2: Syntax error - can\'t find = in "B"'),
        ("FROM a\nENV =1", "line 2: ENV names can not be blank"),
        ("FROM a\nWORKDIR", "line 2: WORKDIR requires exactly one argument"),
        ("FROM a\nSHELL bash -c", "line 2: SHELL requires the arguments to be in JSON form"),
        ("FROM a\nCOPY --chwon=1 a b", "line 2: unknown flag: --chwon"),
        ("FROM a\nCOPY --from a b", "line 2: missing a value on flag: --from"),
        ("FROM a\nCOPY --chmod=1 --chmod=2 a b", "line 2: duplicate flag specified: --chmod"),
        ("FROM a\nHEALTHCHECK PING", 'line 2: Unknown type "PING" in HEALTHCHECK (try CMD)'),
        ("FROM a\nHEALTHCHECK CMD", "line 2: Missing command after HEALTHCHECK CMD"),
        ("FROM a\nONBUILD ONBUILD RUN x", "line 2: Chaining ONBUILD via `ONBUILD ONBUILD`"),
        ("FROM a\nONBUILD FROM x", "line 2: FROM isn't allowed as an ONBUILD trigger"),
        ("FROM a\nONBUILD RNU x", "line 2: unknown instruction: RNU"),
        ("FROM a\nRUN <<EOF\nx", "line 2: unterminated heredoc"),
        ('FROM a\nCMD ["a", 1]', "line 2: Only strings are supported in JSON arrays"),
        ("# only a remark", "file with no instructions"),
        ("FROM a\nRUN x\0", "dockerfile parse error line 2: the file is not UTF-8 text"),
    ],
)
def test_a_mistake_is_named_with_its_line(text, message):
    with pytest.raises(DockerfileError) as error:
        parse(text.encode())
    assert message in str(error.value)


def test_stages_are_found_by_name_and_number():
    parsed = parse(b"ARG V=1\nFROM a:$V AS One\nRUN x\nFROM one\nFROM c\n")
    assert [stage.name for stage in parsed.stages] == ["one", "", ""]
    assert len(parsed.up_to("ONE")) == 1
    assert len(parsed.up_to("1")) == 2
    assert len(parsed.up_to("")) == 3
    with pytest.raises(BuildFailed, match="failed to reach build target two in Dockerfile"):
        parsed.up_to("two")


def test_another_escape_character_can_be_chosen():
    parsed = parse(b"# escape=`\nFROM a\nRUN x `\n  y\n")
    assert parsed.escape == "`"
    assert parsed.stages[0].instructions[0].args == ("x   y",)


def test_a_heredoc_keeps_its_lines():
    run = only("RUN <<EOF\none\n  two\nEOF")
    assert [(h.name, h.content) for h in run.heredocs] == [("EOF", "one\n  two\n")]


def test_bytes_that_are_not_utf8_do_no_harm_in_a_remark():
    assert parse(b"# caf\xe9\nFROM a\n").stages[0].base == "a"


def test_windows_line_ends_do_no_harm():
    assert parse(b"FROM a\r\nENV A=b\r\n").stages[0].instructions[0].args == ("A", "b")
