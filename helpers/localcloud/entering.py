"""What it means to be inside a local cloud: the environment variables, all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping

from .gateway.upstream import PROXY_USER
from .home import Home
from .names import PROJECT

UNSET = (
    "grpc_proxy",
    "no_grpc_proxy",
    "ALL_PROXY",
    "all_proxy",
    "GCE_METADATA_HOST",
    "GCE_METADATA_IP",
    "GCE_METADATA_ROOT",
    "SSL_CERT_DIR",
)
UNSET_PATTERNS = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_", "CLOUDSDK_AUTH_", "_EMULATOR_HOST")
CA_VARIABLES = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "HTTPLIB2_CA_CERTS",
)
NO_PROXY = "localhost,127.0.0.1,::1"


def environment(home: Home, environ: Mapping[str, str] = os.environ) -> dict[str, str | None]:
    """The variables that take a process inside; None stands for one to unset.

    Nothing is appended to what is there: a half-replaced proxy or CA setting is worse than none.
    """
    settings = home.settings()
    proxy = f"http://{PROXY_USER}:{settings.secret}@127.0.0.1:{settings.port}"
    changes: dict[str, str | None] = dict.fromkeys(UNSET)
    changes |= {
        name: None for name in environ if any(pattern in name for pattern in UNSET_PATTERNS)
    }
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        changes[name] = changes[name.lower()] = proxy
    changes["NO_PROXY"] = changes["no_proxy"] = NO_PROXY
    changes |= dict.fromkeys(CA_VARIABLES, str(home.bundle))
    changes["REQUESTS_CA_BUNDLE"] = str(home.roots)
    changes["GOOGLE_APPLICATION_CREDENTIALS"] = str(home.credentials)
    changes["GOOGLE_CLOUD_PROJECT"] = PROJECT
    changes["CLOUDSDK_CONFIG"] = str(home.gcloud)
    changes["LOCALCLOUD_HOME"] = str(home.folder)
    return changes
