"""Cloud Build through the official client: what fails, how it is told, and what is refused."""

from __future__ import annotations

import io
import tarfile
import time

import pytest
from google.api_core import exceptions
from google.cloud import storage
from google.cloud.devtools import cloudbuild_v1

from tests.clients.images import archive, request, upload
from tests.clients.test_run_recorded import call, project_number
from tests.conftest import REGION, LocalCloud, eventually
from tests.golden.recorded import differences, load

Status = cloudbuild_v1.Build.Status
OK = "FROM python:3.12-slim\nCOPY . /app\n"


def submit(project: str, files: dict[str, str], **changes: object) -> cloudbuild_v1.Build:
    """Submits a build and returns it as it ended, however it ended."""
    source = upload(project, archive(files))
    return run(project, request(source, f"gcr.io/{project}/app"), **changes)


def run(project: str, build: cloudbuild_v1.Build, **changes: object) -> cloudbuild_v1.Build:
    client = cloudbuild_v1.CloudBuildClient()
    for name, value in changes.items():
        setattr(build, name, value)
    operation = client.create_build(project_id=project, build=build)
    operation.exception(timeout=120)
    return client.get_build(project_id=project, id=operation.metadata.build.id)


def log_of(project: str, build: cloudbuild_v1.Build) -> str:
    bucket = storage.Client(project=project).bucket(build.logs_bucket.removeprefix("gs://"))
    return str(bucket.blob(f"log-{build.id}.txt").download_as_text())


def test_a_failing_step_is_named_in_the_build_and_its_log(cloud: LocalCloud, project: str) -> None:
    """Reading a failed build is half of lesson 01."""
    files = {"Dockerfile": OK + "RUN echo before; false\nRUN echo after\n"}
    build = submit(project, files)
    assert build.status == Status.FAILURE
    assert build.failure_info.type_.name == "USER_BUILD_STEP"
    assert "step exited with non-zero status: 1" in build.failure_info.detail
    log = log_of(project, build)
    assert "before" in log
    assert "The command '/bin/sh -c echo before; false' returned a non-zero code: 1" in log
    assert "after" not in log.partition("non-zero code")[2]
    assert log.rstrip().splitlines()[-1].startswith("ERROR: build step 0 ")


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        ("FORM python:3.12-slim\n", "unknown instruction: FORM"),
        ("FROM nowhere/at-all\n", "nowhere/at-all"),
        ("FROM python:3.12-slim\nCOPY missing /app\n", "missing"),
    ],
)
def test_a_dockerfile_that_cannot_be_built(
    cloud: LocalCloud, project: str, dockerfile: str, said: str
) -> None:
    """The log must say which line and why."""
    build = submit(project, {"Dockerfile": dockerfile})
    assert build.status == Status.FAILURE
    assert said in log_of(project, build)


def test_an_archive_that_would_escape_is_refused(cloud: LocalCloud, project: str) -> None:
    """A source must not write outside its own folder, on the learner's machine."""
    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w:gz") as tar:
        for name, link in (("../../escaped", ""), ("link", "/etc"), ("link/escaped", "")):
            member = tarfile.TarInfo(name)
            if link:
                member.type, member.linkname = tarfile.SYMTYPE, link
            tar.addfile(member, io.BytesIO(b""))
    source = upload(project, evil.getvalue())
    build = run(project, request(source, f"gcr.io/{project}/app"))
    assert build.status == Status.FAILURE
    assert build.failure_info.type_.name == "FETCH_SOURCE_FAILED"
    assert not list(cloud.home.folder.rglob("escaped"))


def test_a_source_that_is_not_there(cloud: LocalCloud, project: str) -> None:
    """A wrong bucket or object is told as such, not as a broken build."""
    source = upload(project, archive({"Dockerfile": OK}))
    source.storage_source.object_ = "source/other.tgz"
    source.storage_source.generation = 0
    build = run(project, request(source, f"gcr.io/{project}/app"))
    assert build.failure_info.type_.name == "FETCH_SOURCE_FAILED"


def test_a_push_to_a_repository_that_is_not_there(cloud: LocalCloud, project: str) -> None:
    """An Artifact Registry repository has to be made first."""
    tag = f"{REGION}-docker.pkg.dev/{project}/nowhere/app"
    source = upload(project, archive({"Dockerfile": OK}))
    build = run(project, request(source, tag))
    assert build.status == Status.FAILURE
    assert 'Repository "nowhere" not found' in log_of(project, build)


def test_only_docker_steps_run_and_others_are_named(cloud: LocalCloud, project: str) -> None:
    """A step that silently does nothing would look like a success."""
    build = cloudbuild_v1.Build(steps=[cloudbuild_v1.BuildStep(name="ubuntu", args=["echo", "x"])])
    ended = run(project, build)
    assert ended.status == Status.FAILURE
    assert "cannot run ubuntu" in log_of(project, ended)


