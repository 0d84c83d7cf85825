"""One line of the table that ``make figures`` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value in ``unit``, and what it should stay below, if anything.

    With ``at_least`` the aim is what it should reach instead.
    """

    name: str
    value: float
    unit: str
    aim: float | None = None
    at_least: bool = False

    @property
    def line(self) -> str:
        """The row of the table."""
        return f"{self.name:<48} {self.value:10.3g} {self.unit:<6}  {self._verdict}".rstrip()

    @property
    def _verdict(self) -> str:
        if self.aim is None:
            return ""
        met = self.value >= self.aim if self.at_least else self.value < self.aim
        sign = "≥" if self.at_least else "<"
        return f"{sign} {self.aim:g} {self.unit}: {'met' if met else 'MISSED'}"


@dataclass(frozen=True)
class NotMeasured:
    """A figure that this machine cannot give, and what mends it."""

    name: str
    reason: str

    @property
    def line(self) -> str:
        """The row of the table."""
        return f"{self.name:<48} {self.reason}"
