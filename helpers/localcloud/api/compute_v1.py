"""The Compute Engine API, version 1: networks, what belongs to them, and machines; plain JSON.

Source: https://docs.cloud.google.com/compute/docs/reference/rest/v1 (2026-04)
"""

from __future__ import annotations

from . import (
    compute_firewalls,
    compute_machines,
    compute_networks,
    compute_operations,
    compute_places,
    compute_routers,
    compute_routes,
)
from .compute_http import batch
from .methods import Api

ROWS = [
    *compute_networks.ROWS,
    *compute_firewalls.ROWS,
    *compute_routes.ROWS,
    *compute_routers.ROWS,
    *compute_machines.ROWS,
    *compute_places.ROWS,
    *compute_operations.ROWS,
]

API = Api(
    "compute",
    hosts=(r"compute\.googleapis\.com", r"www\.googleapis\.com"),
    routes=[*(row.route for row in ROWS), batch(ROWS)],
)
