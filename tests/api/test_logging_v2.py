"""Log entries as Google's Logging API serves them: what Cloud Run wrote and what apps write."""

from __future__ import annotations

import base64
import itertools
import logging
from collections.abc import Iterator
from typing import Any

import google.cloud.logging
import pytest
from google.api_core import exceptions
from google.api_core.exceptions import FailedPrecondition
from google.cloud.logging_v2 import types
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client

from helpers import service
from helpers.localcloud import control
from helpers.localcloud.home import Home
from tests.api.calling import Caller
from tests.api.strangers import stranger
from tests.conftest import LocalCloud, eventually
from tests.faults.client import Client

NAME = "projects/hands-on/locations/asia-northeast3/services/for-logging"
GLOBAL = {"type": "global", "labels": {}}


@pytest.fixture(scope="module")
def broken(cloud: LocalCloud) -> Iterator[None]:
    """A revision that could not start, and all that was logged of it."""
    deployed = service.deploy(NAME, "us-docker.pkg.dev/cloudrun/container/hello", labels={})
    deployed.template.revision = "for-logging-broken"
    deployed.template.containers[0].command = ["python", "missing.py"]
    with pytest.raises(FailedPrecondition):
        service.update(deployed)
    yield
    service.delete(NAME)


@pytest.fixture(scope="module")
def call(cloud: LocalCloud) -> Caller:
    return Caller("https://logging.googleapis.com")


def entries(call: Caller, query: str, project: str = "hands-on", **body: Any) -> list[Any]:
    whole = {"resourceNames": [f"projects/{project}"], "filter": query, **body}
    return list(call("POST", "v2/entries:list", whole).get("entries", []))


def write(call: Caller, project: str, *texts: str, log: str = "app", **body: Any) -> None:
    name = f"projects/{project}/logs/{log}"
    written = [{"textPayload": text} for text in texts]
    call(
        "POST", "v2/entries:write", {"logName": name, "resource": GLOBAL, "entries": written} | body
    )


def token_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


BROKEN = 'resource.labels.revision_name="for-logging-broken"'


def test_the_reason_of_a_failed_start_is_found(broken: None, call: Caller) -> None:
    """Nobody can mend what does not say why it broke."""
    found = eventually(
        lambda: entries(call, f'{BROKEN} AND resource.type="cloud_run_revision"'),
        lambda found: any(entry["logName"].endswith("%2Fstderr") for entry in found),
    )
    times = [(entry["timestamp"], entry["insertId"]) for entry in found]
    assert times == sorted(times)
    assert len({entry["insertId"] for entry in found}) == len(found)
    assert all(entry["receiveTimestamp"] >= entry["timestamp"] for entry in found)
    (printed,) = [e for e in found if e["logName"].endswith("/run.googleapis.com%2Fstderr")]
    assert "missing.py" in printed["textPayload"]
    assert "severity" not in printed
    assert printed["resource"]["labels"]["service_name"] == "for-logging"
    assert printed["labels"]["instanceId"]


def test_a_filter_a_size_and_an_order_choose(broken: None, call: Caller) -> None:
    """``gcloud logging read --limit 1`` must be the newest line, not any."""
    log = 'logName = "projects/hands-on/logs/run.googleapis.com%2Fvarlog%2Fsystem"'
    oldest, *_, newest = entries(call, f"{BROKEN}\n{log}")
    assert "Starting new instance" in oldest["textPayload"]
    assert "probe failed" in newest["textPayload"]
    assert entries(call, f"{BROKEN} {log}", orderBy="timestamp desc", pageSize=1) == [newest]
    errors = entries(call, f'{BROKEN} severity>=ERROR log_id("run.googleapis.com/varlog/system")')
    assert errors and {entry["severity"] for entry in errors} == {"ERROR"}
    assert entries(call, 'resource.labels.revision_name="no-such-revision"') == []


PRINTED = (
    '{"severity": "notice", "message": "told", "logging.googleapis.com/labels": {"a": 1}}',
    '{"message": "traced", "logging.googleapis.com/trace": "projects/p/traces/t", "n": 1}',
    '{"httpRequest": {"status": 404, "requestMethod": "GET"}, "message": "own request"}',
    # What does not fit a field stays in the payload, and nothing makes the log unreadable.
    '{"httpRequest": "GET", "logging.googleapis.com/insertId": 7, "message": "odd"}',
    '{"httpRequest": {"latency": "soon"}, "message": "odder"}',
    '{"deep": ' + "[" * 200 + "]" * 200 + "}",
    '{"many": ' + "9" * 400 + "}",
    '{"number": NaN}',
    '{"half": "\\ud800"}',
    "[1, 2]",
    "{",
)


