"""Every API that the local cloud serves."""

from .api import (
    artifactregistry_v1,
    cloudbuild_v1,
    cloudresourcemanager,
    compute_v1,
    iam_v1,
    iamcredentials_v1,
    logging_v2,
    oauth2,
    run_v1,
    run_v2,
    serviceusage_v1,
    storage_v1,
    storage_xml,
    unasked,
    vpcaccess_v1,
)

APIS = tuple(
    module.API
    for module in (
        run_v2,
        run_v1,
        cloudbuild_v1,
        artifactregistry_v1,
        storage_v1,
        storage_xml,
        iam_v1,
        iamcredentials_v1,
        logging_v2,
        oauth2,
        cloudresourcemanager,
        serviceusage_v1,
        compute_v1,
        vpcaccess_v1,
        unasked,
    )
)
