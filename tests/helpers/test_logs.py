"""The reason of a failed deployment is found in the log."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import FailedPrecondition

from helpers import logs, service
from tests.conftest import LocalCloud, eventually

NAME = "projects/hands-on/locations/asia-northeast3/services/for-logs"


def test_what_a_failed_revision_printed_is_read_and_nothing_of_others(cloud: LocalCloud) -> None:
    deployed = service.deploy(NAME, "us-docker.pkg.dev/cloudrun/container/hello", labels={})
    try:
        deployed.template.revision = "for-logs-broken"
        deployed.template.containers[0].command = ["python", "main.py"]
        with pytest.raises(FailedPrecondition):
            service.update(deployed)
    finally:
        service.delete(NAME)
    found = eventually(
        lambda: logs.of_revision("hands-on", "for-logs-broken"),
        lambda found: {"stderr", "system"} <= {line.log for line in found},
    )
    (said,) = [line.text for line in found if line.log == "stderr"]
    assert "main.py" in said
    assert "exit(2)" in " ".join(line.text for line in found if line.log == "system")
