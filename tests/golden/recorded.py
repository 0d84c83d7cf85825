"""Compares an answer with a recorded one: every field that Google sent must be there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(\d{3})?Z")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def load(name: str) -> Any:
    """One recorded document."""
    return json.loads((FOLDER / name).read_text())


def differences(recorded: Any, answered: Any, known: dict[str, str], where: str = "") -> list[str]:
    """What Google sent and the answer lacks or has otherwise.

    ``known`` maps the recording's names to this run's. Times, uuids and etags are compared by
    their form.
    """
    if isinstance(recorded, dict):
        if not isinstance(answered, dict):
            return [f"{where}: not an object but {answered!r}"]
        found = []
        for key, value in recorded.items():
            place = f"{where}.{key}"
            if key not in answered:
                found.append(f"{place}: missing")
            else:
                found += differences(value, answered[key], known, place)
        return found
    if isinstance(recorded, list):
        if not isinstance(answered, list) or len(recorded) != len(answered):
            return [f"{where}: {answered!r} is not a list of {len(recorded)}"]
        pairs = zip(recorded, answered, strict=True)
        return [
            text
            for index, (one, other) in enumerate(pairs)
            for text in differences(one, other, known, f"{where}[{index}]")
        ]
    if isinstance(recorded, str) and isinstance(answered, str):
        recorded, answered = _plain(recorded, known), _plain(answered, {})
    return [] if recorded == answered else [f"{where}: {answered!r} instead of {recorded!r}"]


def _plain(text: str, known: dict[str, str]) -> str:
    for name, ours in known.items():
        text = text.replace(name, ours)
    if text.startswith('"') and text.endswith('"'):
        return "ETAG"
    text = TIME.sub("TIME", text)
    text = UUID.sub("UUID", text)
    text = DIGEST.sub("DIGEST", text)
    text = re.sub(r"-(\d{5})-[a-z0-9]{3}\b", r"-\1-xxx", text)
    text = re.sub(r"-[a-z0-9]{10}-([a-z]{2})\.a\.run\.app", r"-HASH-\1.a.run.app", text)
    return text
