"""Google's regions: where each is, its price tier, whether domains can be mapped, and distances.

Facts that hold for both clouds. It imports nothing, so the local cloud reads this table too: there
is no second one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6371.0
"""The mean radius."""

FIBRE_KM_PER_SECOND = 200_000
"""How fast light is in glass: about two thirds of its speed in a vacuum."""

FRESH_TRIPS = 3
"""Round trips of a first HTTPS request: TCP's, that of TLS 1.3, the request's (TLS 1.2: one more).

Source: RFC 8446, section 2, and RFC 9293, section 3.5.
"""

KEPT_TRIPS = 1
"""Round trips of a request on a connection that was kept."""

COLUMNS = ("region", "where", "distance", "ideal round trip", "price tier", "domain mapping")


@dataclass(frozen=True)
class Region:
    """One region that Cloud Run is in.

    ``code`` is its part of a service's older address. ``place`` is the town that Google names,
    ``latitude`` and ``longitude`` are that town's, in degrees, to about a kilometre: where the
    buildings are is not said. ``tier`` is its price tier, None where the sources disagree, and
    ``tier_confidence`` is ``A`` where Google's page says so, ``C`` where only a third party's
    record of a later copy of it does.
    """

    name: str
    code: str
    place: str
    latitude: float
    longitude: float
    tier: int | None
    tier_confidence: str = "A"
    domain_mapping: bool = False

    @property
    def city(self) -> str:
        """The town without its country."""
        return self.place.partition(",")[0]


# fmt: off
_ALL = (
    Region("africa-south1", "bq", "Johannesburg, South Africa", -26.20, 28.05, None),
    Region("asia-east1", "de", "Changhua County, Taiwan", 24.08, 120.54, 1, domain_mapping=True),
    Region("asia-east2", "df", "Hong Kong", 22.32, 114.17, 2),
    Region("asia-northeast1", "an", "Tokyo, Japan", 35.68, 139.69, 1, domain_mapping=True),
    Region("asia-northeast2", "dt", "Osaka, Japan", 34.69, 135.50, 1),
    Region("asia-northeast3", "du", "Seoul, South Korea", 37.57, 126.98, 2),
    Region("asia-south1", "el", "Mumbai, India", 19.08, 72.88, 1, "C"),
    Region("asia-south2", "em", "Delhi, India", 28.61, 77.21, 2),
    Region("asia-southeast1", "as", "Jurong West, Singapore", 1.34, 103.71, 2, domain_mapping=True),
    Region("asia-southeast2", "et", "Jakarta, Indonesia", -6.21, 106.85, 2),
    Region("australia-southeast1", "ts", "Sydney, Australia", -33.87, 151.21, 2),
    Region("australia-southeast2", "km", "Melbourne, Australia", -37.81, 144.96, 2),
    Region("europe-central2", "lm", "Warsaw, Poland", 52.23, 21.01, 2),
    Region("europe-north1", "lz", "Hamina, Finland", 60.57, 27.20, 1, domain_mapping=True),
    Region("europe-north2", "ma", "Stockholm, Sweden", 59.33, 18.07, 1, "C"),
    Region("europe-southwest1", "no", "Madrid, Spain", 40.42, -3.70, 1),
    Region("europe-west1", "ew", "St. Ghislain, Belgium", 50.45, 3.82, 1, domain_mapping=True),
    Region("europe-west2", "nw", "London, England", 51.51, -0.13, 2),
    Region("europe-west3", "ey", "Frankfurt, Germany", 50.11, 8.68, 2),
    Region("europe-west4", "ez", "Eemshaven, Netherlands", 53.44, 6.83, 1, domain_mapping=True),
    Region("europe-west6", "oa", "Zurich, Switzerland", 47.38, 8.54, 2),
    Region("europe-west8", "oc", "Milan, Italy", 45.46, 9.19, 1),
    Region("europe-west9", "od", "Paris, France", 48.86, 2.35, 1),
    Region("europe-west10", "oe", "Berlin, Germany", 52.52, 13.41, 2),
    Region("europe-west12", "og", "Turin, Italy", 45.07, 7.69, 2),
    Region("me-central1", "ww", "Doha, Qatar", 25.29, 51.53, 2),
    Region("me-central2", "wx", "Dammam, Saudi Arabia", 26.43, 50.10, 2),
    Region("me-west1", "zf", "Tel Aviv, Israel", 32.09, 34.78, 1),
    Region("northamerica-northeast1", "nn", "Montréal, Canada", 45.50, -73.57, 2),
    Region("northamerica-northeast2", "pd", "Toronto, Canada", 43.65, -79.38, 2),
    Region("southamerica-east1", "rj", "Osasco, São Paulo, Brazil", -23.53, -46.79, 2),
    Region("southamerica-west1", "tl", "Santiago, Chile", -33.45, -70.67, 2),
    Region("us-central1", "uc", "Council Bluffs, Iowa", 41.26, -95.86, 1, domain_mapping=True),
    Region("us-east1", "ue", "Moncks Corner, South Carolina", 33.20, -80.01, 1,
           domain_mapping=True),
    Region("us-east4", "uk", "Ashburn, Virginia", 39.04, -77.49, 1, domain_mapping=True),
    Region("us-east5", "ul", "Columbus, Ohio", 39.96, -83.00, 1),
    Region("us-south1", "vp", "Dallas, Texas", 32.78, -96.80, 1),
    Region("us-west1", "uw", "The Dalles, Oregon", 45.59, -121.18, 1, domain_mapping=True),
    Region("us-west2", "wl", "Los Angeles, California", 34.05, -118.24, 2),
    Region("us-west3", "wm", "Salt Lake City, Utah", 40.76, -111.89, 2),
    Region("us-west4", "wn", "Las Vegas, Nevada", 36.17, -115.14, 2),
)
# fmt: on

REGIONS = {region.name: region for region in _ALL}
"""Every region whose code is publicly known, by name; the others are not served.

