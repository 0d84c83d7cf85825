"""What a killed run has left goes by its label and its age, and nothing else does."""

from __future__ import annotations

from click.testing import CliRunner, Result
from google.cloud import artifactregistry_v1, iam_admin_v1, run_v2, storage
from google.cloud import dns as cloud_dns  # type: ignore[attr-defined]

from helpers import auth, clock, domains, network, registry, rest, service
from helpers.labels import KEY, Labels
from helpers.source import staging_bucket
from helpers.sweep import main
from tests.conftest import LocalCloud

REGION = "asia-northeast1"
IMAGE = "us-docker.pkg.dev/cloudrun/container/hello"
KINDS = (
    *("mapping", "service", "repository", "repository elsewhere", "account", "archive"),
    *("network", "zone"),
)
MINE, THEIRS = {KEY: "me"}, {KEY: "somebody-else"}


def swept(project: str, *options: str) -> Result:
    where = ["--project", project, "--region", REGION, "--older-than", "6h"]
    return CliRunner().invoke(main, [*where, *options])


def make(project: str, name: str, labels: Labels) -> None:
    """Make one of each kind, named ``name`` or, if it's a domain, after it."""
    parent = f"projects/{project}/locations/{REGION}"
    service.deploy(f"{parent}/services/{name}", IMAGE, labels)
    registry.make_repository(f"{parent}/repositories/{name}", labels)
    registry.make_repository(f"projects/{project}/locations/us/repositories/{name}", labels)
    auth.make_account(project, name, labels)
    archive = staging_bucket(project, labels).blob(f"source/{name}.tgz")
    archive.metadata = labels
    archive.upload_from_string(b"x")
    network.make(
        f"projects/{project}/global/networks/{name}", labels, {"autoCreateSubnetworks": False}
    )
    domain = f"{name}.com"
    zone = domains.zone_of(project, domain, labels)
    domains.set_records(zone, domain, "TXT", f'"{domains.verification_record(domain)}"')
    domains.verify(domain)
    domains.create(f"{parent}/services/{name}", domain, labels)


def ours(project: str) -> dict[str, set[str]]:
    """Return the short names of what there is of each kind, less what every project has."""
    parent = f"projects/{project}/locations"
    repositories = artifactregistry_v1.ArtifactRegistryClient().list_repositories
    bucket = storage.Client(project=project).lookup_bucket(f"{project}_cloudbuild")
    networks = rest.session().get(f"{network.COMPUTE}/projects/{project}/global/networks")
    accounts = iam_admin_v1.IAMClient().list_service_accounts(name=f"projects/{project}")
    services = run_v2.ServicesClient().list_services(parent=f"{parent}/{REGION}")
    found = [
        [each["metadata"]["name"] for each in domains.mappings(f"{parent}/{REGION}")],
        [each.name for each in services],
        [each.name for each in repositories(parent=f"{parent}/{REGION}")],
        [each.name for each in repositories(parent=f"{parent}/us")],
        [each.email.partition("@")[0] for each in accounts if "-compute@" not in each.email],
        [each.name for each in bucket.list_blobs()] if bucket else [],
        [each["name"] for each in networks.json()["items"] if each["name"] != "default"],
        [each.dns_name for each in cloud_dns.Client(project=project).list_zones()],
    ]
    short = [{name.rpartition("/")[2].partition(".")[0] for name in names} for names in found]
    return dict(zip(KINDS, short, strict=True))


def test_what_is_old_and_labelled_goes_whoever_made_it(cloud: LocalCloud, project: str) -> None:
    make(project, "sweep-old", THEIRS)
    unlabelled = f"projects/{project}/global/networks/sweep-unlabelled"
    network.make(unlabelled, {}, {"autoCreateSubnetworks": False})
    cloud.control.ask("advance", by="7h")
    make(project, "sweep-young", MINE)

    shown = swept(project, "--dry-run")
    assert shown.exit_code == 0, shown.output
    done = swept(project)
    assert done.exit_code == 0, done.output
    assert done.output.split() == shown.output.replace("would be deleted", "deleted").split()
    assert "sweep-old" in done.output, "who reads the log must see what is gone"

    young = {kind: {"sweep-young"} for kind in KINDS}
    assert ours(project) == young | {"network": {"sweep-young", "sweep-unlabelled"}}


def test_the_bucket_goes_with_its_last_archive(cloud: LocalCloud, project: str) -> None:
    archive = staging_bucket(project, MINE).blob("source/a.tgz")
    archive.metadata = THEIRS
    archive.upload_from_string(b"x")
    cloud.control.ask("advance", by="7h")
    assert swept(project).exit_code == 0
    assert storage.Client(project=project).lookup_bucket(f"{project}_cloudbuild") is None


def test_what_can_not_be_deleted_is_named_and_the_rest_goes(
    cloud: LocalCloud, project: str
) -> None:
    """A schedule that is green would hide that something goes on being billed."""
    vpc = f"projects/{project}/global/networks/mine"
    network.make(vpc, MINE, {"autoCreateSubnetworks": False})
    fields = {"network": vpc, "ipCidrRange": "10.0.0.0/24"}
    network.make(f"projects/{project}/regions/{REGION}/subnetworks/not-mine", {}, fields)
    repository = f"projects/{project}/locations/{REGION}/repositories/mine"
    registry.make_repository(repository, MINE)
    cloud.control.ask("advance", by="7h")
    done = swept(project)
    assert done.exit_code == 1
    assert f"Still there: network {vpc}: 400: " in done.output
    left = ours(project)
    assert (left["repository"], left["network"]) == (set(), {"mine"})


def test_an_api_that_is_not_enabled_is_no_failure(project: str) -> None:
    """Lessons on builds and services need neither zones nor networks."""
    for api in ("dns", "compute"):
        switch = f"https://serviceusage.googleapis.com/v1/projects/{project}/services"
        rest.checked(rest.session().post(f"{switch}/{api}.googleapis.com:disable", json={}))
    done = swept(project)
    assert (done.exit_code, done.output) == (0, "Nothing deleted.\n")


def test_a_project_that_is_not_there_is_told_in_words(cloud: LocalCloud) -> None:
    done = swept("no-such-project")
    assert done.exit_code == 1
    assert done.output.startswith("Error: 403 ")


def test_an_age_without_a_unit_is_refused(cloud: LocalCloud) -> None:
    done = swept("no-such-project", "--older-than", "6")
    assert done.exit_code == 2
    assert "'6' is not an age such as 90m, 6h or 2d." in done.output


def test_the_time_in_the_cloud_is_not_that_of_this_machine(cloud: LocalCloud) -> None:
    before = clock.now()
    cloud.control.ask("advance", by="2h")
    assert 2 <= (clock.now() - before).total_seconds() / 3600 < 2.1