def test_whatever_an_app_prints_can_be_read(cloud: LocalCloud, call: Caller) -> None:
    """One strange line must not hide all the others."""
    name = NAME.replace("for-logging", "for-printing")
    deployed = service.deploy(name, "us-docker.pkg.dev/cloudrun/container/hello", labels={})
    deployed.template.revision = "for-printing-odd"
    program = f"print(*{PRINTED!r}, sep=chr(10))"
    deployed.template.containers[0].command = ["python", "-c", program]
    with pytest.raises(FailedPrecondition):
        service.update(deployed)
    service.delete(name)
    query = 'resource.labels.revision_name="for-printing-odd" log_id("run.googleapis.com/stdout")'
    found = eventually(lambda: entries(call, query), lambda found: len(found) == len(PRINTED))
    told, traced, request, odd, odder, deep, many, *texts = found
    assert (told["textPayload"], told["severity"], told["labels"]["a"]) == ("told", "NOTICE", "1")
    assert traced["trace"] == "projects/p/traces/t"
    assert traced["jsonPayload"] == {"message": "traced", "n": 1}
    assert request["httpRequest"] == {"status": 404, "requestMethod": "GET"}
    assert odd["jsonPayload"] == {
        "httpRequest": "GET",
        "logging.googleapis.com/insertId": 7,
        "message": "odd",
    }
    assert "odder" in odder["textPayload"] and "soon" in odder["textPayload"]
    assert "[[[[" in deep["textPayload"] and "9999" in many["textPayload"]
    assert tuple(entry["textPayload"] for entry in texts) == PRINTED[-4:]


def test_pages_go_on_where_they_ended(call: Caller, project: str) -> None:
    """A page that repeats or skips a line makes a search for it worthless."""
    write(call, project, *map(str, range(7)))
    for order in ("timestamp asc", "timestamp desc"):
        body = {"resourceNames": [f"projects/{project}"], "orderBy": order, "pageSize": 3}
        seen, token = [], ""
        while True:
            page = call("POST", "v2/entries:list", body | {"pageToken": token})
            seen.append([entry["textPayload"] for entry in page["entries"]])
            write(
                call,
                project,
                "between",
                log="other",
                entries=[{"textPayload": "between", "timestamp": "2001-01-01T00:00:00Z"}],
            )
            token = page.get("nextPageToken", "")
            if not token:
                break
        if order == "timestamp asc":
            assert seen == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
        else:
            assert [*itertools.chain(*seen)][:7] == ["6", "5", "4", "3", "2", "1", "0"]
        call("DELETE", f"v2/projects/{project}/logs/other")


def test_what_was_written_is_read_as_it_was_sent(call: Caller, project: str) -> None:
    """A log that changes what it is told is no evidence."""
    sent = {
        "logName": f"projects/{project}/logs/my.company%2Fapp",
        "resource": {"type": "global", "labels": {"project_id": project}},
        "timestamp": "2026-01-02T03:04:05.123456789Z",
        "severity": "WARNING",
        "insertId": "mine-1",
        "labels": {"a": "b"},
        "trace": f"projects/{project}/traces/0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "httpRequest": {"requestMethod": "GET", "status": 500, "latency": "1.500s"},
        "jsonPayload": {"message": "hello", "count": 3, "list": [1, {"deep": None}]},
    }
    call("POST", "v2/entries:write", {"entries": [sent]})
    (found,) = entries(call, 'log_id("my.company/app")', project)
    assert found.pop("receiveTimestamp") > "2026"
    assert found == sent
    assert entries(call, "jsonPayload.count=3 httpRequest.latency>1s", project)


def test_the_requests_defaults_are_every_entrys(call: Caller, project: str) -> None:
    """A client states the resource and the labels once for a batch."""
    two = {"textPayload": "two", "labels": {"who": "two"}}
    labels = {"who": "all", "kept": "yes"}
    write(call, project, labels=labels, entries=[{"textPayload": "one"}, two])
    one, two = entries(call, "", project)
    assert one["labels"] == {"who": "all", "kept": "yes"}
    assert two["labels"] == {"who": "two", "kept": "yes"}
    assert one["insertId"] < two["insertId"]
    assert one["resource"]["type"] == "global"


