"""Messages that are ours: no recording or documentation of Google's own words was found.

They carry Google's code, status and field, and no lesson may show them as Google's words.
"""


def service_id() -> str:
    """A service id that breaks the rule of the API's reference for ``serviceId``."""
    return (
        "must contain only lower-case letters, digits and hyphens, begin with a letter,"
        " not end with a hyphen, and be shorter than 50 characters."
    )


def etag_mismatch(name: str) -> str:
    """A write with an etag that is not the resource's current one."""
    return f"The etag of '{name}' does not match: the resource was changed since it was read."


def page_token() -> str:
    """A page token that this method never gave out."""
    return "The page token is invalid."


def page_size() -> str:
    """A negative page size."""
    return "The page size must not be negative."


def unknown_mask_path(path: str) -> str:
    """A field mask that names no field, or one that cannot be changed."""
    return f"The update mask names '{path}', which is not a field that can be changed."


def revision_in_use(name: str) -> str:
    """Deleting a revision that is the service's latest or has traffic."""
    return f"Revision '{name}' is the latest one or has traffic and cannot be deleted."


def traffic_without_revision(name: str) -> str:
    """A traffic target whose revision does not exist."""
    return f"Revision '{name}' in the traffic targets was not found."


def unknown_location(location: str) -> str:
    """A location where the API is not served."""
    return f"Permission denied on 'locations/{location}' (or it may not exist)."


def build_has_ended(build_id: str) -> str:
    """Cancelling a build that is not running any more."""
    return f"Build {build_id} has ended and cannot be cancelled."


def image_host(host: str) -> str:
    """An image from a registry that this cloud does not have."""
    return f"images of {host}; push the image to gcr.io or pkg.dev"


def project_id() -> str:
    """A project id that breaks the rule of Resource Manager's reference."""
    return (
        "A project ID must be 6 to 30 lowercase letters, digits or hyphens, start with a letter"
        " and not end with a hyphen."
    )


def key_name(name: str) -> str:
    """A service account's key that does not exist."""
    return f"Service account key {name} does not exist."


def system_key() -> str:
    """Deleting or disabling a key that Google manages."""
    return "A system-managed key cannot be changed."


def no_owner() -> str:
    """A project's policy in which no person is an owner."""
    return "The policy must keep at least one user with roles/owner."


def public_project(member: str) -> str:
    """A project's policy with ``allUsers`` or ``allAuthenticatedUsers``."""
    return f"{member} is not supported as a member in a project's policy."


def permission_wildcard(permission: str) -> str:
    """TestIamPermissions with a wildcard."""
    return f"Permission {permission} has a wildcard, which is not allowed."


def wildcard_project() -> str:
    """An IAM Credentials call whose name has a project instead of ``-``."""
    return "The name must have the form projects/-/serviceAccounts/ACCOUNT_EMAIL_OR_UNIQUEID."


def scope_missing() -> str:
    """GenerateAccessToken without a scope."""
    return "At least one scope is required."


def lifetime() -> str:
    """GenerateAccessToken for less than a second or more than an hour."""
    return "The lifetime must be between 1s and 3600s."


def audience_missing() -> str:
    """GenerateIdToken without an audience."""
    return "An audience is required."


def jwt_payload() -> str:
    """SignJwt with a payload that is not a claims set, or that expires too late."""
    return "The payload must be a JSON object; its exp, if any, at most 12 hours from now."


def oauth_grant_type(grant_type: str) -> str:
    """A token request with a grant that is not served."""
    return f"The local cloud does not serve the grant type '{grant_type}'."


def oauth_missing(parameter: str) -> str:
    """A token request without a parameter that its grant needs."""
    return f"Missing required parameter: {parameter}"


def oauth_client() -> str:
    """A token request of an OAuth client that does not exist, or with another one's token."""
    return "The OAuth client was not found."


def oauth_scope() -> str:
    """An assertion with neither a scope nor a target audience, or a scope not granted before."""
    return "Invalid OAuth scope or ID token audience provided."


def oauth_subject() -> str:
    """An assertion that wants to act for somebody else."""
    return "Client is unauthorized to retrieve access tokens using this method."


def sign_in() -> str:
    """The browser's sign-in page."""
    return (
        "The local cloud has no sign-in page: `localcloud exec` and `localcloud env` hand out"
        " credentials without one."
    )


