"""Every API that the local cloud serves."""

from .api import (
    artifactregistry_v1,
    cloudbuild_v1,
    cloudresourcemanager,
    dns_v1,
    iam_v1,
    iamcredentials_v1,
    logging_v2,
    oauth2,
    public_dns,
    run_v1,
    run_v1_domains,
    run_v2,
    serviceusage_v1,
    siteverification_v1,
    storage_v1,
    storage_xml,
    unasked,
)

APIS = tuple(
    module.API
    for module in (
        run_v2,
        run_v1,
        run_v1_domains,
        cloudbuild_v1,
        artifactregistry_v1,
        storage_v1,
        storage_xml,
        iam_v1,
        iamcredentials_v1,
        logging_v2,
        oauth2,
        public_dns,
        cloudresourcemanager,
        dns_v1,
        serviceusage_v1,
        siteverification_v1,
        unasked,
    )
)
