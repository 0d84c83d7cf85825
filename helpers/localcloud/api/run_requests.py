"""What both versions of the Cloud Run API do before they change or show anything."""

from __future__ import annotations

from typing import Any

from ...regions import REGIONS
from .. import unrecorded
from ..cloud import Cloud
from ..errors import GoogleError
from ..identity.accounts import compute_account
from . import run_revisions, run_vpc
from .methods import Call
from .run_services import Name
from .run_validation import Check, complete

Document = dict[str, Any]


def location(cloud: Cloud, parent: str) -> tuple[str, str]:
    """Project id and location of a parent. Raises GoogleError if either does not exist."""
    _, project, _, region = parent.split("/")[:4]
    project = cloud.accounts.project(project)["projectId"]
    if region not in REGIONS:
        raise GoogleError("PERMISSION_DENIED", unrecorded.unknown_location(region))
    return project, region


def service_name(cloud: Cloud, full_name: str) -> Name:
    """The service that a name is, or is below. Raises GoogleError for an unknown place."""
    project, region = location(cloud, full_name)
    return Name(project, region, full_name.split("/")[5])


def completed(call: Call, document: Document, project: str, check: Check) -> Document:
    """A checked and completed service. Raises GoogleError for what is wrong in it."""
    cloud = call.cloud
    document = {key: value for key, value in document.items() if key != "name"}
    check.service(document)
    number = cloud.accounts.project_number(project)
    desired = complete(document, compute_account(number))
    email = desired["template"]["serviceAccount"]
    account = cloud.accounts.find_service_account(email)
    if not cloud.policies.may_act_as(call.principal, account):
        raise GoogleError(
            "PERMISSION_DENIED",
            f"Permission 'iam.serviceaccounts.actAs' denied on service account {email}"
            " (or it may not exist).",
        )
    return desired


def check_change(
    call: Call, name: Name, desired: Document, current: Document, check: Check
) -> None:
    """Raises GoogleError when a completed service may not replace the current one, or ``{}``."""
    if desired["template"] != current.get("template"):
        _check_revision_name(call.cloud, name, desired, check)
        if access := desired["template"].get("vpcAccess"):
            run_vpc.check_here(call.cloud, name.project, name.location, access, check.refuse)
    # Source: https://docs.cloud.google.com/run/docs/authenticating/public (2026-11-24)
    if desired.get("invokerIamDisabled", False) != current.get("invokerIamDisabled", False):
        call.cloud.policies.require(call.principal, "run.services.setIamPolicy", str(name))


def _check_revision_name(cloud: Cloud, name: Name, desired: Document, check: Check) -> None:
    chosen = desired["template"].get("revision")
    if not chosen:
        return
    if not chosen.startswith(f"{name.service}-"):
        raise check.refuse(
            "service.template.revision", f"must be prefixed by the service name: {name.service}-"
        )
    made_from = run_revisions.made_from(cloud, f"{name}/revisions/{chosen}")
    if made_from is not None and made_from != desired["template"]:
        # Source: https://github.com/pulumi/pulumi-gcp/issues/350 (2020-05-25)
        raise GoogleError(
            "ALREADY_EXISTS",
            f"Revision named '{chosen}' with different configuration already exists.",
        )


def deletable_revision(cloud: Cloud, service: Document, full_name: str) -> Document:
    """A revision that may be deleted. Raises GoogleError for the latest one, or one in use."""
    revision = run_revisions.get(cloud, full_name)
    short = full_name.rpartition("/")[2]
    if service.get("latestCreatedRevision") == full_name:
        # Source: a test of 2026 in a public repository that quotes gcloud's output.
        text = f"The latest created Revision '{short}' cannot be directly deleted."
        raise GoogleError("FAILED_PRECONDITION", text)
    wanted_or_served = [*service["traffic"], *service.get("trafficStatuses", [])]
    targets = {target.get("revision") for target in wanted_or_served}
    if short in targets or service.get("latestReadyRevision") == full_name:
        raise GoogleError("FAILED_PRECONDITION", unrecorded.revision_in_use(short))
    return revision
