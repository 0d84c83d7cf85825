"""The pipeline of lesson 08 ships a good commit, and takes a bad one back whatever happens."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google.cloud import artifactregistry_v1

from helpers import callers, logs, pipeline, registry, service
from tests.conftest import LocalCloud, eventually

APP = Path(__file__).parents[2] / "notebooks/apps/ship"
WHERE = "projects/hands-on/locations/asia-northeast3"
NAME = f"{WHERE}/services/for-pipeline"
SAMPLE = "us-docker.pkg.dev/cloudrun/container/hello"
ASCII = "return f\"Hello {name.encode('ascii').decode()}!\""
"""Fails for whom the test did not think of."""


@pytest.fixture(scope="module")
def bad(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of a commit that greets Ada, but not Zoë."""
    repository = f"{WHERE}/repositories/for-pipeline"
    registry.make_repository(repository, labels={})
    folder = tmp_path_factory.mktemp("commit")
    for file in ("Dockerfile", "app.py"):
        text = (APP / file).read_text()
        (folder / file).write_text(text.replace('return f"Hello {name}!"', ASCII))
    tag = "asia-northeast3-docker.pkg.dev/hands-on/for-pipeline/app:bad"
    image = pipeline.build(folder, tag, labels={})
    assert image.startswith(tag.removesuffix(":bad") + "@sha256:")
    yield image
    artifactregistry_v1.ArtifactRegistryClient().delete_repository(name=repository).result()


@pytest.fixture
def first(cloud: LocalCloud) -> Iterator[str]:
    """The revision that serves before a pipeline begins."""
    deployed = service.deploy(NAME, SAMPLE, labels={})
    yield deployed.latest_ready_revision.rpartition("/")[2]
    service.delete(NAME)


def traffic() -> dict[str, tuple[int, str]]:
    """Percents and tag of each revision that has one of them."""
    statuses = service.get(NAME).traffic_statuses
    return {target.revision: (target.percent, target.tag) for target in statuses}


def test_a_good_commit_gets_all_the_traffic_and_no_caller_notices(
    first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with callers.calling(service.url(NAME), ["/"]) as statuses:
        pipeline.ship(NAME, "good", SAMPLE, ["/"])
    assert traffic() == {"for-pipeline-good": (100, "candidate")}
    assert set(statuses) == {200}
    assert capsys.readouterr().out.splitlines() == [
        "deployed  for-pipeline-good, with no traffic",
        "tested    /",
        " 10 %     no server error",
        " 50 %     no server error",
        "100 %     no server error",
    ]


def test_what_fails_in_the_test_gets_no_traffic(first: str, bad: str) -> None:
    with pytest.raises(pipeline.Stopped, match=r"status 500 from /\?name=Zoë"):
        pipeline.ship(NAME, "bad", bad, ["/?name=Ada", "/?name=Zoë"])
    assert traffic() == {first: (100, ""), "for-pipeline-bad": (0, "candidate")}


def test_what_fails_for_callers_loses_its_traffic(
    first: str, bad: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        callers.calling(service.url(NAME), ["/?name=Zoë"]) as statuses,
        pytest.raises(pipeline.Stopped, match="Callers got status 500"),
    ):
        pipeline.ship(NAME, "worse", bad, ["/?name=Ada"])
    assert traffic() == {first: (100, ""), "for-pipeline-worse": (0, "candidate")}
    assert set(statuses) == {200, 500}
    assert capsys.readouterr().out.endswith(f"back      all traffic goes to {first}\n")
    eventually(
        lambda: logs.statuses("hands-on", "for-pipeline-worse").count(500),
        lambda errors: errors == statuses.count(500),
    )


def interrupt_when(seen: Callable[[], object]) -> None:
    def wait() -> None:
        eventually(seen, bool)
        _thread.interrupt_main()

    threading.Thread(target=wait).start()


def test_whoever_stops_the_pipeline_half_way_leaves_no_split_traffic(first: str) -> None:
    interrupt_when(lambda: traffic().get("for-pipeline-good") == (10, "candidate"))
    with pytest.raises(KeyboardInterrupt):
        pipeline.ship(NAME, "good", SAMPLE, [])
    assert traffic() == {first: (100, ""), "for-pipeline-good": (0, "candidate")}


def test_a_service_that_nobody_calls_can_be_shipped_too(
    first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PATIENCE", 0.1)
    pipeline.ship(NAME, "good", SAMPLE, [])
    assert traffic() == {"for-pipeline-good": (100, "candidate")}


def test_a_second_pipeline_does_not_begin_in_the_middle_of_another(first: str) -> None:
    wanted = service.get(NAME)
    wanted.template.revision = "for-pipeline-other"
    wanted.traffic = [service.to(first, 50), service.to("for-pipeline-other", 50)]
    service.update(wanted)
    with pytest.raises(pipeline.Stopped, match="The traffic is split"):
        pipeline.ship(NAME, "good", SAMPLE, [])
    assert traffic() == {first: (50, ""), "for-pipeline-other": (50, "")}


def test_callers_that_cannot_call_say_so(cloud: LocalCloud) -> None:
    with (
        pytest.raises(OSError, match="nobody-here"),
        callers.calling("https://nobody-here.invalid", ["/"]),
    ):
        pass