def unserved_api(service: str) -> str:
    """Switching on an API that is not served."""
    return f"The local cloud does not serve {service}."


def page_filter(text: str) -> str:
    """A list filter in a form that is not served."""
    return f"The local cloud does not serve the filter '{text}'."


def account_disabled(email: str) -> str:
    """Impersonating a service account that is disabled."""
    return f"Service account {email} is disabled."


def oauth_audience(url: str) -> str:
    """An assertion for another audience than the token endpoint."""
    return f"The assertion's aud must be {url}."


def batch_size(most: int) -> str:
    """A batch of nothing, or of too much."""
    return f"Between 1 and {most} services can be enabled at once."


def malformed_request() -> str:
    """The front door's page for bytes that are not HTTP/1.1."""
    return "Your client has issued a malformed or illegal request."


def not_receiving() -> str:
    """How a log line about an instance ends whose readiness probe has failed."""
    return "The instance receives no new requests."


def receiving_again() -> str:
    """How a log line about an instance ends whose readiness probe succeeds again."""
    return " The instance receives requests again."


def probe_period() -> str:
    """A probe that is to be repeated before its time is up; the reference of ``periodSeconds``."""
    return "Must be greater or equal than timeout_seconds."


def liveness_by_tcp() -> str:
    """A liveness or readiness probe by TCP, which the documentation does not have."""
    return "tcp_socket is supported for startup probes only."


def header_value() -> str:
    """A header of a probe with a value that HTTP does not allow."""
    return "must have visible ASCII characters, spaces and tabs only."


def bad_layer(image: str, what: str) -> str:
    """A revision whose image has a layer that cannot be unpacked."""
    return f"The layers of image '{image}' cannot be unpacked: {what}."


def cannot_run(what: str) -> str:
    """A log line for an instance that this machine could not run."""
    return f"The local cloud could not run the instance: {what}"


def registry_credentials() -> str:
    """A password or token that the docker registry does not take."""
    return "authentication failed: The credential is invalid or has expired."


def registry_disk(error: OSError) -> str:
    """A push that the disk does not take."""
    return f"the local cloud cannot write to its home: {error.strerror}"


def registry_path(method: str, path: str) -> str:
    """A request that is not one of the distribution specification, or not served."""
    return f"the local cloud does not serve {method} {path}"


def registry_digest(digest: str) -> str:
    """Something that is not a sha256 digest, or not that of what was sent."""
    return f"provided digest did not match uploaded content: {digest!r}"


def registry_name(name: str) -> str:
    """Tags of an image that does not exist."""
    return f"repository name not known to registry: {name}"


def registry_range() -> str:
    """A range that begins behind a blob's end."""
    return "the requested range cannot be satisfied"


def registry_blob(digest: str) -> str:
    """A blob that the repository does not have."""
    return f"blob unknown to registry: {digest}"


def registry_blob_deletion() -> str:
    """Deleting a single blob."""
    return "blobs are deleted with the last manifest that refers to them"


def registry_chunk() -> str:
    """A chunk that is out of order or not as long as it says."""
    return "the chunk does not fit what has been uploaded so far"


def registry_upload() -> str:
    """An upload that was never opened, or has ended."""
    return "blob upload unknown to registry"


def bucket_location(location: str) -> str:
    """A bucket in a location that does not exist, or is not served here."""
    return f"The specified location constraint is not valid: {location}"


def bucket_project(project: str) -> str:
    """A bucket in a project that does not exist."""
    return f"Unknown project id: {project}"


def storage_class(name: str) -> str:
    """A storage class that does not exist."""
    return f"Invalid storage class: {name}"


def field_type(field: str) -> str:
    """A field of a bucket or an object with a value of the wrong kind."""
    return f"Invalid value for: {field}"


def soft_delete(seconds: str) -> str:
    """A soft-delete duration that is neither 0 nor 7 to 90 days."""
    return f"Soft delete retention must be 0 or between 7 and 90 days, not {seconds} seconds."


def query_number(name: str, text: str) -> str:
    """A query parameter that is not a number."""
    return f"Invalid unsigned value for {name}: '{text}'"


def object_name() -> str:
    """An object's name that breaks the naming rules."""
    return (
        "An object's name must have 1 to 1024 bytes of UTF-8 without carriage returns and line"
        " feeds, must not be '.' or '..' and must not begin with '.well-known/acme-challenge/'."
    )


def upload_type(kind: str) -> str:
    """An upload with a type that does not exist."""
    return f"Unknown uploadType: '{kind}'"


