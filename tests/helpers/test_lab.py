"""Entering, and leaving nothing behind, without ever mistaking one cloud for the other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.api_core.exceptions import NotFound
from google.cloud import artifactregistry_v1, iam_admin_v1, run_v2, storage

from helpers import auth, lab, network
from helpers.localcloud.entering import environment
from helpers.localcloud.gateway.authority import ISSUER
from helpers.rest import Missing
from tests.conftest import LocalCloud

ROOT = Path(__file__).parents[2]
REGION = "asia-northeast3"
WHERE = f"projects/hands-on/locations/{REGION}"
IMAGE = "us-docker.pkg.dev/cloudrun/container/hello"


def python(code: str, environ: dict[str, str], answer: str = "") -> str:
    """Run code in a new process and return what it printed, its last line of stderr included."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        input=answer,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout + "\n".join(done.stderr.splitlines()[-3:])


@pytest.fixture
def outside(cloud: LocalCloud) -> dict[str, str]:
    """The environment of a process that has not entered, but would enter the test's cloud."""
    inside = environment(cloud.home)
    plain = {name: value for name, value in os.environ.items() if name not in inside}
    return plain | {"LOCALCLOUD_HOME": str(cloud.home.folder)}


@pytest.fixture
def as_on_google(cloud: LocalCloud) -> dict[str, str]:
    """The environment of a process for which the test's cloud stands in for Google."""
    blocker = str(ROOT / "tests/notebooks/blocker")
    return {**os.environ, "LOCALCLOUD_STANDS_IN": "1", "CONFIRM": "1", "PYTHONPATH": blocker}


def test_the_issuer_that_tells_a_local_cloud_is_the_one_that_it_has() -> None:
    assert lab.LOCAL_ISSUER == ISSUER


def test_a_plain_process_is_taken_into_the_local_cloud(outside: dict[str, str]) -> None:
    said = python(
        """
from google.cloud import run_v2
from helpers import lab
lab.enter()
for transport in "grpc", "rest":
    run_v2.ServicesClient(transport=transport).list_services(
        parent="projects/hands-on/locations/asia-northeast3")
    print(transport, "works")
""",
        outside,
    )
    assert ISSUER in said
    assert "hands-on" in said
    assert "notebook@hands-on.iam.gserviceaccount.com" in said
    assert "grpc works" in said
    assert "rest works" in said


def test_running_the_first_cell_twice_is_fine(outside: dict[str, str]) -> None:
    said = python("from helpers import lab; lab.enter(); lab.enter(); print('twice')", outside)
    assert said.endswith("twice\n")


def test_a_kernel_whose_grpc_trusts_others_is_told_to_restart(
    outside: dict[str, str], tmp_path: Path
) -> None:
    said = python(
        f"""
import os
from helpers import lab
lab.enter()
before = dict(os.environ)
os.environ["LOCALCLOUD_HOME"] = {str(tmp_path / "other")!r}
try:
    lab.enter()
except lab.CannotEnter as error:
    print(error)
print(os.environ["HTTPS_PROXY"] == before["HTTPS_PROXY"])
""",
        outside,
    )
    assert f"{lab.RESTART}\nTrue\n" in said


def test_google_is_not_mistaken_for_the_local_cloud_around_it(cloud: LocalCloud) -> None:
    said = python("from helpers import lab; lab.enter('google', 'my-project')", dict(os.environ))
    assert "started inside a local cloud" in said


def test_google_after_local_in_one_kernel_is_refused(outside: dict[str, str]) -> None:
    code = "from helpers import lab; lab.enter(); lab.enter('google', 'my-project')"
    assert lab.RESTART in python(code, outside)


@pytest.mark.parametrize("project", [None, "", "hands-on"])
def test_google_has_no_default_project(cloud: LocalCloud, project: str | None) -> None:
    code = f"from helpers import lab; lab.enter('google', {project!r})"
    assert "the id of a project of yours" in python(code, dict(os.environ))


def test_a_local_cloud_has_any_project_that_is_entered(outside: dict[str, str]) -> None:
    """A team's notebook names the team's project, which no local cloud has from the start."""
    said = python(
        """
from helpers import lab
for project in "acme-shop", "hands-on", "acme-shop":
    lab.enter("local", project, "europe-west3", makes={"service": "checkout"})
    print("entered", lab.place())
lab.enter("local", "Acme")
""",
        outside,
    )
    assert said.count("entered ('acme-shop', 'europe-west3')") == 2
    assert "There can't be a project 'Acme'. 400: " in said


