"""The exercises of lesson 08 are passed by what they ask for, and by nothing else."""

from __future__ import annotations

from pathlib import Path

from google.cloud.logging_v2 import types
from google.cloud.logging_v2.services.logging_service_v2 import LoggingServiceV2Client

from helpers import auth, lab, logs, pipeline, registry, service
from helpers.check import ship_it as check
from tests.check.conftest import Enter
from tests.conftest import REGION, eventually

APP = Path(__file__).parents[2] / "notebooks/apps/ship"
SAMPLE = "us-docker.pkg.dev/cloudrun/container/hello"


def bad_image(folder: Path) -> str:
    """An image that starts, and answers each call with a server error."""
    project, _ = lab.place()
    location = f"projects/{project}/locations/{REGION}"
    registry.make_repository(f"{location}/repositories/for-check", lab.labels())
    for file in ("Dockerfile", "app.py"):
        text = (APP / file).read_text()
        (folder / file).write_text(text.replace("{name}", "{nmae}"))
    tag = f"{REGION}-docker.pkg.dev/{project}/for-check/app"
    return pipeline.build(folder, tag, lab.labels())


def test_a_bad_commit_is_met_by_the_test_alone(enter: Enter, source: Path) -> None:
    enter(service="for-check")
    project, _ = lab.place()
    name = f"projects/{project}/locations/{REGION}/services/for-check"
    deployed = service.deploy(name, SAMPLE, lab.labels())
    first = deployed.latest_ready_revision.rpartition("/")[2]

    def outcome() -> str:
        return str(check.stop_it_in_the_test.outcome())

    assert outcome().startswith("not tried: ")
    pipeline.deploy(service.get(name), SAMPLE, "for-check-ascii", first)
    assert outcome().startswith("not tried: ")
    pipeline.deploy(service.get(name), SAMPLE, "for-check-good", first)
    assert outcome().startswith("not yet: ") and "is no bad commit" in outcome()

    now = pipeline.deploy(service.get(name), bad_image(source), "for-check-caught", first)
    assert outcome().startswith("passed: ")

    pipeline.move(name, first, "for-check-caught", 100)
    assert outcome() == "not yet: for-check-caught gets 100 % of the traffic."
    assert service.call(now.uri, auth.id_token(now.uri)).status_code == 500
    pipeline.move(name, first, "for-check-caught", 0)
    assert eventually(outcome, lambda found: not found.startswith("passed"))
    assert outcome().startswith("not yet: for-check-caught had answered callers.")


def log_answers(revision: str, *statuses: int) -> None:
    """Write what Cloud Run writes into the request log when a revision answers."""
    project, _ = lab.place()
    labels = {"service_name": "for-check", "revision_name": revision}
    entries = [
        types.LogEntry(
            log_name=f"projects/{project}/logs/run.googleapis.com%2Frequests",
            resource={"type": "cloud_run_revision", "labels": labels},
            http_request={"status": status},
        )
        for status in statuses
    ]
    LoggingServiceV2Client().write_log_entries(entries=entries)
    eventually(lambda: logs.statuses(project, revision), lambda found: len(found) == len(statuses))


def test_only_server_errors_of_the_bad_commit_count(enter: Enter) -> None:
    enter(service="for-check")

    def word(answer: object) -> str:
        return check.count_who_noticed.outcome(answer).word

    log_answers("for-check-typo", 500)
    assert [word(None), word(0), word(1)] == ["not tried"] * 3
    log_answers("for-check-ascii", 200, 500, 404, 500, 503)
    assert [word(None), word(5), word(4), word("3"), word(3)] == [
        "not tried",
        "not yet",
        "not yet",
        "not yet",
        "passed",
    ]
