"""Print docs/compatibility.md: what works and what is refused.

Methods come from the local cloud's method table, held against Google's discovery documents, which
google-api-python-client brings; commands from the table of examples that the tests run.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from helpers.localcloud.api.methods import Api
from helpers.localcloud.apis import APIS

TESTS = Path("tests/clients/gcloud")
DOCUMENTS = files("googleapiclient") / "discovery_cache" / "documents"

HEAD = """\
# What works and what is refused

<!-- Made by `make docs` from the local cloud's method table and from the tests. Don't edit it. -->

**Works** means that the local cloud answers in Google's place, and that what it does can be seen by
every other client. A field or a value that it can't serve is refused by name there too. **Refused**
means an error that names what is missing: HTTP 501 or gRPC `UNIMPLEMENTED`, *The local cloud does
not serve …*. A method, a version or an API that is not on this page is refused in the same way, and
no call is ever passed on to Google.
"""

METHODS = """\
## Methods

Each table has the methods of one of Google's discovery documents, by resource.
"""

OTHER = """\
### Further calls

| API | Works |
| --- | --- |"""

COMMANDS = """\
## gcloud

Of each command, the examples that its help prints in gcloud {version}. The tests run them: one that
**works** ends with exit code 0, one that is **refused** says what is missing here. Some are
**wrong** and fail on Google too.

| Command | Works | Refused, and what is missing | Wrong, and why |
| --- | --- | --- | --- |"""


@dataclass(frozen=True)
class Call:
    """A verb and a path whose variables have no names."""

    verb: str
    path: str

    def covers(self, other: Call) -> bool:
        """Whether every call like ``other`` is one like this."""
        ours, theirs = self.path.split("/"), other.path.split("/")
        return (self.verb, len(ours)) == (other.verb, len(theirs)) and all(
            mine == its or (mine == "{}" and ":" not in its)
            for mine, its in zip(ours, theirs, strict=True)
        )


def call(verb: str, path: str) -> Call:
    """A call from the path of a row or of a discovery document."""
    path = re.sub(r"\{[^}=]*=([^}]*)\}", r"\1", path.lstrip("/"))
    return Call(verb, re.sub(r"\{[^}]*\}|\*+", "{}", path))


def served(api: Api) -> dict[str, Call]:
    """The calls that an API answers, as its rows have them and without names."""
    rows = [(rule.verb, rule.path) for method in api.methods for rule in method.rules]
    rows += [(route.verb, route.path) for route in api.routes]
    return {f"{verb} {path}": call(verb, path) for verb, path in rows}


def methods(document: dict[str, Any]) -> Iterator[tuple[str, str, list[Call]]]:
    """Of each method in a discovery document: its resource, its name, the calls that it is."""

    def below(resource: dict[str, Any]) -> Iterator[tuple[str, str, list[Call]]]:
        for method in resource.get("methods", {}).values():
            owner, _, name = method["id"].partition(".")[2].rpartition(".")
            paths = [document["servicePath"] + method.get("flatPath", method["path"])]
            uploads = method.get("mediaUpload", {}).get("protocols", {})
            paths += [protocol["path"] for protocol in uploads.values()]
            yield owner, name, [call(method["httpMethod"], path) for path in paths]
        for inner in resource.get("resources", {}).values():
            yield from below(inner)

    yield from below(document)


def tables() -> Iterator[str]:
    """A table for each version of an API that is served, and what is in none of them."""
    rest = {api.name: served(api) for api in APIS}
    names = {re.split(r"[ .]", api.name)[0] for api in APIS}
    for entry in sorted(DOCUMENTS.iterdir(), key=lambda entry: entry.name):
        if entry.name.partition(".")[0] not in names or entry.name.endswith(".preview.json"):
            continue
        document = json.loads(entry.read_text(encoding="utf-8"))
        host = document["rootUrl"].removeprefix("https://").rstrip("/")
        works: dict[str, list[str]] = defaultdict(list)
        refused: dict[str, list[str]] = defaultdict(list)
        used: dict[str, set[str]] = defaultdict(set)
        for resource, name, calls in methods(document):
            rows = {
                (api.name, row)
                for api in APIS
                if api.answers(host)
                for row, answered in served(api).items()
                if any(wanted.covers(answered) for wanted in calls)
            }
            (works if rows else refused)[resource].append(name)
            for owner, row in rows:
                used[owner].add(row)
        # Every version of an API has these two, so they say nothing about one.
        if all(resource.endswith(("locations", "operations")) for resource in works):
            continue
        for owner, found in used.items():
            rest[owner] = {row: way for row, way in rest[owner].items() if row not in found}
        grpc = any(api.methods for api in APIS if api.name in used)
        yield f"### {document['title']}, {document['version']}\n"
        yield f"`{host}`, over {'gRPC and REST' if grpc else 'REST'}.\n"
        yield "| Resource | Works | Refused |\n| --- | --- | --- |"
        for resource in sorted({*works, *refused}):
            cells = (", ".join(sorted(kind[resource])) for kind in (works, refused))
            yield f"| {resource or '—'} | {' | '.join(cells)} |"
        yield ""
    yield OTHER
    for name, left in rest.items():
        if left:
            yield f"| {name} | {', '.join(f'`{row}`' for row in sorted(left))} |"
    yield ""


def commands() -> Iterator[str]:
    """A row for each command of the table of examples."""
    table = tomllib.loads((TESTS / "examples.toml").read_text(encoding="utf-8"))
    yield COMMANDS.format(version=table["gcloud"])
    for command in table["command"]:
        by_class: dict[str, list[dict[str, str]]] = defaultdict(list)
        for example in command["example"]:
            by_class[example["class"]].append(example)
        run, total = len(by_class["run"]), len(command["example"])
        if run:
            works = f"{run} of {total} examples" if total > 1 else "its example"
        else:
            works = "in other tests" if tried(command["name"]) else ""
        reasons = [
            "<br>".join(f"{row[reason]}: `{cell(row['text'])}`" for row in by_class[kind])
            for kind, reason in (("refused", "missing"), ("wrong", "because"))
        ]
        yield f"| `{command['name']}` | {works} | {' | '.join(reasons)} |"


def tried(command: str) -> bool:
    """Whether a row of the tests' tables of commands is about this one."""
    row = re.compile(rf'Row\(\s*f?"{command}\b')
    return any(row.search(path.read_text(encoding="utf-8")) for path in TESTS.glob("test_*.py"))


def cell(text: str) -> str:
    """A command as it can stand in a cell: a pipe would end it, a backquote its code."""
    return text.replace("|", "\\|").replace("`", "'")


def main() -> None:
    """Print the page."""
    print("\n".join([HEAD, METHODS, *tables(), *commands()]))


if __name__ == "__main__":
    main()
