"""Where ``pip install`` inside a build finds its packages.

First only in the wheels of this environment, so that a build needs no network. A step that misses
one there is run again with the package index of whoever started the cloud, if it answers.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

WHEELS = "/run/wheels"
CERTIFICATES = "/run/ca-certificates.crt"
PYPI = "https://pypi.org/simple"
SECONDS_TO_ANSWER = 3.0

QUIET = {
    "PIP_ROOT_USER_ACTION": "ignore",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_CACHE_DIR": "1",
    "PIP_NO_INPUT": "1",
    "PIP_PROGRESS_BAR": "off",
    # What a step imports must not leave compiled files of the base image in the step's layer.
    "PYTHONDONTWRITEBYTECODE": "1",
}
MISSING = re.compile(rb"No matching distribution found|ResolutionImpossible")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
BUNDLES = ("PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
ASK = """
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2]))
except urllib.error.HTTPError:
    pass  # It answered, and that is the question.
"""


@dataclass(frozen=True)
class Source:
    """Where to install from: the variables that say so, and what a step gets to see of it."""

    env: Mapping[str, str]
    binds: Mapping[str, Path]


@dataclass(frozen=True)
class _Options:
    """The options of pip that say where packages come from."""

    index: str
    others: tuple[str, ...]
    links: tuple[str, ...]
    bundle: str
    env: Mapping[str, str]


def offline(wheels: Path) -> Source:
    """The wheels of this environment and nothing else."""
    env = {**QUIET, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS}
    return Source(env, {WHEELS: wheels})


def is_missing(line: bytes) -> bool:
    """Whether a line of output is pip's complaint that a package is in none of its sources."""
    return MISSING.search(line) is not None


async def online(wheels: Path, environ: Mapping[str, str]) -> tuple[Source | None, str]:
    """The package index and the wheels, with the name of the index; None if it cannot be reached.

    ``environ`` is the environment of whoever started the cloud; pip's own configuration counts
    too. Decided within a few seconds.
    """
    options = await _options(environ)
    indexes = [options.index, *options.others]
    answers = await asyncio.gather(*(_answers(index, environ) for index in indexes))
    reachable = [index for index, answer in zip(indexes, answers, strict=True) if answer]
    links = [link for link in options.links if await _answers(link, environ)]
    if not reachable and not links:
        return None, _shown(options.index)
    env = {
        **QUIET,
        **options.env,
        "PIP_FIND_LINKS": " ".join([WHEELS, *links]),
        "PIP_DEFAULT_TIMEOUT": "15",
        "PIP_RETRIES": "1",
    }
    if reachable:
        env["PIP_INDEX_URL"], env["PIP_EXTRA_INDEX_URL"] = reachable[0], " ".join(reachable[1:])
    else:
        env["PIP_NO_INDEX"] = "1"
    binds = {WHEELS: wheels}
    for place in (*reachable, *links):
        folder = _local_folder(place)
        if folder is not None:
            binds[str(folder)] = folder
    if options.bundle:
        binds[CERTIFICATES] = Path(options.bundle)
        env |= dict.fromkeys(BUNDLES, CERTIFICATES)
    return Source(env, binds), _shown((reachable or links)[0])


async def _options(environ: Mapping[str, str]) -> _Options:
    values = await _pip_configuration(environ)
    env = {
        name: environ[name]
        for upper in PROXIES
        for name in (upper, upper.lower())
        if environ.get(name)
    }
    if values.get("proxy"):
        env["PIP_PROXY"] = values["proxy"]
    if values.get("trusted-host"):
        env["PIP_TRUSTED_HOST"] = " ".join(values["trusted-host"].split())
    return _Options(
        index=values.get("index-url", PYPI).rstrip("/"),
        others=tuple(values.get("extra-index-url", "").split()),
        links=tuple(values.get("find-links", "").split()),
        bundle=_bundle(values.get("cert", ""), environ),
        env=env,
    )


def _bundle(configured: str, environ: Mapping[str, str]) -> str:
    """The file of certificates that pip is told to trust; empty if it has its own."""
    named = (configured, *(environ.get(name, "") for name in BUNDLES))
    return next((file for file in named if file and Path(file).is_file()), "")


async def _pip_configuration(environ: Mapping[str, str]) -> dict[str, str]:
    """What pip's files and variables say, by the option's name; nothing if there is no pip."""
    output = await _run([sys.executable, "-m", "pip", "config", "list"], environ, 10.0)
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in (output or "").splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in sections:
            with contextlib.suppress(ValueError, SyntaxError):
                sections[section][option] = str(ast.literal_eval(value))
    return {**sections["global"], **sections["install"], **sections[":env:"]}


async def _answers(place: str, environ: Mapping[str, str]) -> bool:
    """Whether an index, or a folder of packages, is there."""
    folder = _local_folder(place)
    if folder is not None:
        return folder.is_dir()
    # In a process of its own: a name that is looked up in vain cannot be interrupted.
    argv = [sys.executable, "-c", ASK, f"{_shown(place)}/", str(SECONDS_TO_ANSWER)]
    return await _run(argv, environ, SECONDS_TO_ANSWER) is not None


def _local_folder(place: str) -> Path | None:
    """The folder to show a step for a local index; None for an address on the network.

    The pages of an index of files link to ``../../``, so it needs the folder above.
    """
    if place.startswith("file:"):
        path = Path(unquote(urlsplit(place).path))
        return path.parent if path.name == "simple" else path
    return None if re.match(r"[a-z+]+://", place) else Path(place).absolute()


def _shown(place: str) -> str:
    """An address without a name and password in it."""
    return re.sub(r"//[^/@]*@", "//", place)


async def _run(argv: list[str], environ: Mapping[str, str], seconds: float) -> str | None:
    """The output of a program that ends well in time, None otherwise."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        env={**environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode(errors="replace") if process.returncode == 0 else None
