"""Traffic through the official client: splits, tags, roll back, and what can't be deleted."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest
import requests
from google.api_core import exceptions
from google.cloud import run_v2

from tests.clients.conftest import Deployed

LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
State = run_v2.Condition.State
Reason = run_v2.Condition.RevisionReason


def latest(percent: int = 100, tag: str = "") -> run_v2.TrafficTarget:
    return run_v2.TrafficTarget(type_=LATEST, percent=percent, tag=tag)


def to(revision: str, percent: int = 0, tag: str = "") -> run_v2.TrafficTarget:
    return run_v2.TrafficTarget(type_=REVISION, revision=revision, percent=percent, tag=tag)


def answered_by(url: str, session: requests.Session | None = None) -> str:
    answer = (session or requests).get(f"{url}/revision", timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


def conditions(revision: run_v2.Revision) -> dict[str, run_v2.Condition]:
    return {condition.type_: condition for condition in revision.conditions}


def two_revisions(service: Deployed) -> tuple[str, str]:
    """A service with a first revision that has all the traffic and a second that has none."""
    first = f"{service.id}-one"
    service.create("one")
    service.update(traffic=[to(first, 100)])
    service.update(template=service.template("two"))
    return first, f"{service.id}-two"


def test_a_deployment_without_traffic(service: Deployed) -> None:
    """A new version is tried at its tag before a visitor sees it."""
    first, second = two_revisions(service)
    made = service.get()
    assert (made.latest_created_revision, made.latest_ready_revision) == (
        f"{service.name}/revisions/{second}",
    ) * 2
    assert {answered_by(url) for url in made.urls for _ in range(3)} == {first}
    tagged = service.update(traffic=[to(first, 100), to(second, tag="next")])
    status = tagged.traffic_statuses[1]
    assert (status.revision, status.percent, status.tag) == (second, 0, "next")
    assert status.uri == tagged.uri.replace("https://", "https://next---")
    assert answered_by(status.uri) == second
    assert answered_by(tagged.urls[0].replace("https://", "https://next---")) == second
    assert {answered_by(tagged.uri) for _ in range(3)} == {first}


def test_a_new_revision_without_traffic_is_still_checked(service: Deployed) -> None:
    """A broken version must be found when it is deployed, not when it gets its traffic."""
    first = f"{service.id}-one"
    service.create("one")
    service.update(traffic=[to(first, 100)])
    with pytest.raises(exceptions.GoogleAPICallError, match="failed to start and listen"):
        service.update(template=service.template("two", env={"START": "exit"}))
    after = service.get()
    assert after.terminal_condition.state == State.CONDITION_FAILED
    assert after.latest_ready_revision.endswith("-one")
    assert after.latest_created_revision.endswith("-two")
    assert answered_by(after.uri) == first
    broken = conditions(service.revision(f"{service.id}-two"))
    assert broken["Ready"].state == State.CONDITION_FAILED
    assert broken["Ready"].revision_reason == Reason.HEALTH_CHECK_CONTAINER_ERROR


def test_an_update_that_fails_keeps_the_old_revision_serving(service: Deployed) -> None:
    """A bad deployment must not take a service down, nor be forgotten by the next change."""
    service.create("one")
    with pytest.raises(exceptions.GoogleAPICallError, match="failed to start and listen"):
        service.update(template=service.template("two", env={"START": "exit"}))
    assert answered_by(service.get().uri) == f"{service.id}-one"
    with pytest.raises(exceptions.GoogleAPICallError, match="failed to start and listen"):
        service.update(labels={"team": "a"})
    labelled = service.get()
    assert labelled.labels == {"team": "a"}
    assert labelled.terminal_condition.state == State.CONDITION_FAILED
    assert answered_by(labelled.uri) == f"{service.id}-one"
    mended = service.update(template=service.template("three"))
    assert mended.terminal_condition.state == State.CONDITION_SUCCEEDED
    assert answered_by(mended.uri) == f"{service.id}-three"


def test_traffic_for_a_revision_that_never_was_ready_is_refused(service: Deployed) -> None:
    """Otherwise every visitor gets an error in the name of a working version."""
    service.create("one")
    with pytest.raises(exceptions.GoogleAPICallError):
        service.update(template=service.template("two", env={"START": "exit"}))
    with pytest.raises(exceptions.GoogleAPICallError, match="-two' is not ready and cannot serve"):
        service.update(traffic=[to(f"{service.id}-two", 100)])
    assert answered_by(service.get().uri) == f"{service.id}-one"
    back = service.update(traffic=[to(f"{service.id}-one", 100)])
    assert back.terminal_condition.state == State.CONDITION_SUCCEEDED
    assert answered_by(back.uri) == f"{service.id}-one"


def test_a_roll_back_makes_no_revision(service: Deployed) -> None:
    """Going back is a change of traffic alone, so it takes no build and no start."""
    first, second = two_revisions(service)
    service.update(traffic=[latest()])
    assert answered_by(service.get().uri) == second
    back = service.update(traffic=[to(first, 100)])
    assert answered_by(back.uri) == first
    assert sorted(service.revisions()) == [first, second]
    assert back.latest_created_revision.endswith(second)


def test_latest_follows_and_a_revision_stays(service: Deployed) -> None:
    """`--to-latest` moves with the next deployment, a named revision does not."""
    service.create("one")
    service.update(traffic=[latest(100, "newest"), to(f"{service.id}-one", 0, "first")])
    changed = service.update(template=service.template("two"))
    by_tag = {status.tag: status for status in changed.traffic_statuses}
    assert by_tag["newest"].type_ == LATEST
    assert answered_by(changed.uri) == f"{service.id}-two"
    assert answered_by(by_tag["newest"].uri) == f"{service.id}-two"
    assert answered_by(by_tag["first"].uri) == f"{service.id}-one"


def test_a_split_is_within_three_standard_deviations(service: Deployed) -> None:
    """A canary of 40 % that gets half or nothing misleads whoever reads its errors."""
    first, second = two_revisions(service)
    service.update(traffic=[to(first, 60), to(second, 40)])
    uri, count = service.get().uri, 1000
    with requests.Session() as session:
        seen = Counter(answered_by(uri, session) for _ in range(count))
    assert set(seen) == {first, second}
    assert abs(seen[first] - 0.6 * count) <= 3 * sqrt(count * 0.6 * 0.4), seen


def test_a_tag_that_is_taken_away_leads_nowhere(service: Deployed) -> None:
    """An old preview address must not show whatever is there now."""
    first, second = two_revisions(service)
    tagged = service.update(traffic=[to(first, 100), to(second, tag="next")])
    uri = tagged.traffic_statuses[1].uri
    assert {answered_by(uri) for _ in range(20)} == {second}
    service.update(traffic=[to(first, 100)])
    assert requests.get(uri, timeout=30).status_code == 404
    moved = service.update(traffic=[to(second, 100), to(first, tag="next")])
    assert moved.traffic_statuses[1].uri == uri
    assert {answered_by(uri) for _ in range(20)} == {first}


def test_revision_names(service: Deployed) -> None:
    """People find their way in a list of revisions by number, or by the suffix they gave."""
    made = service.create()
    changed = service.update(template=service.template(env={"A": "1"}))
    numbered = [made.latest_ready_revision, changed.latest_ready_revision]
    for number, name in enumerate(numbered, 1):
        short = name.rpartition("/")[2]
        assert short[:-3] == f"{service.id}-{number:05d}-"
    service.update(template=service.template("canary"))
    with pytest.raises(exceptions.AlreadyExists):
        service.update(template=service.template("canary", env={"A": "2"}))
    with pytest.raises(exceptions.InvalidArgument):
        wrong = service.template()
        wrong.revision = "other-canary"
        service.update(template=wrong)
    assert len(service.revisions()) == 3


def test_revisions_in_use_cannot_be_deleted(service: Deployed) -> None:
    """Deleting what answers visitors would be an outage; the rest may go."""
    first, second = two_revisions(service)
    service.update(template=service.template("three"))
    third = f"{service.id}-three"
    service.update(traffic=[to(first, 100), to(second, tag="next")])
    revisions = run_v2.RevisionsClient()
    for name in (first, second, third):
        with pytest.raises(exceptions.FailedPrecondition, match=name):
            revisions.delete_revision(name=f"{service.name}/revisions/{name}")
    service.update(traffic=[to(first, 100)])
    gone = revisions.delete_revision(name=f"{service.name}/revisions/{second}").result(30)
    assert gone.name.endswith(second)
    assert sorted(service.revisions()) == sorted([first, third])
    with pytest.raises(exceptions.NotFound):
        service.revision(second)


def test_a_revision_that_still_serves_after_a_failed_change_is_in_use(service: Deployed) -> None:
    """What is wanted and what is served differ after a failure; neither may be deleted."""
    first, _ = two_revisions(service)
    service.update(template=service.template("three"))
    service.update(traffic=[to(first, 100)])
    with pytest.raises(exceptions.GoogleAPICallError, match="nowhere"):
        service.update(traffic=[to(f"{service.id}-nowhere", 100)])
    with pytest.raises(exceptions.FailedPrecondition, match=first):
        run_v2.RevisionsClient().delete_revision(name=f"{service.name}/revisions/{first}")
    assert answered_by(service.get().uri) == first


def test_conditions_of_serving_and_retired_revisions(service: Deployed) -> None:
    """The list of revisions is where a user sees which ones are alive."""
    first, second = two_revisions(service)
    active = conditions(service.revision(first))
    assert active["Ready"].state == State.CONDITION_SUCCEEDED
    assert active["Active"].state == State.CONDITION_SUCCEEDED
    service.update(traffic=[latest()])
    retired = conditions(service.revision(first))
    assert retired["Ready"].state == State.CONDITION_SUCCEEDED
    assert retired["Active"].state == State.CONDITION_FAILED
    assert retired["Active"].severity == run_v2.Condition.Severity.INFO
    assert retired["Active"].revision_reason == Reason.RETIRED
    assert retired["Active"].message == "Revision retired."
    assert conditions(service.revision(second))["Active"].state == State.CONDITION_SUCCEEDED
    service.update(traffic=[latest(), to(first, tag="old")])
    assert conditions(service.revision(first))["Active"].state == State.CONDITION_SUCCEEDED


def test_changes_sent_one_after_another_without_waiting(service: Deployed) -> None:
    """A script that does not wait must get each change once, and no revision twice."""
    service.create("one")
    client = service.client
    changed = run_v2.Service(name=service.name, template=service.template(env={"A": "1"}))
    labelled = run_v2.Service(name=service.name, labels={"team": "a"})
    operations = [
        client.update_service(service=changed, update_mask={"paths": ["template"]}),
        client.update_service(service=labelled, update_mask={"paths": ["labels"]}),
    ]
    for operation in operations:
        operation.result(60)
    after = service.get()
    assert len(service.revisions()) == 2
    assert after.latest_ready_revision == after.latest_created_revision
    assert (after.labels, after.reconciling) == ({"team": "a"}, False)
    assert answered_by(after.uri) == after.latest_ready_revision.rpartition("/")[2]


def test_a_service_that_is_being_deleted_takes_no_change(service: Deployed) -> None:
    """A change that is acknowledged and then vanishes is lost."""
    service.create("one")
    operation = service.client.delete_service(name=service.name)
    with pytest.raises((exceptions.NotFound, exceptions.FailedPrecondition)):
        service.update(labels={"team": "a"})
    operation.result(60)
    with pytest.raises(exceptions.NotFound):
        service.get()