def test_another_cloud_is_refused_by_name(cloud: LocalCloud) -> None:
    with pytest.raises(lab.CannotEnter, match="'azure'"):
        lab.enter("azure")


def test_on_google_nothing_of_the_local_cloud_is_imported(as_on_google: dict[str, str]) -> None:
    code = "from helpers import lab; lab.enter('google', 'hands-on'); lab.clean_up()"
    assert "nothing was there" in python(code, as_on_google)


def test_on_google_nothing_is_made_unless_you_say_yes(as_on_google: dict[str, str]) -> None:
    code = (
        "from helpers import lab\n"
        "try: lab.enter('google', 'hands-on', makes={'service': 'mine'})\n"
        "finally: lab.clean_up()"
    )
    said = python(code, as_on_google | {"CONFIRM": ""}, answer="no\n")
    assert "`mine`" in said, "what will be made is shown before the question"
    assert "nothing was made" in said
    assert "No cloud was entered" in said, "clean-up must not touch a cloud that was refused"


def test_credentials_of_a_person_are_refused_with_the_remedy(
    as_on_google: dict[str, str], tmp_path: Path
) -> None:
    impersonated = json.loads(Path(os.environ["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    person = tmp_path / "adc.json"
    person.write_text(json.dumps(impersonated["source_credentials"]))
    environ = as_on_google | {"GOOGLE_APPLICATION_CREDENTIALS": str(person)}
    said = python("from helpers import lab; lab.enter('google', 'hands-on')", environ)
    assert "--impersonate-service-account" in said


def test_credentials_are_found_where_gcloud_puts_them(
    as_on_google: dict[str, str], tmp_path: Path
) -> None:
    adc = Path(as_on_google.pop("GOOGLE_APPLICATION_CREDENTIALS")).read_text()
    (tmp_path / "application_default_credentials.json").write_text(adc)
    code = (
        "from helpers import auth, lab; lab.enter('google', 'hands-on')\n"
        "print(auth.claims(auth.id_token('https://a'))['aud'])"
    )
    said = python(code, as_on_google | {"CLOUDSDK_CONFIG": str(tmp_path)})
    assert said.endswith("https://a\n")


@pytest.fixture
def entered(cloud: LocalCloud) -> Iterator[None]:
    """This process has entered the test's cloud."""
    before = dict(os.environ)
    lab.enter()
    yield
    os.environ.clear()
    os.environ.update(before)


def make_service(name: str, labels: dict[str, str]) -> None:
    container = run_v2.Container(image=IMAGE)
    run_v2.ServicesClient().create_service(
        parent=WHERE,
        service_id=name,
        service=run_v2.Service(
            template=run_v2.RevisionTemplate(containers=[container]), labels=labels
        ),
    ).result()


def test_a_name_that_somebody_else_uses_is_not_overwritten(entered: None) -> None:
    make_service("taken", {})
    make_service("mine", lab.labels())
    lab.enter(makes={"service": ["mine", "free"]})
    with pytest.raises(lab.CannotEnter, match="service taken"):
        lab.enter(makes={"service": ["free", "taken"]})
    run_v2.ServicesClient().delete_service(name=f"{WHERE}/services/taken").result()
    auth.make_account("hands-on", "taken-account", {})
    with pytest.raises(lab.CannotEnter, match="service account taken-account"):
        lab.enter(makes={"service account": "taken-account"})
    lab.clean_up()


def test_clean_up_deletes_what_is_yours_and_nothing_else(entered: None) -> None:
    make_service("mine", lab.labels())
    make_service("theirs", {"hands-on-run": "somebody-else"})
    accounts = [
        auth.make_account("hands-on", "mine-to-delete", lab.labels()),
        auth.make_account("hands-on", "theirs-to-keep", {"hands-on-run": "somebody-else"}),
    ]
    registry = artifactregistry_v1.ArtifactRegistryClient()
    for name, labels in {"mine": lab.labels(), "theirs": {}}.items():
        repository = artifactregistry_v1.Repository(
            format_=artifactregistry_v1.Repository.Format.DOCKER, labels=labels
        )
        registry.create_repository(parent=WHERE, repository_id=name, repository=repository).result()
    if left := storage.Client().lookup_bucket("hands-on_cloudbuild"):
        left.delete(force=True)  # A test before this one has built something.
    bucket = storage.Client().bucket("hands-on_cloudbuild")
    bucket.labels = lab.labels()
    bucket.create()
    for name, metadata in {"mine": lab.labels(), "theirs": {}}.items():
        blob = bucket.blob(f"source/{name}.tgz")
        blob.metadata = metadata
        blob.upload_from_string(b"x")

    # A new process, as after a kernel that died.
    python("from helpers import lab; lab.enter(); lab.clean_up()", dict(os.environ))

    services = run_v2.ServicesClient()
    names = [one.name for one in services.list_services(parent=WHERE)]
    assert f"{WHERE}/services/theirs" in names
    assert f"{WHERE}/services/mine" not in names
    repositories = [one.name for one in registry.list_repositories(parent=WHERE)]
    assert f"{WHERE}/repositories/theirs" in repositories
    assert f"{WHERE}/repositories/mine" not in repositories
    iam = iam_admin_v1.IAMClient()
    there = {account.email for account in iam.list_service_accounts(name="projects/hands-on")}
    assert there.intersection(accounts) == {accounts[1]}
    assert [blob.name for blob in bucket.list_blobs()] == ["source/theirs.tgz"]

    bucket.blob("source/theirs.tgz").delete()
    lab.clean_up()
    assert storage.Client().lookup_bucket("hands-on_cloudbuild") is None
    services.delete_service(name=f"{WHERE}/services/theirs").result()
    registry.delete_repository(name=f"{WHERE}/repositories/theirs").result()


def test_a_latecomer_starts_with_nothing_left_and_sees_what_was_shown(
    entered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    make_service("mine", lab.labels())
    make_service("theirs", {})
    services = run_v2.ServicesClient()
    with pytest.raises(ValueError, match="no lesson 99"):
        lab.catch_up(99, ROOT / "notebooks")
    assert services.get_service(name=f"{WHERE}/services/mine"), "a misspelt lesson deletes nothing"
    lab.catch_up("04", ROOT / "notebooks")
    said = capsys.readouterr().out
    assert said.index(f"{WHERE}/services/mine") < said.index("Build an image from source")
    assert f"{WHERE}/services/theirs" in {one.name for one in services.list_services(parent=WHERE)}
    with pytest.raises(NotFound):
        services.get_service(name=f"{WHERE}/services/mine")
    services.delete_service(name=f"{WHERE}/services/theirs").result()


def test_a_latecomer_enters_first(outside: dict[str, str]) -> None:
    assert "Enter a cloud first" in python("from helpers import lab; lab.catch_up(4)", outside)


def test_what_is_made_elsewhere_is_deleted_there_too(entered: None) -> None:
    """Else a lesson that copies to another location leaves a repository that is billed."""
    registry = artifactregistry_v1.ArtifactRegistryClient()
    docker = artifactregistry_v1.Repository.Format.DOCKER
    for name, labels in {"mine": lab.labels(), "theirs": {}}.items():
        registry.create_repository(
            parent="projects/hands-on/locations/us",
            repository_id=name,
            repository=artifactregistry_v1.Repository(format_=docker, labels=labels),
        ).result()
    with pytest.raises(lab.CannotEnter, match="repository us/theirs"):
        lab.enter(makes={"repository": "us/theirs"})
    lab.enter(makes={"repository": ["mine", "us/mine"]})
    lab.clean_up()
    repositories = "projects/hands-on/locations/us/repositories"
    left = {one.name for one in registry.list_repositories(parent="projects/hands-on/locations/us")}
    assert f"{repositories}/theirs" in left
    assert f"{repositories}/mine" not in left
    registry.delete_repository(name=f"{repositories}/theirs").result()


def test_what_can_not_be_deleted_is_named_and_the_rest_goes(
    entered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_service("stays", lab.labels())
    make_service("zgoes", lab.labels())
    original = run_v2.ServicesClient.delete_service

    def refuse_one(self: run_v2.ServicesClient, name: str) -> object:
        if name.endswith("stays"):
            raise PermissionError("no")
        return original(self, name=name)

    monkeypatch.setattr(run_v2.ServicesClient, "delete_service", refuse_one)
    monkeypatch.setattr(lab, "STOP_SECONDS", 0)
    with pytest.raises(RuntimeError, match=f"service {WHERE}/services/stays: no"):
        lab.clean_up()
    monkeypatch.undo()
    services = run_v2.ServicesClient()
    with pytest.raises(NotFound):
        services.get_service(name=f"{WHERE}/services/zgoes")
    lab.clean_up()


def test_a_subnetwork_goes_when_its_last_instance_has_stopped(
    cloud: LocalCloud, entered: None
) -> None:
    """An instance that does not hear SIGTERM keeps its address for 10 seconds."""
    if not cloud.control.ask("status")["engine"].startswith("sandbox"):
        pytest.skip("a VPC network needs the sandbox engine")
    lab.enter(makes={"service": "keeps-on", "network": "slow"})
    vpc = "projects/hands-on/global/networks/slow"
    subnetwork = f"projects/hands-on/regions/{REGION}/subnetworks/slow"
    network.make(vpc, lab.labels(), {"autoCreateSubnetworks": False})
    network.make(subnetwork, lab.labels(), {"network": vpc, "ipCidrRange": "10.92.0.0/24"})
    container = run_v2.Container(
        image="gcr.io/cloudrun/hello", command=["python3", "-m", "http.server", "8080"]
    )
    template = run_v2.RevisionTemplate(
        containers=[container], vpc_access=network.direct(subnetwork), revision="keeps-on-1"
    )
    template.scaling.min_instance_count = 1
    service = run_v2.Service(labels=lab.labels(), template=template)
    run_v2.ServicesClient().create_service(
        parent=WHERE, service=service, service_id="keeps-on"
    ).result()
    lab.clean_up()
    with pytest.raises(Missing):
        network.get(subnetwork)


def test_waiting_moves_the_local_clock_and_not_yours(
    outside: dict[str, str], tmp_path: Path
) -> None:
    said = python(
        """
import datetime, time
from google.cloud import run_v2
from helpers import lab

lab.enter()

def hours_ahead():
    return lab._held.ask("status")["ahead_seconds"] / 3600

started = time.monotonic()
print(hours_ahead())
lab.wait(lambda: hours_ahead() >= 24, cloud_time="24h")
lab.wait(lambda: hours_ahead() >= 24, cloud_time="24h")
print(hours_ahead(), time.monotonic() - started < 60)
""",
        outside | {"LOCALCLOUD_HOME": str(tmp_path / "own")},
    )
    assert re.search(r"^0\.0\n24\.0 True$", said, re.MULTILINE), said


def test_time_passes_where_looking_would_disturb(outside: dict[str, str], tmp_path: Path) -> None:
    said = python(
        """
from helpers import lab
lab.enter()
lab.wait(None, cloud_time="2h")
print("ahead:", round(lab._held.ask("status")["ahead_seconds"] / 3600))
""",
        outside | {"LOCALCLOUD_HOME": str(tmp_path / "own")},
    )
    assert "ahead: 2\n" in said


def test_a_distance_is_simulated_until_the_lesson_ends(
    outside: dict[str, str], tmp_path: Path
) -> None:
    """The next lesson would be slow without a reason that anybody could see."""
    said = python(
        """
from helpers import lab

def shown():
    print("latency:", lab._held.ask("status")["latency"])

lab.enter()
lab.call_from("Seoul")
shown()
try:
    lab.call_from("Atlantis")
except ValueError as error:
    print("error:", error)
shown()
lab.clean_up()
shown()
""",
        outside | {"LOCALCLOUD_HOME": str(tmp_path / "own")},
    )
    seoul = "latency: simulated, from Seoul, South Korea (asia-northeast3)"
    assert [line for line in said.splitlines() if line.startswith("latency")] == [
        *(seoul, seoul, "latency: off"),
    ]
    assert "Simulated: your calls come from Seoul, South Korea" in said
    assert "error: There is no region 'Atlantis'. Choose one of: " in said


def test_on_google_no_distance_is_simulated(as_on_google: dict[str, str]) -> None:
    """Who measures on Google must know that it is the real way."""
    code = "from helpers import lab; lab.enter('google', 'hands-on'); lab.call_from('Seoul')"
    assert "Nothing is simulated on Google" in python(code, as_on_google)


def test_on_google_you_are_told_when_to_go_on(as_on_google: dict[str, str]) -> None:
    code = (
        "from helpers import lab; lab.enter('google', 'hands-on'); lab.wait(None, cloud_time='2h')"
    )
    assert "run the next cell when 2h have passed" in python(code, as_on_google)
