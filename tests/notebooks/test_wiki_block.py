"""The wiki's own commands of 2021, quoted in lesson 01, work as they stand, at a terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pexpect
import pytest

from helpers.course.surroundings import fresh_cloud
from tests.notebooks.console import STYLE, surroundings
from tests.notebooks.executing import NOTEBOOKS

WIKI_BLOCK = """\
```console
# 개인 계정으로 로그인
$ gcloud auth login

# 설정
$ gcloud config set run/platform managed
$ gcloud config set run/region asia-northeast3

# 빌드 & 배포
$ gcloud builds submit --tag gcr.io/PROJECT_ID/helloworld
$ gcloud run deploy --image gcr.io/PROJECT_ID/helloworld
```
"""
CALL = '$ curl -H "Authorization: Bearer $(gcloud auth print-identity-token)" SERVICE_URL'

LOGIN = "gcloud auth login"
"""The one command that is not typed: it opens a browser."""

PROMPTS = [r"Service name \(.*\): ", r"\(y/N\)\? "]
READY = "READY> "


def quotations(notebook: Path) -> str:
    """What stands in block quotes in a notebook."""
    cells = nbformat.read(notebook, as_version=4).cells
    lines = [line for cell in cells for line in cell.source.splitlines() if line.startswith(">")]
    return "".join(f"{line[1:].removeprefix(' ')}\n" for line in lines)


def test_lesson_01_quotes_the_wikis_commands_byte_for_byte() -> None:
    assert WIKI_BLOCK in quotations(NOTEBOOKS / "01-cloud-build.ipynb")


@pytest.mark.parametrize("lesson", ["00-start-here.ipynb", "04-auth-tokens.ipynb"])
def test_the_wikis_call_is_quoted_byte_for_byte(lesson: str) -> None:
    assert f"```\n{CALL}\n```\n" in quotations(NOTEBOOKS / lesson)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[pexpect.spawn]:
    """A shell at a terminal, inside a fresh local cloud, in the folder of an app."""
    command = ["-m", "helpers.localcloud", "exec", "--", "bash", "--norc", "--noprofile"]
    with fresh_cloud():
        shell = pexpect.spawn(
            sys.executable,
            command,
            cwd=str(NOTEBOOKS / "apps/helloflask"),
            env={**surroundings(tmp_path), "PS1": READY},
            encoding="utf-8",
            timeout=120,
            dimensions=(50, 120),
        )
        shell.expect_exact(READY)
        yield shell
        shell.sendline("exit")
        shell.expect(pexpect.EOF)
        shell.close()


def typed(shell: pexpect.spawn, line: str) -> str:
    """What is on the screen after ``line``; each question of gcloud is answered with Enter."""
    shell.sendline(line)
    screen = ""
    while shell.expect([READY, *PROMPTS]):
        screen += shell.before + shell.after
        shell.sendline()
    return STYLE.sub("", screen + shell.before)


@pytest.mark.skipif(
    shutil.which("gcloud") is None,
    reason="gcloud is not installed: the wiki's commands were NOT typed here",
)
def test_the_wikis_commands_work_line_by_line(shell: pexpect.spawn) -> None:
    """The team's page is the way in for its readers: it must not mislead them here."""
    lines = WIKI_BLOCK.replace("PROJECT_ID", "hands-on").splitlines()[1:-1]
    screens = {
        line: typed(shell, line)
        for line in (line.removeprefix("$ ") for line in lines)
        if line != LOGIN
    }
    login, *commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    platform, region, build, deploy = (screens[command] for command in commands)
    assert login == LOGIN
    assert "Updated property [run/platform]." in platform
    assert "Updated property [run/region]." in region
    assert "gcr.io/hands-on/helloworld  SUCCESS" in build
    assert "Service name (helloworld): " in deploy
    assert "Allow unauthenticated invocations to [helloworld] (y/N)? " in deploy
    assert "has been deployed and is serving 100 percent of traffic." in deploy

    url = "https://helloworld-qdg4vdmju1-du.a.run.app"
    assert "Error: Forbidden" in typed(shell, f"curl {url}")
    assert "Hello World!" in typed(shell, CALL.removeprefix("$ ").replace("SERVICE_URL", url))
