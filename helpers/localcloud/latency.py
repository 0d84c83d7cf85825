"""Simulated distance between clients and services; off unless somebody asks for it.

A client is then as far from a service as a chosen place is from the service's region. Assumed are
an ideal fibre along the great circle, and that every round trip goes the whole way: TCP's, those of
TLS, that of each request. Real cables make detours, and Google's front ends, where TLS ends, may be
nearer than the region. What an instance calls is not delayed.
"""

from __future__ import annotations

from ..regions import REGIONS, Region, find
from .store import Store

OFF = "off"


class Latency:
    """The place that clients are in, kept in the store. ``origin`` is None while it is off."""

    def __init__(self, store: Store) -> None:
        self._store = store
        saved = store.get("latency", "origin")
        self.origin: Region | None = REGIONS[saved["region"]] if saved else None

    def set(self, place: str) -> None:
        """Puts clients in a region, named by its name or its city, or switches this off.

        Raises ValueError for any other place.
        """
        if place == OFF:
            self._store.delete("latency", "origin")
            self.origin = None
        else:
            origin = find(place)
            self._store.put("latency", "origin", {"region": origin.name})
            self.origin = origin

    def __str__(self) -> str:
        if self.origin is None:
            return OFF
        return f"simulated, from {self.origin.place} ({self.origin.name})"
