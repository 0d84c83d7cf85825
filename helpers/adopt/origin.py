"""Where this project was installed from, and in which versions, so that a copy can ask for it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from importlib import metadata
from typing import Any
from urllib.parse import unquote, urlsplit

PROJECT = "cloud-run-hands-on"
OWNER = "OWNER"
"""Stands for who keeps the repository, where that can't be found out."""


def requirement() -> str:
    """Return what pip is told to install this project as it is now: a repository and a commit."""
    text = metadata.distribution(PROJECT).read_text("direct_url.json")
    return pinned(json.loads(text or "{}"))


def pinned(direct: Mapping[str, Any]) -> str:
    """Return what pip is told to install, from where an installed package says that it came from.

    A package from a repository knows that and the commit. A clone is asked for its remote
    ``origin``; without one, the address has `OWNER` in it, and the team writes its own.

    Args:
        direct: the package's ``direct_url.json``. Source:
            https://packaging.python.org/en/latest/specifications/direct-url/ (2026-11-28)
    """
    place = urlsplit(direct.get("url", ""))
    if "vcs_info" in direct:
        repository, commit = direct["url"], direct["vcs_info"]["commit_id"]
    else:
        repository = _git(unquote(place.path), "remote", "get-url", "origin")
        commit = _git(unquote(place.path), "rev-parse", "HEAD")
    known = address(repository) or f"https://github.com/{OWNER}/{PROJECT}"
    return f"{PROJECT} @ git+{known}@{commit or 'main'}"


def address(remote: str) -> str:
    """Return the address of a git remote as pip takes it, without secrets; empty if it has none."""
    remote = re.sub(r"^([\w.-]+@[\w.-]+):(?!/)", r"ssh://\1/", remote)
    parts = urlsplit(remote)
    if parts.scheme == "ssh":
        return remote
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host).geturl() if parts.scheme == "https" else ""


def versions() -> list[str]:
    """Return what is installed beside this project, each with its version, as pip takes it."""
    there = {
        f"{found.name}=={found.version}"
        for found in metadata.distributions()
        if found.name != PROJECT
    }
    return sorted(there, key=str.casefold)


def _git(folder: str, *command: str) -> str:
    """Return what git says of a folder; nothing if the folder is no clone, or git is missing."""
    try:
        done = subprocess.run(
            ["git", "-C", folder, *command], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
