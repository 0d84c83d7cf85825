"""One line of the table that ``make figures`` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured value in ``unit``, and what it should stay below, if anything."""

    name: str
    value: float
    unit: str
    aim: float | None = None

    @property
    def verdict(self) -> str:
        """The last column of the table."""
        if self.aim is None:
            return ""
        return f"< {self.aim:g} {self.unit}: {'met' if self.value < self.aim else 'MISSED'}"
