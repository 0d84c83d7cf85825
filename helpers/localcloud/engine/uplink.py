"""The way of a container into networks, which change while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from . import Accept, Address

Ask = Callable[[Address], Awaitable[Accept | None]]


class Uplink:
    """What a container reaches beyond the fixed addresses of its ContainerSpec.

    ``address`` is its own address there, empty for none. Whatever it connects to in ``ranges`` is
    asked about: ``ask`` gives the function that is called with this connection and with the later
    ones to that address and port, or None, and then the packet is lost as behind a firewall. It
    raises ConnectionRefusedError where nobody listens and OSError where there is no way.
    """

    def __init__(self, ask: Ask, ranges: Sequence[str] = (), address: str = "") -> None:
        self.ask = ask
        self.ranges = tuple(ranges)
        self.address = address
        self.on_change: Callable[[], None] = lambda: None
        """Called by ``change``; set by the container."""

    def change(self, ranges: Sequence[str]) -> None:
        """Sets the ranges, and asks anew about what is open.

        What nobody answers any more is closed; connections over the rest stay.
        """
        self.ranges = tuple(ranges)
        self.on_change()
