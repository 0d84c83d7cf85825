#!/usr/bin/env bash
# Makes the account that ships. An owner runs it once. Its roles count in the whole project: where that
# holds more than this service, give them on the service, the repository and the bucket instead.
set -euo pipefail

project=$(gcloud config get project)
account=shipper@$project.iam.gserviceaccount.com
gcloud iam service-accounts create shipper

roles='
    run.developer             deploy, and move the traffic
    run.invoker               call the service in the test
    logging.viewer            read the answers in the request log
    artifactregistry.writer   push the image, in Cloud Build
    logging.logWriter         write the log of the build
    cloudbuild.builds.editor  start a build, from GitHub
    storage.admin             upload the source for that
    serviceusage.serviceUsageConsumer  use the APIs of the project
'
while read -r role _; do
    [ -z "$role" ] || gcloud projects add-iam-policy-binding "$project" --condition None \
        --member "serviceAccount:$account" --role "roles/$role" --format none
done <<<"$roles"

# The service and the build run as the default account, unless you name another. Where that account is
# an editor, so is whoever ships: then let both run as accounts of their own, and name those here.
number=$(gcloud projects describe "$project" --format 'value(projectNumber)')
gcloud iam service-accounts add-iam-policy-binding --format none \
    "$number-compute@developer.gserviceaccount.com" \
    --member "serviceAccount:$account" --role roles/iam.serviceAccountUser

# It asks for an ID token of its own, to call the service with.
gcloud iam service-accounts add-iam-policy-binding "$account" --format none \
    --member "serviceAccount:$account" --role roles/iam.serviceAccountTokenCreator
