"""A pytest plugin: with CI=true nothing may be skipped, save what cannot run without the folder ../shared beside us.

Locally a skipped test is shown with its reason and no more; a machine that checks a change must not pass it over.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

SHARED: Final = Path(__file__).parents[2] / "shared"
EXCUSE: Final = "not beside this repository"
"""What the reason of a test says that reads ../shared."""

_skipped: list[tuple[str, str]] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Notes what is skipped without leave."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if EXCUSE not in reason or SHARED.exists():
        _skipped.append((report.nodeid, reason.removeprefix("Skipped: ")))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Notes modules that are skipped as a whole."""
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _skipped.append((report.nodeid, reason))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fails the run, in the process that reports it."""
    if _forbidden() and session.exitstatus == pytest.ExitCode.OK and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says which, and why that fails the run."""
    if _forbidden():
        terminalreporter.section("skipped, which CI=true does not allow", red=True)
        for name, reason in _skipped:
            terminalreporter.line(f"{name}: {reason}")


def _forbidden() -> bool:
    return bool(_skipped) and os.environ.get("CI", "").lower() == "true"