def multipart() -> str:
    """A two-part upload that does not have two parts."""
    return "Malformed multipart body."


def upload_session() -> str:
    """A resumable upload that never began, or was forgotten after a week."""
    return "The upload session was not found."


def upload_cancelled() -> str:
    """A resumable upload that was cancelled."""
    return "The upload was cancelled."


def upload_size(total: int, persisted: int) -> str:
    """A resumable upload that is said to be shorter than what has arrived."""
    return f"The upload is said to have {total} bytes, but {persisted} have arrived."


def content_range(header: str) -> str:
    """A Content-Range header that is malformed, or contradicts the request."""
    return f"Failed to parse Content-Range header: {header}"


def compose_sources(most: int) -> str:
    """Composing nothing, or too many objects."""
    return f"The number of source components provided must be between 1 and {most}."


def repository_filter(text: str) -> str:
    """A filter of repositories by something else than their name."""
    return f"Unsupported filter: {text}"


def repository_order(text: str) -> str:
    """An order of repositories that is not served."""
    return f"Unsupported order: {text}"


def repository_id() -> str:
    """A repository id that breaks the rule of Artifact Registry's reference."""
    return (
        "A repository ID must have at most 63 lowercase letters, digits and hyphens, start with a"
        " letter and end with a letter or a digit."
    )


def repository_format() -> str:
    """A repository without a format."""
    return "A repository needs a format."


def other_package(version: str) -> str:
    """A version where one of the same package is due."""
    return f"'{version}' is not a version of this package."


def tag_id() -> str:
    """A tag that the registry protocol does not allow."""
    return "A tag must match [A-Za-z0-9_][A-Za-z0-9._-]{0,127}."


def tag_exists() -> str:
    """Creating a tag that exists."""
    return "the tag already exists"


def metadata_flavor() -> str:
    """A request to the metadata server without the header that every one must have."""
    return 'Missing required header "Metadata-Flavor": "Google"\n'


def metadata_forwarded() -> str:
    """A request to the metadata server that somebody has passed on."""
    return "Request not allowed: it has a header X-Forwarded-For.\n"


def metadata_method() -> str:
    """A request that would change something on the metadata server."""
    return "The metadata server answers GET and HEAD only.\n"


def metadata_path(path: str) -> str:
    """A path that the metadata server does not have."""
    return f"Not found: {path}\n"


def metadata_waiting() -> str:
    """A request to wait until a value changes; of an instance of Cloud Run none ever does."""
    return "wait_for_change is not served.\n"


def metadata_audience() -> str:
    """A request for an ID token for nobody."""
    return "non-empty audience parameter required\n"


def metadata_format() -> str:
    """A request for an ID token of an unknown form."""
    return "format must be standard or full.\n"


def metadata_account(email: str) -> str:
    """A request for a token of an account that was disabled or deleted."""
    return f"Service account {email} is disabled or does not exist.\n"


def filter_too_long(most: int) -> str:
    """A log filter that is longer than Cloud Logging takes."""
    return f"The filter must not be longer than {most:,} characters."


def filter_too_deep(most: int) -> str:
    """A log filter with more parentheses inside one another than is served."""
    return f"The filter has more than {most} parentheses and negations inside one another."


def filter_function(name: str) -> str:
    """A function in a log filter that does not exist."""
    return f"unknown function '{name}'"


def filter_field(path: str) -> str:
    """A field in a log filter that a LogEntry does not have."""
    return f"unknown field '{path}'"


def filter_object(path: str, operator: str) -> str:
    """A comparison in a log filter that the field's type does not have."""
    return f"field '{path}' cannot be compared by '{operator}'"


def filter_pattern(pattern: str) -> str:
    """A regular expression in a log filter that RE2 would not take."""
    return f"invalid regular expression '{pattern}'"


def log_page_size(most: int) -> str:
    """A page of log entries or logs that is negative or too large."""
    return f"The page size must be between 0 and {most}."


def log_order() -> str:
    """Log entries in an order that does not exist."""
    return "The order must be 'timestamp asc' or 'timestamp desc'."


def log_parents(most: int) -> str:
    """A request for log entries of nothing, or of too much."""
    return f"Between 1 and {most} resource names are required."


