"""The files of lesson 08 that ship without a notebook: each step is run here, as it stands there.

Nothing here is GitHub or a worker of Google's: the steps of `cloudbuild.yaml` that docker runs are
run by the local cloud's Cloud Build, all others by the shell of this machine. A key stands in for
the token that GitHub or Cloud Build gives the account.
"""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from google.cloud.devtools import cloudbuild_v1

from helpers import callers, pipeline, registry, service
from tests.clients.gcloud.conftest import Gcloud
from tests.conftest import REGION, LocalCloud

SHIP = Path(__file__).parents[3] / "notebooks/apps/ship"
WORKFLOW = yaml.safe_load((SHIP / ".github/workflows/ship.yml").read_text())
PROJECT = "hands-on"
ACCOUNT = f"shipper@{PROJECT}.iam.gserviceaccount.com"
LOCATION = f"projects/{PROJECT}/locations/{REGION}"
SAMPLE = "us-docker.pkg.dev/cloudrun/container/hello"

COMMITS = {
    "good": 'return f"Welcome {name}!"',
    "typo": 'return f"Welcome {nmae}!"',
    "ascii": "return f\"Welcome {name.encode('ascii').decode()}!\"",
}
SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER_SHA = SHA[::-1]
"""For a test whose pipeline reads the log: the cloud's clock may be ahead of ``date``, so it would
see an earlier revision of the same name.
"""
SHORT = SHA[:7]
"""git's name of a commit, and the part of it that the pipelines use."""


@pytest.fixture(scope="module")
def owner(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcloud]:
    """Who has run account.sh; the account and the repository are gone afterwards."""
    config = tmp_path_factory.mktemp("owner")
    shutil.copytree(cloud.home.gcloud, config, dirs_exist_ok=True)
    owner = Gcloud(PROJECT, config)
    registry.make_repository(f"{LOCATION}/repositories/ship-it", labels={})
    run(owner, "bash account.sh", SHIP).check_returncode()
    yield owner
    owner.ok("iam", "service-accounts", "delete", ACCOUNT)
    owner.ok("artifacts", "repositories", "delete", "ship-it", f"--location={REGION}")


@pytest.fixture(scope="module")
def shipper(owner: Gcloud, tmp_path_factory: pytest.TempPathFactory) -> Gcloud:
    """The account that ships, which may do what account.sh gave it and nothing else."""
    config = tmp_path_factory.mktemp("shipper")
    shutil.copytree(owner.config, config, dirs_exist_ok=True)
    key = str(config / "key.json")
    owner.ok("iam", "service-accounts", "keys", "create", key, f"--iam-account={ACCOUNT}")
    shipper = replace(owner, config=config)
    shipper.ok("auth", "activate-service-account", f"--key-file={key}")
    return shipper


@dataclass(frozen=True)
class Served:
    """A service that has callers."""

    name: str
    first: str
    statuses: list[int]

    def traffic(self) -> Counter[str]:
        """Percents by revision; gcloud gives a tag a line of its own."""
        found: Counter[str] = Counter()
        for line in service.get(self.name).traffic_statuses:
            found[line.revision] += line.percent
        return found


@pytest.fixture
def served(cloud: LocalCloud) -> Iterator[Served]:
    name = f"{LOCATION}/services/ship-it"
    first = service.deploy(name, SAMPLE, labels={}).latest_ready_revision.rpartition("/")[2]
    with callers.calling(service.url(name), ["/?name=Ada", "/?name=Zoë"]) as statuses:
        yield Served(name, first, statuses)
    service.delete(name)


@pytest.fixture
def checkout(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The files of a commit, as git lays them down."""
    folder = shutil.copytree(SHIP, tmp_path / "checkout")
    app = folder / "app.py"
    app.write_text(app.read_text().replace('return f"Hello {name}!"', COMMITS[request.param]))
    return folder


def run(
    account: Gcloud, script: str, folder: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """A script, run as GitHub runs the line of a step: by bash, which stops at the first error."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={**account.environ(), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("checkout", ["good"], indirect=True)
def test_the_steps_for_cloud_build_ship_a_good_commit(
    owner: Gcloud, shipper: Gcloud, served: Served, checkout: Path
) -> None:
    refusal = owner.refused(
        *("builds", "submit", "--config=cloudbuild.yaml", f"--substitutions=SHORT_SHA={SHORT}"),
        f"--service-account=projects/{PROJECT}/serviceAccounts/{ACCOUNT}",
        cwd=checkout,
    )
    assert "unsupported builder bash" in refusal
    found = cloudbuild_v1.CloudBuildClient().list_builds(project_id=PROJECT)
    newest = max(found, key=lambda build: build.create_time)
    statuses = {step.id: step.status.name for step in newest.steps}
    assert statuses == {"build": "SUCCESS", "push": "SUCCESS", "ship": "FAILURE"}

    ship = newest.steps[2]
    environ = dict(variable.partition("=")[::2] for variable in ship.env)
    assert environ == {
        "SERVICE": "ship-it",
        "REGION": REGION,
        "IMAGE": f"{REGION}-docker.pkg.dev/{PROJECT}/ship-it/app:{SHORT}",
        "COMMIT": SHORT,
        "ACCOUNT": ACCOUNT,
    }
    done = run(shipper, " ".join([ship.entrypoint, *ship.args]), checkout, **environ)
    assert done.returncode == 0, done.stdout
    assert "Welcome Ada!" in done.stdout
    assert served.traffic() == {f"ship-it-{SHORT}": 100}
    assert set(served.statuses) == {200}


@pytest.mark.parametrize("checkout", ["ascii"], indirect=True)
def test_the_steps_for_github_take_back_what_fails_for_callers(
    shipper: Gcloud, served: Served, checkout: Path
) -> None:
    steps = [step["run"] for step in WORKFLOW["jobs"]["ship"]["steps"] if "run" in step]
    environ = {**WORKFLOW["env"], "GITHUB_SHA": OTHER_SHA}
    *before, last = [run(shipper, step, checkout, **environ) for step in steps]
    assert [done.returncode for done in before] == [0] * (len(steps) - 1), before[-1].stdout
    assert last.returncode == 1, last.stdout
    assert "10 %: callers got a server error." in last.stdout
    assert served.traffic() == {served.first: 100, f"ship-it-{OTHER_SHA[:7]}": 0}
    assert set(served.statuses) == {200, 500}


@pytest.mark.parametrize("checkout", ["typo"], indirect=True)
def test_what_fails_in_the_test_meets_no_caller(
    shipper: Gcloud, served: Served, checkout: Path
) -> None:
    image = f"{REGION}-docker.pkg.dev/{PROJECT}/ship-it/app:typo"
    pipeline.build(checkout, image, labels={})
    environ = {"SERVICE": "ship-it", "REGION": REGION, "ACCOUNT": ACCOUNT}
    done = run(shipper, "bash ship.sh", checkout, **environ, IMAGE=image, COMMIT="typo")
    assert done.returncode != 0
    assert "The requested URL returned error: 500" in done.stdout
    assert served.traffic() == {served.first: 100, "ship-it-typo": 0}
    assert set(served.statuses) == {200}
