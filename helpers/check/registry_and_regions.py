"""The exercises of lesson 02: they look at repositories, tags, builds and who may read."""

from __future__ import annotations

from typing import NamedTuple

from google.cloud.artifactregistry_v1 import ArtifactRegistryClient

from helpers import build, lab, registry
from helpers.check import Outcome, exercise, not_tried, not_yet, passed
from helpers.clients import client

READER = "roles/artifactregistry.reader"


@exercise
def keep_in_region() -> Outcome:
    """Whether the repository in the region holds the very image that is `v1` elsewhere."""
    near, far = _repositories()
    wanted = registry.tags(far.image)["v1"]
    held = {image.uri.partition("@")[2]: image.tags for image in registry.images(near.name)}
    if wanted in held:
        return passed(f"The first version is in {near.location}, with the same digest.")
    if any("v1" in tags for tags in held.values()):
        return not_yet(f"The v1 in {near.location} has another digest, so it is another image.")
    return not_tried(f"There is no v1 in {near.location} yet.")


@exercise
def move_back() -> Outcome:
    """Whether `stable` names the first version again, with no build since the second was sent."""
    _, far = _repositories()
    tags = registry.tags(far.image)
    if tags["stable"] == tags["v2"]:
        return not_tried("stable names the second version.")
    if tags["stable"] != tags["v1"]:
        return not_yet("stable names neither the first version nor the second.")
    (second,) = [image for image in registry.images(far.name) if "v2" in image.tags]
    if any(
        tag.startswith(far.image) for one in build.since(second.upload_time) for tag in one.images
    ):
        return not_yet("There was a build since you sent v2. Build v1 and send v2 again first.")
    return passed("stable names the first version, and nothing was built for it.")


@exercise
def let_it_read() -> Outcome:
    """Whether the account has the reader's role on the repository elsewhere, and no other."""
    project, _ = lab.place()
    (puller,) = lab.made("service account")
    member = f"serviceAccount:{puller}@{project}.iam.gserviceaccount.com"
    _, far = _repositories()
    policy = client(ArtifactRegistryClient).get_iam_policy(request={"resource": far.name})
    roles = {line.role for line in policy.bindings if member in line.members}
    if not roles:
        return not_tried(f"{puller} has no role on the repository in {far.location}.")
    if roles != {READER}:
        return not_yet(f"{puller} has {', '.join(sorted(roles))}. To read, {READER} is enough.")
    return passed(f"{puller} may read the repository in {far.location}, and nothing more.")


class _Repository(NamedTuple):
    """Where a repository is, its full name, and the name that the lesson's image has in it."""

    location: str
    name: str
    image: str


def _repositories() -> list[_Repository]:
    """The two that the lesson makes: in the region that was entered, and elsewhere."""
    project, region = lab.place()
    found = []
    for made in lab.made("repository"):
        elsewhere, _, short = made.rpartition("/")
        location = elsewhere or region
        name = f"projects/{project}/locations/{location}/repositories/{short}"
        image = f"{location}-docker.pkg.dev/{project}/{short}/helloflask"
        found.append(_Repository(location, name, image))
    return found
