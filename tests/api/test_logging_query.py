"""The Logging query language, as its documentation describes it, against entries of Cloud Run."""

from __future__ import annotations

from typing import Any

import pytest
from google.cloud.logging_v2 import types

from helpers.localcloud.api.logging_matching import matcher, narrow
from helpers.localcloud.api.logging_query import MOST_CHARACTERS, parse
from helpers.localcloud.clock import nanoseconds
from helpers.localcloud.errors import GoogleError

ENTRY = types.LogEntry.pb().DESCRIPTOR
LOGS = "projects/hands-on/logs/run.googleapis.com%2F"

REQUEST: dict[str, Any] = {
    "logName": f"{LOGS}requests",
    "insertId": "65000000000000010000002a",
    "timestamp": "2026-11-24T10:00:00.123456Z",
    "receiveTimestamp": "2026-11-24T10:00:01.000000Z",
    "severity": "ERROR",
    "resource": {
        "type": "cloud_run_revision",
        "labels": {"service_name": "helloflask", "location": "asia-northeast3"},
    },
    "labels": {"instanceId": "00abc", "run.googleapis.com/base_image": "x"},
    "httpRequest": {
        "requestMethod": "GET",
        "requestUrl": "https://helloflask.run.app/missing?a=1",
        "status": 503,
        "responseSize": "1234",
        "latency": "0.250000000s",
        "userAgent": "curl/8.0",
    },
    "trace": "projects/hands-on/traces/0af7651916cd43dd8448eb211c80319c",
    "spanId": "b7ad6b7169203331",
    "traceSampled": True,
    "textPayload": "The request failed. Café",
}
LINE: dict[str, Any] = {
    "logName": f"{LOGS}stdout",
    "insertId": "65000000000000020000002b",
    "timestamp": "2026-11-24T11:30:00Z",
    "resource": {"type": "cloud_run_revision", "labels": {"service_name": "other"}},
    "jsonPayload": {
        "message": "Robot says hello",
        "count": 3,
        "ratio": 0.5,
        "ok": True,
        "nothing": None,
        "user": {"name": "Kim", "special-field": "s"},
        "tags": ["red", "Green"],
        "items": [{"id": 1}, {"id": 2}],
    },
}


def found(query: str, entry: dict[str, Any]) -> bool:
    """Whether a filter chooses an entry; what it lets the store leave out must agree."""
    node = parse(query)
    result = matcher(node, ENTRY)(entry)
    if result:
        which, body = narrow(node), str(entry).lower()
        time = nanoseconds(entry["timestamp"]) or 0
        assert which.since is None or which.since <= time
        assert which.until is None or which.until >= time
        assert all(word.lower() in body for word in which.words)
        assert which.log.lower() in ("", entry["logName"].split("%2F")[-1], log_id(entry))
    return result


def log_id(entry: dict[str, Any]) -> str:
    return str(entry["logName"].split("/logs/")[1].replace("%2F", "/"))