def log_name() -> str:
    """The name of a log that breaks the rule of the API's reference for ``logName``."""
    return (
        "A log name must be projects/PROJECT/logs/LOG; LOG is URL-encoded, shorter than 512"
        " characters, and has letters, digits, '/', '_', '-' and '.'."
    )


def log_resource() -> str:
    """Writing a log entry that no monitored resource belongs to."""
    return "A monitored resource is required."


def log_proto_payload() -> str:
    """Writing a log entry whose protoPayload has a type that is not known here."""
    return "protoPayload of this type"


def annotation(text: str) -> str:
    """An annotation of Run v1 with a value that it cannot have."""
    return f"'{text}' is not a value of this annotation."


def kind(expected: str) -> str:
    """A Run v1 resource that says it is something else."""
    return f"must be '{expected}'."


def namespace(namespace: str) -> str:
    """A Run v1 service that says it belongs to another project."""
    return f"must be the project of the request: {namespace}."


def resource_name(name: str) -> str:
    """A Run v1 service that says it has another name."""
    return f"must be the name in the request: {name}."


def resource_version(text: str) -> str:
    """A resource version that was never given out."""
    return f"'{text}' is not a resource version."


def label_selector(text: str) -> str:
    """A label selector that breaks Kubernetes' grammar."""
    return f"'{text}' is not a label selector."


def list_limit(text: str) -> str:
    """A limit of a list that is no number, or negative."""
    return f"'{text}' is not a number of resources."


def dry_run(text: str) -> str:
    """A dry run of another kind than the one that exists."""
    return f"dryRun must be 'all', not '{text}'."


def regional_host(location: str) -> str:
    """A call of the namespaced API on the host that belongs to no region."""
    return f"Namespaced resources are served at LOCATION-run.googleapis.com, not at {location}."


def env_name() -> str:
    """A name that no program could ask for."""
    return "must not contain '=' or a null character."


def env_value() -> str:
    """A value that would end too early for every program."""
    return "must not contain a null character."


def one_of(known: tuple[str, ...]) -> str:
    """A value of an enumeration that a field of Cloud Run cannot have."""
    return f"must be one of {', '.join(known)}."


def traffic_target() -> str:
    """A traffic target of Run v1 for no revision, or for two."""
    return "must have a revisionName or latestRevision true, and not both."


def domain_name() -> str:
    """A domain that is no domain name, or a name with a wildcard."""
    return "must be a domain name in lower case, such as www.example.com, without a wildcard."


def domain_length(most: int) -> str:
    """A domain mapping whose name is too long for a certificate."""
    return f"must be {most} characters or less."


def not_owner(domain: str) -> str:
    """A verified site of somebody else, or of nobody."""
    return f"You are not an owner of '{domain}'."


def owner_stays() -> str:
    """An update of a site's owners that would leave the caller out."""
    return "must contain the caller; to give up ownership, delete the resource."


def no_application(project: str) -> str:
    """A project without an application of App Engine."""
    return f"There is no App Engine application in project '{project}'."


def route_missing(route: str) -> str:
    """A domain mapping to a service that does not exist."""
    return f"Service '{route}' does not exist in this region."


def mapped_elsewhere(domain: str) -> str:
    """A domain mapping for a domain that another project or region has mapped."""
    return f"'{domain}' is already mapped in another region or project."


def public_zone_network() -> str:
    """A managed zone of Cloud DNS that is public and yet for some networks only."""
    return "A public managed zone cannot have networks."


def wildcard_ns(field: str) -> str:
    """A delegation of all names at once; the rule is in Cloud DNS' list of error messages."""
    return f"The resource record set '{field}' has the wrong type to be a wildcard: 'NS'."


def dns_quota(limit: str) -> str:
    """More of something than Cloud DNS takes; the name is that of the quota in projects.get."""
    return f"The change would exceed the quota '{limit}'."


def dns_type_alone() -> str:
    """Listing record sets of a type, of no name: the reference says that it takes both."""
    return "The parameter 'type' needs the parameter 'name'."


def doh_name() -> str:
    """A question to Google Public DNS over HTTPS without a name, or with something else."""
    return "The parameter 'name' must be a DNS name."


def doh_type() -> str:
    """A question to Google Public DNS over HTTPS for a type that does not exist."""
    return "The parameter 'type' must be a number or the name of a DNS record type."


def doh_elsewhere() -> str:
    """The comment of Google Public DNS over HTTPS on a name in no managed zone."""
    return "The local cloud knows the names in Cloud DNS' managed zones only."
