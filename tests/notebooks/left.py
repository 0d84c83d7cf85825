"""Print what of the lessons is left in the cloud that this runs in, one resource a line.

A lesson labels all that it makes with ``hands-on-run``; what a lesson only stores in a bucket has
the label in its metadata, and what has no labels in its description, such as a service account. A
verified domain has none. With ``--all`` what has no label is printed too, but for the network that
every project has.
"""

from __future__ import annotations

import sys
from collections.abc import Container

from google.cloud import artifactregistry_v1, iam_admin_v1, run_v2, storage
from google.cloud import dns as cloud_dns  # type: ignore[attr-defined]

from helpers import domains, network

LABEL = "hands-on-run"
ALL = "--all" in sys.argv
PROJECT, *REGIONS = [argument for argument in sys.argv[1:] if argument != "--all"]


def counts(labels: Container[str]) -> bool:
    return ALL or LABEL in labels


for region in REGIONS:
    parent = f"projects/{PROJECT}/locations/{region}"
    for service in run_v2.ServicesClient().list_services(parent=parent):
        print(service.name)
    for mapping in domains.mappings(parent):
        print(mapping["metadata"]["selfLink"])
    for thing in network.with_description(PROJECT, region, lambda text, made: counts(text)):
        if not thing[1].rpartition("/")[2].startswith("default"):
            print(thing[1])
for domain in domains.verified(PROJECT):
    print(f"ownership of {domain}")
for zone in cloud_dns.Client(project=PROJECT).list_zones():
    if counts(zone.description or ""):
        print(f"{zone.project}/{zone.name}")
registry = artifactregistry_v1.ArtifactRegistryClient()
for location in registry.list_locations({"name": f"projects/{PROJECT}"}).locations:
    for repository in registry.list_repositories(parent=location.name):
        if counts(repository.labels):
            print(repository.name)
for account in iam_admin_v1.IAMClient().list_service_accounts(name=f"projects/{PROJECT}"):
    if counts(account.description):
        print(account.email)
client = storage.Client(project=PROJECT)
for bucket in client.list_buckets():
    if counts(bucket.labels):
        print(bucket.name)
    for blob in client.list_blobs(bucket):
        if counts(blob.metadata or {}):
            print(f"{bucket.name}/{blob.name}")