@pytest.mark.parametrize(
    "query",
    [
        "",
        "  \n -- only a comment",
        # Equality and case.
        'resource.type = "cloud_run_revision"',
        "resource.type=cloud_run_revision",
        'resource.type="CLOUD_RUN_REVISION"',
        "resource.type='cloud_run_revision'",
        "resource.labels.service_name=helloflask",
        'resource.labels."service_name"="helloflask"',
        "resource.labels.service_name != other",
        f"logName={LOGS}requests",
        f'logName="{LOGS}requests"',
        "logName:requests",
        'log_id("run.googleapis.com/requests")',
        # As gcloud and the official clients join their conditions.
        "resource.type = cloud_run_revision \n AND resource.labels.location = asia-northeast3 \n"
        ' AND severity >= DEFAULT \n AND timestamp>="2026-11-24T00:00:00.000000Z"',
        'resource.labels.service_name="helloflask"\nseverity>=ERROR',
        # Severities are ordered, whatever their letters.
        "severity>=WARNING",
        "severity>=error",
        'severity="ERROR"',
        "severity=(WARNING OR ERROR)",
        "severity<CRITICAL",
        "severity!=INFO",
        "severity>=500",
        "severity:ERROR",
        # Numbers, sizes, durations, times.
        "httpRequest.status=503",
        'httpRequest.status="503"',
        "httpRequest.status>=500",
        "httpRequest.status<=503.5",
        "httpRequest.status:503",
        "http_request.status=503",
        "httpRequest.responseSize>1000",
        'httpRequest.latency>"0.2s"',
        "httpRequest.latency>0.2s",
        "httpRequest.latency<=250ms",
        "httpRequest.latency<1m",
        'timestamp>="2026-11-24"',
        'timestamp<"2026-11-25"',
        'timestamp="2026-11-24T10:00:00.123456Z"',
        'timestamp="2026-11-24T10:00:00.123456000Z"',
        'timestamp>"2026-11-24T10:00:00.1Z" timestamp<"2026-11-24T10:00:00.2Z"',
        'timestamp="2026-11-24T19:00:00.123456+09:00"',
        "timestamp>=2026-11-24",
        "traceSampled=true",
        "traceSampled=TRUE",
        # Has.
        "textPayload:failed",
        'textPayload:"the REQUEST failed"',
        'textPayload:"CAFÉ"',
        "httpRequest.userAgent:curl",
        "httpRequest:curl",
        "labels:00abc",
        "labels.instanceId:*",
        "httpRequest:*",
        "trace:*",
        'labels."run.googleapis.com/base_image"=x',
        'trace="projects/hands-on/traces/0af7651916cd43dd8448eb211c80319c"',
        # Regular expressions.
        'textPayload=~"request .ailed"',
        'textPayload=~"^The"',
        'textPayload=~"(?i)^the"',
        'textPayload!~"^the"',
        r'httpRequest.requestUrl=~"\?a=\d+$"',
        r'httpRequest.requestUrl=~"run\\.app/"',
        'textPayload=~("nothing" OR "failed")',
        "httpRequest.requestMethod=~GET",
        # Words anywhere.
        "failed",
        "FAILED",
        '"request failed"',
        "asia-northeast3",
        "503",
        "failed AND curl",
        # AND, OR, NOT and their order.
        "failed curl",
        "NOT robot",
        "-robot",
        '-"robot"',
        "-textPayload:robot",
        "-(robot OR other)",
        "NOT NOT failed",
        "robot OR failed",
        "severity=INFO OR severity=ERROR",
        "severity=(INFO OR ERROR) AND NOT httpRequest.status=200",
        "failed OR robot AND curl",
        "curl AND robot OR failed",
        "(failed)",
        "((failed) AND (curl))",
        "textPayload:(request AND failed)",
        "textPayload:(request failed)",
        "textPayload:(request AND NOT robot)",
        "textPayload:(robot OR -robot)",
        "failed -- and a comment",
        "-- a comment\nfailed",
        # A defaulted field has its default.
        'operation.id=""',
        "operation.first=false",
        "operation.producer!=x",
        "NOT jsonPayload.missing=1",
        "NOT labels.missing:*",
        "NOT operation:*",
        # Escapes.
        r'textPayload:"Caf\u00e9"',
        r'textPayload:"\x66ailed"',
    ],
)
def test_it_chooses_the_request(query: str) -> None:
    """A filter from somebody's runbook must find the entry that it finds on Google."""
    assert found(query, REQUEST)


@pytest.mark.parametrize(
    "query",
    [
        "resource.type=gce_instance",
        'logName="projects/hands-on/logs/requests"',
        'log_id("run.googleapis.com/stdout")',
        'log_id("requests")',
        "severity>ERROR",
        "severity<ERROR",
        "severity=NO_SUCH_SEVERITY",
        "severity!=NO_SUCH_SEVERITY",
        "httpRequest.status<500",
        "httpRequest.status=abc",
        "httpRequest.status!=abc",
        "httpRequest.latency>1s",
        "httpRequest.latency>1",
        'timestamp<"2026-11-24T10:00:00Z"',
        "timestamp>=yesterday",
        "timestamp!=yesterday",
        "traceSampled=yes",
        "traceSampled=false",
        "textPayload:robot",
        'textPayload:"request  failed"',
        "textPayload=failed",
        'textPayload=~"^the"',
        'textPayload!~"failed"',
        "robot",
        "failed robot",
        "NOT failed",
        "-failed",
        "failed AND NOT curl",
        "(failed OR robot) AND robot",
        # OR binds tighter than AND.
        "failed OR robot AND other",
        # Missing fields of a payload and missing labels fail whatever is asked.
        "jsonPayload.missing=1",
        "jsonPayload.missing!=1",
        'jsonPayload.missing!~"x"',
        "labels.missing!=x",
        "labels.missing:*",
        "operation:*",
        "operation.id:*",
        "textPayload:(request AND robot)",
        # Only in capitals are they operators.
        "failed or robot",
        "failed and curl and nothing-of-it",
        "LINE -- failed",
        f'httpRequest.latency>"{"9" * 400}s"',
        f"severity>={'9' * 5000}",
    ],
)
def test_it_leaves_the_request_out(query: str) -> None:
    """Too many entries hide the one that matters."""
    assert not found(query, REQUEST)