def test_an_entry_that_is_sent_again_is_the_same_entry(call: Caller, project: str) -> None:
    """A client repeats a batch whose answer was lost."""
    entry = {"textPayload": "once", "insertId": "x", "timestamp": "2026-01-01T00:00:00Z"}
    for _ in range(2):
        write(call, project, entries=[entry])
    assert len(entries(call, "", project)) == 1


def test_a_dry_run_writes_nothing(call: Caller, project: str) -> None:
    """It is how a configuration is tried out."""
    write(call, project, "not this", dryRun=True)
    assert entries(call, "", project) == []
    body = {"logName": "nonsense", "entries": [{"textPayload": "x"}], "dryRun": True}
    call("POST", "v2/entries:write", body, status=400)


def test_one_wrong_entry_stops_all_unless_the_rest_is_wanted(call: Caller, project: str) -> None:
    """The official clients ask for partial success, so that one bad line costs one line."""
    wrong = {"textPayload": "wrong", "logName": "projects/no-such-project/logs/app"}
    body = {
        "logName": f"projects/{project}/logs/app",
        "resource": GLOBAL,
        "entries": [{"textPayload": "right"}, wrong],
    }
    call("POST", "v2/entries:write", body, status=403)
    assert entries(call, "", project) == []
    refused = call("POST", "v2/entries:write", body | {"partialSuccess": True}, status=403)
    detail = refused["error"]["details"][-1]
    assert detail["@type"].endswith("/google.logging.v2.WriteLogEntriesPartialErrors")
    assert [*detail["logEntryErrors"]] == ["1"] and detail["logEntryErrors"]["1"]["code"] == 7
    assert [entry["textPayload"] for entry in entries(call, "", project)] == ["right"]


def test_the_logs_of_a_project_are_listed_and_deleted(call: Caller, project: str) -> None:
    """A log is there as long as it has an entry."""
    for log in ("b", "a", "my.company%2Fapp"):
        write(call, project, "x", log=log)
    name = f"projects/{project}/logs"
    listed = call("GET", f"v2/{name}", pageSize=2)
    assert listed["logNames"] == [f"{name}/a", f"{name}/b"]
    listed = call("GET", f"v2/{name}", pageToken=listed["nextPageToken"])
    assert listed == {"logNames": [f"{name}/my.company%2Fapp"]}
    assert call("DELETE", f"v2/{name}/my.company%2Fapp") == {}
    assert call("GET", f"v2/{name}")["logNames"] == [f"{name}/a", f"{name}/b"]
    call("DELETE", f"v2/{name}/my.company%2Fapp", status=404)
    write(call, project, "again", log="my.company%2Fapp")
    (found,) = entries(call, 'log_id("my.company/app")', project)
    assert found["textPayload"] == "again"


@pytest.mark.parametrize("query", ['textPayload:"kelvin"', 'textPayload:"xi"', '"kelvin"'])
def test_letters_of_every_alphabet_are_found_in_any_case(
    call: Caller, project: str, query: str
) -> None:
    """What is left out unread must be what the filter would leave out."""
    write(call, project, "300 \N{KELVIN SIGN}elvin X\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}")
    assert len(entries(call, query, project)) == 1


@pytest.mark.parametrize("year", ["0001", "2300", "9999"])
def test_an_entry_of_any_year_is_found(call: Caller, project: str, year: str) -> None:
    """A broken clock must not take the others' lines with it."""
    write(call, project, entries=[{"textPayload": "odd", "timestamp": f"{year}-01-01T00:00:00Z"}])
    first, last = 'timestamp>="0001-01-01T00:00:00Z"', 'timestamp<="9999-12-31T00:00:00Z"'
    (found,) = entries(call, f"{first} {last}", project)
    assert found["timestamp"] == f"{year}-01-01T00:00:00Z"
    assert entries(call, f'timestamp="{year}-01-01T00:00:01Z"', project) == []


def test_a_severity_without_a_name_has_its_place(call: Caller, project: str) -> None:
    """LogSeverity is an open enumeration: there is room between ERROR and CRITICAL."""
    write(call, project, entries=[{"textPayload": "between", "severity": 550}])
    assert len(entries(call, "severity>=ERROR", project)) == 1
    assert entries(call, "severity>=CRITICAL", project) == []


