"""Zones: where machines are within a region."""

from __future__ import annotations

from ..names import REGION_CODES

_LETTERS = {"us-central1": "abcf", "us-east1": "bcd", "europe-west1": "bcd"}
"""Of most regions they are a, b and c; https://docs.cloud.google.com/compute/docs/regions-zones"""

ZONES = {
    f"{region}-{letter}": region
    for region in sorted(REGION_CODES)
    for letter in _LETTERS.get(region, "abc")
}
"""Every zone with its region."""