@pytest.mark.parametrize(
    "query",
    [
        "jsonPayload.message:robot",
        'jsonPayload.message="robot SAYS hello"',
        'jsonPayload.message=~"says \\w+$"',
        "jsonPayload:robot",
        'jsonPayload=~"Robot"',
        "jsonPayload.count=3",
        'jsonPayload.count="3"',
        "jsonPayload.count=3.0",
        "jsonPayload.count>-30",
        "jsonPayload.count>=2.5",
        "jsonPayload.ratio<1e0",
        "jsonPayload.ok=true",
        "jsonPayload.ok=True",
        "jsonPayload.nothing=NULL_VALUE",
        "jsonPayload.nothing:*",
        "jsonPayload.user.name=kim",
        'jsonPayload.user."special-field"=s',
        "jsonPayload.user.special-field=s",
        "jsonPayload.user:kim",
        "jsonPayload.user:*",
        "jsonPayload.tags=green",
        "jsonPayload.tags:(red AND green)",
        "jsonPayload.items.id=2",
        # No severity is the lowest one; a missing request has the default status.
        "severity=DEFAULT",
        "severity>=DEFAULT",
        "severity<ERROR",
        "httpRequest.status<400",
        "NOT httpRequest:*",
        "kim",
        "-jsonPayload.message:human",
    ],
)
def test_it_chooses_the_structured_line(query: str) -> None:
    """An app's own fields are what its authors search by."""
    assert found(query, LINE)


@pytest.mark.parametrize(
    "query",
    [
        "jsonPayload.count=4",
        "jsonPayload.count!=3",
        "jsonPayload.count=three",
        "jsonPayload.ok=false",
        'jsonPayload.nothing="NULL_VALUE"',
        "jsonPayload.message=NULL_VALUE",
        "jsonPayload.user=kim",
        "jsonPayload.user.age:*",
        "jsonPayload.tags=blue",
        'jsonPayload.message=~"robot"',
        "textPayload:robot",
        "severity>=INFO",
        "httpRequest.status>=500",
        "labels:*",
        "protoPayload.methodName:x",
    ],
)
def test_it_leaves_the_structured_line_out(query: str) -> None:
    """A number is not the text that looks like it, and nothing is not something."""
    assert not found(query, LINE)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("insertId = abc:def", "line 1, column 15, token ':'"),
        ("a = b = c", "line 1, column 7, token '='"),
        ("severity>=", "line 1, column 11, token ''"),
        ("(failed", "line 1, column 8, token ''"),
        ("failed)", "line 1, column 7, token ')'"),
        ("failed AND", "line 1, column 11, token ''"),
        ("AND failed", "line 1, column 1, token 'AND'"),
        ("failed OR OR curl", "line 1, column 11, token 'OR'"),
        ("severity=(ERROR OR )", "line 1, column 20, token ')'"),
        ("severity=AND", "line 1, column 10, token 'AND'"),
        ('textPayload:"open', "line 1, column 13, token '\"'"),
        ("failed AND\n  curl\n= z)", "line 3, column 4, token ')'"),
        ("timestamp>=2026-11-24T10:00:00Z", "line 1, column 25, token ':'"),
        ("resource.", "line 1, column 10, token ''"),
        ("=x", "line 1, column 1, token '='"),
        ("- failed", "line 1, column 1, token '-'"),
        ("()", "line 1, column 2, token ')'"),
        ('log_id("a"', "line 1, column 11, token ''"),
        ("!failed", "line 1, column 1, token '!'"),
    ],
)
def test_where_it_cannot_be_read_is_said(query: str, where: str) -> None:
    """A filter of five lines is mended by its line and column, or not at all."""
    with pytest.raises(GoogleError) as refused:
        parse(query)
    assert refused.value.status == "INVALID_ARGUMENT"
    assert refused.value.message == f"Unparseable filter: syntax error at {where}"


