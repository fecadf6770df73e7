"""What docs/sandbox.md says is so: every route, key and switch is named, and every example is answered with 200."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from repository import ROOT
from sandboxes import Running, running

from trueup.sandbox import faults
from trueup.sandbox.den import switches as den_switches
from trueup.sandbox.den import upstream, worker
from trueup.sandbox.presets import PRESETS
from trueup.sandbox.wexa import upstream as wexa_upstream
from trueup.sandbox.wexa.switches import SWITCHES

PAGE = (ROOT / "docs" / "sandbox.md").read_text()
EXAMPLES = re.findall(r"^curl .+$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with running("--preset", "demo") as started:
        yield started


def _asked(example: str) -> tuple[str, str, str | None]:
    """Method, path and body of an example."""
    words = shlex.split(example.partition(" > ")[0])
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    (url,) = [word for word in words if word.startswith("$CONTROL")]
    return method, url.removeprefix("$CONTROL"), words[words.index("-d") + 1] if "-d" in words else None


def _first_cells() -> set[str]:
    cells = re.findall(r"^\| (`[^|]*?) \|", PAGE, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_route_is_named_and_has_an_example(sandbox: Running) -> None:
    routes = {f"{one['method']} {one['path']}" for one in sandbox.control.get("/").json()["routes"]}

    assert {name for name in _first_cells() if re.match(r"[A-Z]+ /", name)} == routes
    assert {" ".join(_asked(example)[:2]) for example in EXAMPLES} == routes


def test_every_example_is_answered(sandbox: Running) -> None:
    """In their order, since some need what others did; the last answer of GET /state stands for state.json."""
    state = ""
    for example in EXAMPLES:
        method, path, body = _asked(example)
        answer = sandbox.control.request(method, path, content=state if body == "@state.json" else body)
        assert answer.status_code == 200, (example, answer.text)
        state = answer.text if "> state.json" in example else state
        if (method, path) == ("DELETE", "/faults"):
            assert answer.json() == {"faults": []}


def test_the_ready_line_is_as_told(sandbox: Running) -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)

    def shape(value: Any) -> Any:
        return {key: shape(item) for key, item in value.items()} if isinstance(value, dict) else type(value)

    assert shape(json.loads(shown)) == shape(sandbox.ready)
    assert json.loads(shown)["wexa"]["projectId"] == sandbox.ready["wexa"]["projectId"]


def test_every_preset_key_type_and_switch_is_named() -> None:
    cells = _first_cells()
    known = {
        *PRESETS,
        *SWITCHES,
        *den_switches.SWITCHES,
        *upstream._CHANGES,
        *wexa_upstream._SHAPES,
    }
    assert known <= cells
    assert set(faults._ONE["properties"]) <= set(re.findall(r"`(\w+)`", PAGE))
    assert set(worker.OUTCOMES) <= set(re.findall(r"`([\w-]+)`", PAGE))
