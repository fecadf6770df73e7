"""Errors as text and JSON: faults of manifests with the line they are in, and everything else with what to do."""

from __future__ import annotations

import json

import pytest
from plans import PASSWORD, plain
from rich.cells import cell_len

from trueup.core.errors import Fault, ManifestError, Unauthorized, UsageError
from trueup.core.secrets import Secret
from trueup.report import failure, faults
from trueup.report.page import Page

STATUS = Fault(
    "organisation/docs.yaml",
    16,
    11,
    "E104",
    'status "enabled" is not one of active, disabled, archived',
    'did you mean "active"?',
    "  status: enabled",
    7,
)


def test_a_fault_shows_its_line_and_what_would_be_right() -> None:
    assert faults.render(ManifestError([STATUS], 212), Page(100)).splitlines() == [
        'organisation/docs.yaml:16:11: error[E104]: status "enabled" is not one of active, disabled, archived',
        "   16 |   status: enabled",
        '      |           ^^^^^^^ did you mean "active"?',
        "1 error in 1 of 212 files. Nothing was sent.",
    ]


def test_faults_come_in_the_order_of_the_files() -> None:
    other = Fault("a.yaml", 3, 1, "E101", "unknown key", "", "")
    shown = faults.render(ManifestError([STATUS, other], 2), Page(100)).splitlines()
    assert shown[0] == "a.yaml:3:1: error[E101]: unknown key"
    assert shown[-1] == "2 errors in 2 of 2 files. Nothing was sent."


def test_without_an_excerpt_the_hint_stands_alone() -> None:
    secret = Fault("a.yaml", 3, 9, "E140", "apiKey is a secret", "Write {valueFrom: {env: NAME}} instead.", "")
    assert faults.render(ManifestError([secret], 1), Page(100)).splitlines()[1] == (
        "     Write {valueFrom: {env: NAME}} instead."
    )


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("excerpt", ["k: " + "x" * 190, "键: " + "值" * 90, " " * 120 + "key: value"])
def test_carets_stand_below_what_is_meant_and_all_fits(width: int, excerpt: str) -> None:
    column = len(excerpt) - len(excerpt.lstrip().split(" ", 1)[1]) + 1
    fault = Fault("a.yaml", 3, column, "E104", "wrong", "a hint " * 12, excerpt, 400)
    shown = faults.render(ManifestError([fault], 1), Page(width)).splitlines()
    assert max(map(cell_len, shown)) <= width
    line, carets = shown[1], shown[2]
    start = cell_len(carets[: carets.index("^")])
    before = next(cut for cut in range(len(line)) if cell_len(line[:cut]) == start)
    assert line[before:].startswith(excerpt[column - 1 : column + 3])


def test_faults_as_json() -> None:
    document = json.loads(failure.render_json(ManifestError([STATUS], 212)))
    assert document["valid"] is False
    assert document["files"] == 212
    assert document["error"]["code"] == "E100"
    assert document["faults"] == [
        {
            "file": "organisation/docs.yaml",
            "line": 16,
            "column": 11,
            "code": "E104",
            "message": 'status "enabled" is not one of active, disabled, archived',
            "hint": 'did you mean "active"?',
        }
    ]


def test_an_error_says_what_and_what_now_and_for_which_request() -> None:
    error = Unauthorized(
        "Den refused the API key.", method="GET", route="/v1/x", status=401, request_id="req_1", hint="Ask for one."
    )
    assert failure.render(error, Page(200)) == "error[E301]: Den refused the API key. Ask for one. (request req_1)"
    assert json.loads(failure.render_json(error))["error"] == {
        "code": "E301",
        "message": "Den refused the API key.",
        "hint": "Ask for one.",
        "request_id": "req_1",
        "method": "GET",
        "route": "/v1/x",
        "status": 401,
    }


def test_a_long_error_is_broken_for_people_and_whole_for_logs() -> None:
    error = UsageError("some words " * 30)
    assert len(failure.render(error, Page(80)).splitlines()) > 3
    assert len(failure.render(error, Page(80, wrap=False)).splitlines()) == 1


def test_an_error_carries_no_secret_and_no_escape() -> None:
    Secret(PASSWORD)
    error = UsageError(f"it said {PASSWORD}\x1b[31m", hint=f"try {PASSWORD}")
    for text in (failure.render(error, Page(100)), failure.render_json(error)):
        assert PASSWORD not in text
        assert "\x1b" not in text


def test_colours_only_repeat_what_is_there() -> None:
    for error in (ManifestError([STATUS], 2), UsageError("wrong.", hint="Right.")):
        colored = failure.render(error, Page(100, color=True))
        assert colored != plain(colored)
        assert plain(colored) == failure.render(error, Page(100))