Sources: codes: the history of https://github.com/GoogleCloudPlatform/gcping (read 2026-11-23);
tiers: https://cloud.google.com/run/docs/locations (read 2026-11-23); places:
https://docs.cloud.google.com/infrastructure-manager/docs/locations and
https://cloud.google.com/tasks/docs/locations (read 2026-11-25); domain mapping:
https://docs.cloud.google.com/run/docs/mapping-custom-domains (read 2026-11-23).
"""


def find(place: str) -> Region:
    """Return the region of a name, ``asia-northeast3``, or of a city, ``Seoul``.

    Raises:
        ValueError: there is none; the text names the choices.
    """
    wanted = place.strip().casefold()
    for region in REGIONS.values():
        if wanted in (region.name, region.city.casefold()):
            return region
    choices = ", ".join(f"{region.name} ({region.city})" for region in REGIONS.values())
    raise ValueError(f"There is no region {place!r}. Choose one of: {choices}")


def distance(one: Region, other: Region) -> float:
    """Return the kilometres between two regions on the great circle, by the haversine formula."""
    north, south = radians(one.latitude), radians(other.latitude)
    east = radians(other.longitude - one.longitude)
    half = sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half))


def round_trip(one: Region, other: Region) -> float:
    """Return the seconds that light takes there and back in an ideal fibre: along the great circle.

    No connection can be faster; a real one is slower, because cables make detours and devices on
    the way take time.
    """
    return 2 * distance(one, other) / FIBRE_KM_PER_SECOND


def rows(origin: str, names: Iterable[str] = REGIONS) -> list[tuple[str, ...]]:
    """Return the regions, the nearest first, for a table with `COLUMNS`.

    Args:
        origin: the region or the city from which the distance counts.
        names: the names of the regions that are wanted; all by default.

    Raises:
        ValueError: there is no such place; the text names the choices.
    """
    here = find(origin)
    chosen = sorted((find(name) for name in names), key=lambda region: distance(here, region))
    return [
        (
            f"`{region.name}`",
            region.place,
            f"{distance(here, region):,.0f} km",
            f"{round_trip(here, region) * 1000:.1f} ms",
            _tier(region),
            "yes" if region.domain_mapping else "no",
        )
        for region in chosen
    ]


def _tier(region: Region) -> str:
    if region.tier is None:
        return "not confirmed"
    return str(region.tier) if region.tier_confidence == "A" else f"{region.tier} (third party)"