@pytest.mark.parametrize(
    ("query", "status", "named"),
    [
        ("thud=x", "INVALID_ARGUMENT", "'thud'"),
        ("operation.thud=x", "INVALID_ARGUMENT", "'operation.thud'"),
        ("textPayload.thud=x", "INVALID_ARGUMENT", "'textPayload.thud'"),
        ("timestamp.seconds=1", "INVALID_ARGUMENT", "'timestamp.seconds'"),
        ("resource.labels.a.b=x", "INVALID_ARGUMENT", "'resource.labels.a.b'"),
        ("NOT (failed AND thud=x)", "INVALID_ARGUMENT", "'thud'"),
        ("resource=x", "INVALID_ARGUMENT", "'resource'"),
        ('severity=~"ERR"', "INVALID_ARGUMENT", "'severity'"),
        ('textPayload=~"("', "INVALID_ARGUMENT", "'('"),
        ('textPayload=~"(?=x)"', "INVALID_ARGUMENT", "(?=x)"),
        (r'textPayload=~"(x)\1"', "INVALID_ARGUMENT", r"(x)\1"),
        ('textPayload=~"(?>x)"', "INVALID_ARGUMENT", "(?>x)"),
        ("nonsense(a)", "INVALID_ARGUMENT", "nonsense"),
        ("sample(insertId, 0.1)", "UNIMPLEMENTED", "sample()"),
        ('source("projects/x")', "UNIMPLEMENTED", "source()"),
        ('ip_in_net(httpRequest.remoteIp, "10.0.0.0/8")', "UNIMPLEMENTED", "ip_in_net()"),
        ('SEARCH("hello world")', "UNIMPLEMENTED", "SEARCH()"),
        ("x" * (MOST_CHARACTERS + 1), "INVALID_ARGUMENT", "20,000"),
        ("(" * 5000 + "x" + ")" * 5000, "INVALID_ARGUMENT", "parentheses"),
        ("NOT " * 4000 + "x", "INVALID_ARGUMENT", "negations"),
    ],
)
def test_what_is_wrong_with_it_is_said(query: str, status: str, named: str) -> None:
    """A misspelt field that silently finds nothing costs an evening."""
    with pytest.raises(GoogleError) as refused:
        matcher(parse(query), ENTRY)
    assert refused.value.status == status
    assert named in refused.value.message


def test_no_regular_expression_searches_for_ever() -> None:
    """One filter must not stop a whole cloud, which answers nobody while Python's own searches."""
    assert not found('textPayload=~"(a+)+z"', REQUEST | {"textPayload": "a" * 5000})


@pytest.mark.parametrize(
    ("query", "narrowed"),
    [
        ("failed OR severity>=ERROR", {}),
        ("NOT severity>=ERROR", {}),
        ("severity>=ERROR failed", {"severity": 500}),
        ('log_id("x") timestamp>="2026-11-24"', {"log": "x", "since": 1_795_478_400 * 10**9}),
        ("resource.labels.service_name=helloflask", {"words": ("helloflas",)}),
        ("jsonPayload.count=3", {}),
        ('jsonPayload.word="a\\"b"', {}),
        ('textPayload:"a%a%a%a%a%z"', {}),
    ],
)
def test_the_store_leaves_out_what_cannot_be_meant(query: str, narrowed: dict[str, Any]) -> None:
    """Without it a rare entry among a hundred thousand takes seconds; with too much of it, none."""
    which = narrow(parse(query))
    for name, value in narrowed.items():
        assert getattr(which, name) == value
    given = {
        name for name in ("since", "until", "log", "severity", "words") if getattr(which, name)
    }
    assert given == set(narrowed)