def test_the_same_entry_in_two_projects_is_on_both_pages(call: Caller, project: str) -> None:
    """Where a page ends with it, the other one is not lost."""
    same = {"textPayload": project, "insertId": project, "timestamp": "2026-01-01T00:00:00Z"}
    names = [f"projects/{project}", "projects/hands-on"]
    for name in names:
        write(call, name.removeprefix("projects/"), entries=[same])
    body = {"resourceNames": names, "filter": f'insertId="{project}"', "pageSize": 1}
    for order in ("timestamp asc", "timestamp desc"):
        first = call("POST", "v2/entries:list", body | {"orderBy": order})
        token = {"pageToken": first["nextPageToken"]}
        second = call("POST", "v2/entries:list", body | {"orderBy": order} | token)
        found = [entry["logName"] for page in (first, second) for entry in page["entries"]]
        assert sorted(found) == sorted(f"{name}/logs/app" for name in names)


def test_several_projects_are_one_stream(call: Caller, project: str) -> None:
    """One search over staging and production."""
    write(call, project, "here")
    write(call, "hands-on", project, log="several")
    both = {"resourceNames": [f"projects/{project}", "projects/hands-on"]}
    found = call("POST", "v2/entries:list", both | {"filter": f'"here" OR "{project}"'})["entries"]
    assert {entry["logName"] for entry in found} >= {
        f"projects/{project}/logs/app",
        "projects/hands-on/logs/several",
    }
    assert found == sorted(found, key=lambda entry: (entry["timestamp"], entry["insertId"]))


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"filter": "insertId = abc:def"}, 400, "Unparseable filter: syntax error at line 1, col"),
        ({"filter": "thud=1"}, 400, "thud"),
        ({"filter": "sample(insertId, 0.5)"}, 501, "sample()"),
        ({"resourceNames": []}, 400, "resource names"),
        ({"resourceNames": ["folders/1"]}, 501, "folders/1"),
        ({"resourceNames": ["hands-on"]}, 400, "Invalid resource"),
        (
            {"resourceNames": ["projects/hands-on/locations/global/buckets/_Default/views/_All"]},
            501,
            "buckets/_Default",
        ),
        ({"orderBy": "insertId"}, 400, "timestamp desc"),
        ({"pageToken": "x"}, 400, "page token"),
        ({"pageToken": "WzEsMl0"}, 400, "page token"),
        ({"pageToken": token_of('[1e999, "a", "b", "c"]')}, 400, "page token"),
        ({"pageToken": token_of(r'[1, "\ud800", "b", "c"]')}, 400, "page token"),
        ({"pageSize": -1}, 400, "page size"),
        ({"pageSize": 1001}, 400, "page size"),
        ({"resourceNames": ["projects/no-such-project"]}, 403, "no-such-project"),
        ({"resourceNames": ["projects/hands-on", "projects/no-such-project"]}, 403, "no-such"),
    ],
)
def test_what_is_not_understood_is_refused(
    call: Caller, change: dict[str, Any], status: int, named: str
) -> None:
    """An answer to another question is worse than none."""
    body = {"resourceNames": ["projects/hands-on"]} | change
    assert named in call("POST", "v2/entries:list", body, status=status)["error"]["message"]


@pytest.mark.parametrize(
    ("change", "status", "named"),
    [
        ({"logName": "projects/hands-on/logs/a b"}, 400, "URL-encoded"),
        ({"logName": "projects/hands-on/logs/" + "x" * 512}, 400, "512"),
        ({"logName": ""}, 400, "log name"),
        ({"logName": "folders/1/logs/app"}, 501, "folders/1"),
        ({"resource": {}}, 400, "monitored resource"),
        ({"entries": [{"severity": "LOUD"}]}, 400, "severity"),
        ({"entries": [{"jsonPayload": {"n": 10**400}}]}, 400, "Invalid JSON payload"),
    ],
)
def test_what_cannot_be_written_is_refused(
    call: Caller, project: str, change: dict[str, Any], status: int, named: str
) -> None:
    """Nothing of a refused batch is there afterwards."""
    body = {
        "logName": f"projects/{project}/logs/app",
        "resource": GLOBAL,
        "entries": [{"textPayload": "x"}],
    } | change
    assert named in call("POST", "v2/entries:write", body, status=status)["error"]["message"]
    assert entries(call, "", project) == []


def test_following_a_log_is_refused_by_name(cloud: LocalCloud) -> None:
    """A stream that stays silent looks like a service without errors."""
    client = LoggingServiceV2Client()
    request = types.TailLogEntriesRequest(resource_names=["projects/hands-on"])
    with pytest.raises(exceptions.MethodNotImplemented, match="TailLogEntries"):
        list(client.tail_log_entries(iter([request])))


