"""A sandbox whose sync worker never oversleeps. A pytest plugin.

The sandbox of `world` goes back to an earlier time for each test, and a worker that sleeps until a later one misses it.
The one of `live` only ever goes forward.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sandboxes import Running, running
from world import World


@pytest.fixture(scope="session")
def _forward() -> Iterator[tuple[Running, Any]]:
    with running("--preset", "demo") as sandbox:
        yield sandbox, sandbox.control.get("/state").json()


@pytest.fixture
def live(_forward: tuple[Running, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The sandbox of the preset `demo`, as it was at first but for the time."""
    sandbox, state = _forward
    sandbox.calm()
    clock = sandbox.control.get("/clock").json()
    assert sandbox.control.put("/state", json={**state, "clock": {"advanced": clock["advanced"]}}).status_code == 200
    world = World(sandbox, tmp_path / ".trueup", monkeypatch)
    world.clock.slept.append(clock["advanced"])
    return world
