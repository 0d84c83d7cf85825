#!/usr/bin/env bash
# Ships an image: deploys it without traffic, tests it, then moves the traffic to it step by step.
# When something is wrong it moves all traffic back, and ends with a status that is not 0.
#
#   SERVICE   the service, which must be there already
#   REGION    where it is
#   IMAGE     the image to ship
#   COMMIT    the commit that the image was built from
#   ACCOUNT   the service account that calls the service in the test
set -euo pipefail
export CLOUDSDK_RUN_REGION=$REGION

PAGE='/?name=Ada' # What the test calls.
STEPS='10 50 100' # Percents of the traffic.
ANSWERS=10        # How many answers of the new revision are looked at in each step.
PATIENCE=60       # Seconds after which a step ends with fewer answers.

revision=$SERVICE-$COMMIT

traffic() { # Prints one field of the line of traffic for which a condition holds.
    gcloud run services describe "$SERVICE" \
        --format "value(status.traffic.filter('$1').extract($2).flatten())"
}

answers_since() { # Prints the statuses of the first answers that the new revision gave.
    gcloud logging read --order asc --limit $ANSWERS --format 'value(httpRequest.status)' \
        "log_id(\"run.googleapis.com/requests\") AND timestamp>=\"$1\"
         AND resource.labels.revision_name=\"$revision\""
}

roll_back() {
    echo "Rolling back: $before gets all the traffic."
    gcloud run services update-traffic "$SERVICE" --to-revisions "$before=100"
}

before=$(traffic percent=100 revisionName)
if [ -z "$before" ]; then
    echo "The traffic is split: another pipeline is at work, or was stopped half-way." >&2
    exit 1
fi

gcloud run deploy "$SERVICE" --image "$IMAGE" --revision-suffix "$COMMIT" \
    --no-traffic --tag candidate

address=$(traffic tag=candidate url)
token=$(gcloud auth print-identity-token --impersonate-service-account "$ACCOUNT" \
    --audiences "${address/candidate---/}")
curl --fail --silent --show-error -H "Authorization: Bearer $token" "$address$PAGE"
echo

trap roll_back EXIT
for percent in $STEPS; do
    gcloud run services update-traffic "$SERVICE" --to-revisions "$revision=$percent"
    since=$(date -u +%FT%TZ)
    end=$((SECONDS + PATIENCE))
    while true; do
        answers=$(answers_since "$since")
        if grep '^5' <<<"$answers"; then
            echo "$percent %: callers got a server error." >&2
            exit 1
        fi
        if [ "$(wc -w <<<"$answers")" -ge $ANSWERS ] || [ $SECONDS -ge $end ]; then
            break
        fi
        sleep 1
    done
done
trap - EXIT
echo "Shipped: $revision gets all the traffic."
