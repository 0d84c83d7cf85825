"""``gcloud logging``: reading, writing and deleting, with the filters of everybody's runbook."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.logging_v2 import types
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client

from tests.clients.gcloud.conftest import Gcloud
from tests.conftest import REGION


def revision_logs(project: str, service: str = "shop") -> None:
    """Four entries as a service of Cloud Run would leave them, the oldest of them two days old."""
    resource = {
        "type": "cloud_run_revision",
        "labels": {"service_name": service, "location": REGION, "project_id": project},
    }
    now = datetime.now(UTC)

    def entry(log: str, age: timedelta, **fields: object) -> types.LogEntry:
        name = f"projects/{project}/logs/run.googleapis.com%2F{log}"
        return types.LogEntry(log_name=name, resource=resource, timestamp=now - age, **fields)

    LoggingServiceV2Client().write_log_entries(
        entries=[
            entry("stdout", timedelta(days=2), text_payload="long ago"),
            entry("stdout", timedelta(minutes=3), text_payload="started"),
            entry("stderr", timedelta(minutes=2), text_payload="it broke", severity="ERROR"),
            entry(
                "requests",
                timedelta(minutes=1),
                severity="WARNING",
                http_request={"request_method": "GET", "status": 404, "request_url": "https://x/y"},
            ),
        ]
    )


def texts(entries: list[dict[str, str]]) -> list[str]:
    return [entry.get("textPayload", "request") for entry in entries]


def test_read_shows_the_newest_first_of_one_day(gcloud: Gcloud) -> None:
    """The line that explains the failure of a minute ago must be at the top."""
    revision_logs(gcloud.project)
    assert texts(gcloud.json("logging", "read")) == ["request", "it broke", "started"]
    newest = gcloud.json("logging", "read", "resource.type=cloud_run_revision", "--limit=1")
    assert texts(newest) == ["request"]
    assert newest[0]["httpRequest"]["status"] == 404
    assert newest[0]["logName"].endswith("/logs/run.googleapis.com%2Frequests")
    week = gcloud.json("logging", "read", "textPayload:*", "--freshness=7d")
    assert texts(week) == ["it broke", "started", "long ago"]
    assert texts(gcloud.json("logging", "read", "", "--order=asc", "--limit=1")) == ["long ago"]
    with_time = 'timestamp>="2015-05-31T00:00:00Z" AND "long ago"'
    assert texts(gcloud.json("logging", "read", with_time)) == ["long ago"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("severity>=ERROR", ["it broke"]),
        ('resource.labels.service_name="shop" AND NOT severity>=WARNING', ["started"]),
        ("httpRequest.status>=400", ["request"]),
        ('logName:"stderr" OR textPayload=~"^start"', ["it broke", "started"]),
        ("resource.type=gce_instance", []),
    ],
)
def test_a_filter_chooses(gcloud: Gcloud, query: str, found: list[str]) -> None:
    """As gcloud's own help shows them."""
    revision_logs(gcloud.project)
    assert texts(gcloud.json("logging", "read", query)) == found


def test_pages_of_a_thousand_are_followed(gcloud: Gcloud) -> None:
    """Without a limit, everything is meant."""
    name = f"projects/{gcloud.project}/logs/many"
    LoggingServiceV2Client().write_log_entries(
        log_name=name,
        resource={"type": "global"},
        entries=[types.LogEntry(text_payload=str(number)) for number in range(1001)],
    )
    done = gcloud.ok("logging", "read", "log_id(many)", "--format=value(textPayload)")
    assert done.stdout.split() == [str(number) for number in reversed(range(1001))]


def test_a_filter_that_cannot_be_read(gcloud: Gcloud) -> None:
    """Where it breaks is in the message, or nobody finds the missing quotation mark."""
    assert gcloud.refused("logging", "read", "insertId = abc:def", "--freshness=1d").startswith(
        "ERROR: (gcloud.logging.read) INVALID_ARGUMENT: Unparseable filter:"
        " syntax error at line 1, column "
    )


def test_a_project_that_does_not_exist(gcloud: Gcloud) -> None:
    """A misspelt project must not look like a quiet one."""
    said = gcloud.refused("logging", "read", "severity>=ERROR", "--project=no-such-project")
    assert "PERMISSION_DENIED" in said or "does not have permission" in said
    assert "no-such-project" in said


def test_what_write_says_is_read_listed_and_deleted(gcloud: Gcloud) -> None:
    """A script that leaves a note in the log, and somebody else who finds it."""
    done = gcloud.ok("logging", "write", "notes", "deployed by hand", "--severity=NOTICE")
    assert done.stderr.strip() == "Created log entry."
    payload = '{"message": "structured", "step": 2}'
    gcloud.ok("logging", "write", "notes", payload, "--payload-type=json")
    second, first = gcloud.json("logging", "read", f"logName=projects/{gcloud.project}/logs/notes")
    assert (first["textPayload"], first["severity"]) == ("deployed by hand", "NOTICE")
    assert second["jsonPayload"] == {"message": "structured", "step": 2}
    (listed,) = gcloud.ok("logging", "logs", "list", "--format=value(NAME)").stdout.split()
    assert listed == f"projects/{gcloud.project}/logs/notes"
    assert "Deleted [notes]." in gcloud.ok("logging", "logs", "delete", "notes").stderr
    assert gcloud.json("logging", "read") == []
    assert "NOT_FOUND" in gcloud.refused("logging", "logs", "delete", "notes")


def test_the_logs_of_a_service(gcloud: Gcloud) -> None:
    """``run services logs read`` asks the Logging API alone: a deleted service can be read too."""
    revision_logs(gcloud.project)
    revision_logs(gcloud.project, "other")
    read = ("run", "services", "logs", "read", "shop", f"--region={REGION}")
    lines = gcloud.ok(*read).stdout.splitlines()
    assert [line[20:] for line in lines if line] == ["started", "it broke", "GET 404 https://x/y"]
    lines = gcloud.ok(*read, "--limit=1").stdout.splitlines()
    assert [line[20:] for line in lines if line] == ["GET 404 https://x/y"]
    lines = gcloud.ok(*read, "--log-filter=severity>=ERROR").stdout.splitlines()
    assert [line[20:] for line in lines if line] == ["it broke"]
    assert "Unparseable filter" in gcloud.refused(*read, "--log-filter=a = b = c")