def test_an_app_logs_through_the_official_client(project: str) -> None:
    """It is what an app's requirements.txt names."""
    client = google.cloud.logging.Client(project=project)
    logger = client.logger("orders")
    logger.log_text("first", severity="NOTICE", labels={"a": "b"})
    logger.log_struct({"message": "second", "number": 2}, trace="projects/p/traces/t")
    # The library writes an entry about itself once a process, into the log that is used first.
    itself = 'jsonPayload."logging.googleapis.com/diagnostic":*'
    first, second = client.list_entries(filter_=f'log_id("orders") AND NOT {itself}')
    assert (first.payload, first.severity, first.labels["a"]) == ("first", "NOTICE", "b")
    assert (second.payload, second.trace) == (
        {"message": "second", "number": 2},
        "projects/p/traces/t",
    )
    newest = next(iter(client.list_entries(order_by=google.cloud.logging.DESCENDING)))
    assert newest.insert_id == second.insert_id
    logger.delete()
    assert [*logger.list_entries()] == []
    with pytest.raises(exceptions.NotFound):
        logger.delete()


def test_pythons_logging_module_arrives(project: str) -> None:
    """``setup_logging`` is the one line that most apps have."""
    client = google.cloud.logging.Client(project=project)
    handler = client.get_default_handler()
    logger = logging.getLogger(f"test.{project}")
    logger.propagate = False
    logger.addHandler(handler)
    logger.error("it broke: %s", 42)
    handler.flush()
    handler.close()
    (found,) = client.list_entries(filter_="severity>=ERROR")
    assert (found.payload, found.severity) == ("it broke: 42", "ERROR")
    assert found.source_location["function"] == "test_pythons_logging_module_arrives"


def test_each_thing_needs_its_permission(project: str) -> None:
    """Logs hold what customers typed; a role for writing is none for reading."""
    admin = LoggingServiceV2Client()
    logs = LoggingServiceV2Client(credentials=stranger(project))
    name = f"projects/{project}/logs/app"
    entry = types.LogEntry(log_name=name, resource=GLOBAL, text_payload="x")
    parents = [f"projects/{project}"]
    tries = {
        "logging.logEntries.create": lambda: logs.write_log_entries(entries=[entry]),
        "logging.logEntries.list": lambda: logs.list_log_entries(resource_names=parents),
        "logging.logs.list": lambda: logs.list_logs(parent=parents[0]),
        "logging.logs.delete": lambda: logs.delete_log(log_name=name),
    }
    granted = {
        "roles/logging.logWriter": {"logging.logEntries.create"},
        "roles/logging.viewer": {"logging.logEntries.list", "logging.logs.list"},
        "roles/logging.admin": set(tries),
    }
    for role, permissions in granted.items():
        grant(project, role)
        admin.write_log_entries(entries=[entry])
        for permission, attempt in tries.items():
            if permission in permissions:
                attempt()
            else:
                with pytest.raises(exceptions.PermissionDenied, match=permission):
                    attempt()


def grant(project: str, role: str) -> None:
    """Gives the stranger of a project one role, in place of the one before."""
    url = f"v1/projects/{project}"
    call = Caller("https://cloudresourcemanager.googleapis.com")
    policy = call("POST", f"{url}:getIamPolicy", {})
    member = f"serviceAccount:stranger@{project}.iam.gserviceaccount.com"
    kept = [each for each in policy["bindings"] if member not in each["members"]]
    policy["bindings"] = [*kept, {"role": role, "members": [member]}]
    call("POST", f"{url}:setIamPolicy", {"policy": policy})


def test_entries_and_their_ids_outlive_a_restart(tmp_path: Any) -> None:
    """A link to an entry in a report must still lead there tomorrow."""
    home = Home(tmp_path)
    url = "https://logging.googleapis.com/v2/entries"
    connection = control.connect(home, start=True, hold=True)
    body = {
        "logName": "projects/hands-on/logs/app",
        "resource": GLOBAL,
        "entries": [{"textPayload": str(number)} for number in range(3)],
    }
    listing = {"resourceNames": ["projects/hands-on"]}
    client = Client(home)
    client.call("POST", f"{url}:write", json=body)
    before = client.call("POST", f"{url}:list", json=listing)["entries"]
    connection.ask("stop")
    connection.wait_closed()
    connection = control.connect(home, start=True, hold=True)
    client = Client(home)
    assert client.call("POST", f"{url}:list", json=listing)["entries"] == before
    client.call("POST", f"{url}:write", json=body)
    after = client.call("POST", f"{url}:list", json=listing)["entries"]
    assert len({entry["insertId"] for entry in after}) == 6
    connection.ask("stop")
    connection.wait_closed()
