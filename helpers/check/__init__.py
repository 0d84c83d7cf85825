"""Checks of the exercises: one module a lesson, named like its notebook without the number.

A check looks at the cloud that you entered through Google's own clients, so it works on Google too,
and tells one of four outcomes in words. A notebook takes the module of its lesson::

    from helpers.check import cloud_build as check

and then there are ``check.NAME()``, ``check.NAME.hint()`` and ``check.NAME.solution()``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import requests
from google.api_core.exceptions import GoogleAPICallError
from google.auth.exceptions import GoogleAuthError

from helpers import exercises, lab


class Outcome(NamedTuple):
    """What a check found: passed, not yet, not tried or error; and why."""

    word: str
    reason: str

    def __str__(self) -> str:
        """The outcome as a reader sees it."""
        return ": ".join(self)


def passed(reason: str) -> Outcome:
    """Return that the exercise is done."""
    return Outcome("passed", reason)


def not_yet(reason: str) -> Outcome:
    """Return that something was done, and what is missing."""
    return Outcome("not yet", reason)


def not_tried(reason: str) -> Outcome:
    """Return that nothing was done yet, and how to begin."""
    return Outcome("not tried", reason)


FAILURES = (
    GoogleAPICallError,
    GoogleAuthError,
    requests.RequestException,
    LookupError,
    lab.CannotEnter,
)
"""What keeps a check from telling how an exercise stands."""


class Check:
    """The check of one exercise, with its hints and its solution."""

    def __init__(self, look: Callable[..., Outcome]) -> None:
        self.__doc__ = look.__doc__
        self.__name__ = look.__name__
        self._look = look
        self._hints_given = 0

    def __call__(self, *answer: Any) -> None:
        """Say how the exercise stands, and remember if it is passed.

        Args:
            answer: what you found out, in exercises that ask for it.
        """
        found = self.outcome(*answer)
        if found.word == "passed":
            exercises.record_passed(self.__name__)
        print(found)

    def outcome(self, *answer: Any) -> Outcome:
        """Return how the exercise stands."""
        try:
            return self._look(*answer)
        except FAILURES as failure:
            return Outcome("error", str(failure))

    def hint(self) -> None:
        """Print the next hint; after the last, the last again."""
        hints = self._texts.hints
        self._hints_given = min(self._hints_given + 1, len(hints))
        print(f"Hint {self._hints_given} of {len(hints)}: {hints[self._hints_given - 1]}")

    def solution(self) -> None:
        """Print the source of a cell that solves the exercise."""
        print(self._texts.solution)

    @property
    def _texts(self) -> exercises.Exercise:
        return exercises.everything()[self.__name__]


def exercise(look: Callable[..., Outcome]) -> Check:
    """Make a check of a function that looks at the cloud and returns an `Outcome`.

    Its name is the exercise's, whose texts stand in `helpers.exercises`. It shows no secret: a
    token or a key is no part of a reason.
    """
    return Check(look)
