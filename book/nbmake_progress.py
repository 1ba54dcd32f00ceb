"""A pytest plugin: says on standard output, one line of JSON each, which notebook begins and how it ended (for `book.run`)."""

from __future__ import annotations

import json

import pytest

__all__ = ["MARK", "pytest_runtest_logreport", "pytest_runtest_logstart"]

MARK = "@notebook "


def pytest_runtest_logstart(nodeid: str, location: tuple[str, int | None, str]) -> None:
    """A notebook begins."""
    _say(begins=nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A notebook ended (or could not begin)."""
    if report.when == "call" or report.failed:
        _say(ended=report.nodeid, good=report.passed, seconds=report.duration, report=report.longreprtext)


def _say(**message: object) -> None:
    print(f"\n{MARK}{json.dumps(message)}", flush=True)