def test_a_cancelled_build_stops(cloud: LocalCloud, project: str) -> None:
    """A build that cannot be stopped keeps a learner's machine busy."""
    client = cloudbuild_v1.CloudBuildClient()
    source = upload(project, archive({"Dockerfile": OK + "RUN echo started; sleep 600\n"}))
    operation = client.create_build(
        project_id=project, build=request(source, f"gcr.io/{project}/app")
    )
    build = operation.metadata.build

    def log() -> str:
        try:
            return log_of(project, build)
        except exceptions.NotFound:
            return ""

    eventually(log, lambda text: "\nstarted" in text)
    began = time.monotonic()
    assert client.cancel_build(project_id=project, id=build.id).status == Status.CANCELLED
    assert time.monotonic() - began < 10
    with pytest.raises(exceptions.GoogleAPICallError):
        operation.result(10)
    with pytest.raises(exceptions.FailedPrecondition):
        client.cancel_build(project_id=project, id=build.id)


def test_a_build_that_takes_too_long_is_timed_out(cloud: LocalCloud, project: str) -> None:
    """The time-out is the build's own; its step must not go on behind it."""
    build = submit(project, {"Dockerfile": OK + "RUN sleep 600\n"}, timeout={"seconds": 3})
    assert build.status == Status.TIMEOUT


def test_a_failed_build_answers_as_recorded(cloud: LocalCloud, project: str) -> None:
    """The recording: a step that succeeds and a logs bucket that cannot be written."""
    recorded = load("cloudbuild.v1.build.failed.json")
    body = {
        "steps": [{"name": "gcr.io/cloud-builders/docker", "args": ["ps"]}],
        "timeout": "1800s",
        "logsBucket": "gs://gcpdiag-gcb1-bucket1-aaaa",
    }
    url = f"https://cloudbuild.googleapis.com/v1/projects/{project}/builds"
    build = call("POST", url, body)["metadata"]["build"]
    ended = eventually(
        lambda: call("GET", f"{url}/{build['id']}"), lambda found: "finishTime" in found
    )
    known = {"12340005": str(project_number(project)), "gcpdiag-gcb1-aaaa": project}
    assert differences(recorded, ended, known) == []


def test_a_regional_build_lives_in_its_region(cloud: LocalCloud, project: str) -> None:
    """Global and regional builds are listed apart, as on Google."""
    client = cloudbuild_v1.CloudBuildClient()
    source = upload(project, archive({"Dockerfile": "FROM scratch\nCOPY . /\n"}))
    parent = f"projects/{project}/locations/{REGION}"
    build = client.create_build(
        cloudbuild_v1.CreateBuildRequest(
            parent=parent, project_id=project, build=request(source, f"gcr.io/{project}/app")
        )
    ).result(60)
    listed = client.list_builds(cloudbuild_v1.ListBuildsRequest(parent=parent, project_id=project))
    assert [one.id for one in listed] == [build.id]
    assert list(client.list_builds(project_id=project)) == []


def test_bad_builds_are_refused_before_they_start(cloud: LocalCloud, project: str) -> None:
    """What cannot be right is said at once, with nothing queued."""
    client = cloudbuild_v1.CloudBuildClient()
    step = cloudbuild_v1.BuildStep(name="gcr.io/cloud-builders/docker", args=["build", "$NOPE"])
    for build in (
        cloudbuild_v1.Build(),
        cloudbuild_v1.Build(steps=[cloudbuild_v1.BuildStep(args=["x"])]),
        cloudbuild_v1.Build(steps=[step]),
    ):
        with pytest.raises(exceptions.InvalidArgument):
            client.create_build(project_id=project, build=build)
    assert list(client.list_builds(project_id=project)) == []


@pytest.mark.parametrize(
    ("tag", "substitutions", "message"),
    [
        ("$_A", {}, 'key in the template "_A" is not matched in the substitution data'),
        ("a", {"_A": "1"}, 'key "_A" in the substitution data is not matched in the template'),
        ("$A", {}, "invalid value for 'build.substitutions': key in the template \"A\" is not a"
         " valid built-in substitution"),
    ],
)  # fmt: skip
def test_substitutions_must_match_unless_told_otherwise(
    cloud: LocalCloud, project: str, tag: str, substitutions: dict[str, str], message: str
) -> None:
    """What nothing stands for is a typo; ALLOW_LOOSE lets it be empty, but not a built-in."""
    client = cloudbuild_v1.CloudBuildClient()
    step = cloudbuild_v1.BuildStep(name="gcr.io/cloud-builders/docker", args=["ps"])
    build = cloudbuild_v1.Build(steps=[step], tags=[f"x{tag}-$$-$SHORT_SHA"])
    build.substitutions = substitutions
    with pytest.raises(exceptions.InvalidArgument) as refusal:
        client.create_build(project_id=project, build=build)
    assert refusal.value.message == message
    build.options = cloudbuild_v1.BuildOptions(substitution_option="ALLOW_LOOSE")
    if "built-in" in message:
        with pytest.raises(exceptions.InvalidArgument):
            client.create_build(project_id=project, build=build)
        return
    made = client.create_build(project_id=project, build=build).result(60)
    assert list(made.tags) == ["x-$-" if tag == "$_A" else "xa-$-"]


def test_the_default_service_account(cloud: LocalCloud, project: str) -> None:
    """Since 2024 a build runs as the Compute Engine default service account."""
    client = cloudbuild_v1.CloudBuildClient()
    name = f"projects/{project}/locations/global/defaultServiceAccount"
    found = client.get_default_service_account(name=name)
    assert found.service_account_email.endswith("-compute@developer.gserviceaccount.com")
