"""Which revision answers: the targets of a service, and the addresses that lead to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .model import ServiceSpec
from .pool import Pool


class Served:
    """A service as it is being served: replaced as a whole by every change.

    ``pools`` has the instances of each revision that a target names, by short name.
    """

    def __init__(self, spec: ServiceSpec, pools: Mapping[str, Pool]) -> None:
        self.spec = spec
        self.pools = pools
        self.tags = {target.tag: pools[target.revision] for target in spec.targets if target.tag}
        self._shares = [
            (target.percent, pools[target.revision]) for target in spec.targets if target.percent
        ]
        self._total = sum(percent for percent, _ in self._shares)
        self._addresses = self.addresses()
        self.audiences = frozenset(self._audiences())

    def reachable(self, host: str) -> bool:
        """Whether an address leads anywhere for a caller from outside.

        A mapped domain does so also when the service's own addresses are switched off:
        https://docs.cloud.google.com/run/docs/securing/ingress (2026-11-24).
        """
        own = host in self._addresses
        return (self.spec.default_url or not own) and self.spec.ingress == "all"

    def addresses(self) -> dict[str, str]:
        """Every host of the service with the tag that it stands for, empty for none."""
        hosts = dict.fromkeys(self.spec.hosts, "")
        for tag in self.tags:
            hosts |= {f"{tag}---{host}": tag for host in self.spec.hosts}
        return hosts

    def pick(self, tag: str, random: Callable[[], float]) -> Pool | None:
        """The instances that a request goes to: a tag's, or one target's by its percentage.

        ``random`` gives a number from 0 up to 1. None if no target has a share.
        """
        if tag:
            return self.tags[tag]
        if len(self._shares) == 1:
            return self._shares[0][1]
        point = random() * self._total
        for percent, pool in self._shares:
            point -= percent
            if point < 0:
                return pool
        return None

    def _audiences(self) -> list[str]:
        """What an ID token may name: every address with and without a slash, custom audiences.

        A mapped domain is none of them: it has to be made a custom audience.

        Source: https://docs.cloud.google.com/run/docs/configuring/custom-audiences (2026-11-24)
        """
        urls = [f"https://{host}" for host in self.addresses()]
        return [*urls, *(f"{url}/" for url in urls), *self.spec.audiences]
