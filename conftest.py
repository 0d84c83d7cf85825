"""The order of the tests, and ``pytest --no-skips``: a skipped test is a failed one."""

from __future__ import annotations

import signal
from collections.abc import Generator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option to pytest's command line."""
    parser.addoption("--no-skips", action="store_true", help="count a skipped test as failed")


def pytest_configure() -> None:
    """Let tests stop things by Ctrl-C, which all that a shell starts in the background ignores."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let begin first what may take longest: the suite ends when its last test does."""

    def patience(item: pytest.Item) -> int:
        mark = item.get_closest_marker("timeout")
        return int(mark.args[0]) if mark else 0

    items.sort(key=patience, reverse=True)


def fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn ``report`` into a failure that names the reason for which it was skipped.

    An expected failure (``xfail``) is reported as skipped too; it ran, so it is left alone.
    """
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"--no-skips: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Look at the outcome of each phase of a test."""
    report = yield
    if item.config.getoption("no_skips"):
        fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Look at modules that skip themselves while they are collected."""
    report = yield
    if collector.config.getoption("no_skips"):
        fail_if_skipped(report)
    return report
