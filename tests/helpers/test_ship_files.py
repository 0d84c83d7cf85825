"""The files of lesson 08 mean what their readers think: Cloud Build, GitHub and bash.

That their steps do what they say is seen in `tests/clients/gcloud/test_ship.py`.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from google.cloud.devtools import cloudbuild_v1
from google.protobuf import json_format

SHIP = Path(__file__).parents[2] / "notebooks/apps/ship"
BUILD = (SHIP / "cloudbuild.yaml").read_text()
WORKFLOW = (SHIP / ".github/workflows/ship.yml").read_text()


def test_cloud_build_knows_every_field_of_its_file() -> None:
    build = json_format.ParseDict(yaml.safe_load(BUILD), cloudbuild_v1.Build.pb()())
    assert [step.id for step in build.steps] == ["build", "push", "ship"]


def test_an_unknown_field_would_be_noticed() -> None:
    with pytest.raises(json_format.ParseError, match="entrypiont"):
        json_format.ParseDict(
            yaml.safe_load(BUILD.replace("entrypoint", "entrypiont")), cloudbuild_v1.Build.pb()()
        )


def test_the_workflow_has_a_token_of_its_own_and_no_key() -> None:
    workflow = yaml.safe_load(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    assert all("permissions" not in job for job in workflow["jobs"].values())
    assert not re.search(r"credentials_json|secrets\.|private_key", WORKFLOW)


def test_the_actions_are_pinned_to_a_commit() -> None:
    """A tag can be moved to other code, and that code would run with the account's rights."""
    uses = re.findall(r"uses: (.*)", WORKFLOW)
    assert len(uses) == 3
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use) for use in uses)


def test_both_run_the_same_script() -> None:
    assert "args: [ship.sh]" in BUILD
    assert WORKFLOW.rstrip().endswith("bash ship.sh")


@pytest.mark.parametrize("script", sorted(SHIP.glob("*.sh")), ids=lambda path: path.name)
def test_bash_understands_a_script(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
