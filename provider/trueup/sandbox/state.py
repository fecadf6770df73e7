"""The whole state of a sandbox as one JSON value, to be saved and restored."""

from __future__ import annotations

import math
from typing import Any

from trueup.sandbox.clock import MovableClock
from trueup.sandbox.den import Den
from trueup.sandbox.shapes import CompiledSchema, record
from trueup.sandbox.store import Store
from trueup.sandbox.wexa import Wexa
from trueup.sandbox.wexa import check as check_wexa

OWN = "sandbox."
"""Prefix of tables about the sandbox itself, not about its servers."""
FURTHEST = 100 * 365 * 86400.0
"""Seconds by which the clock may be ahead: dates must stay within the calendar."""

_SHAPE = CompiledSchema(
    record(
        {
            "tables": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": {"type": "object"}},
            },
            "clock": record({"advanced": {"type": "number", "minimum": 0, "maximum": FURTHEST}}, ["advanced"]),
            "den": {"type": "object"},
            "wexa": {"type": "object"},
        },
        ["tables"],
    )
)


class State:
    """The tables of both systems, the clock's advance and the switches. The advance is kept in the store too."""

    def __init__(self, store: Store, clock: MovableClock, den: Den, wexa: Wexa) -> None:
        self._store = store
        self._clock = clock
        self._den = den
        self._wexa = wexa
        check_tables(self._tables())
        kept = store.table("sandbox.clock").get("clock") or {}
        clock.advanced = kept.get("advanced", clock.advanced)

    def view(self) -> dict[str, Any]:
        """`{tables: {table: {id: row}}, clock: {advanced}, den: {…switches that were set}, wexa: {…switches}}`."""
        return {
            "tables": self._tables(),
            "clock": {"advanced": self._clock.advanced},
            "den": self._den.switches.given,
            "wexa": self._wexa.switches.view(),
        }

    def put(self, given: Any) -> None:
        """Replace all tables and, if given, advance and switches. Raises ValueError, and then changes nothing."""
        _SHAPE.check(given, "state")
        check_tables(given["tables"])
        self._den.switches.check(given.get("den", {}))
        self._wexa.switches.check(given.get("wexa", {}))
        own = {name: rows for name, rows in self._store.dump().items() if name.startswith(OWN)}
        self._store.load({**own, **given["tables"]})
        if "den" in given:
            self._den.switches.put(given["den"])
        if "wexa" in given:
            self._wexa.switches.put(given["wexa"])
        if "clock" in given:
            self._set_clock(given["clock"]["advanced"])

    def advance(self, seconds: float) -> None:
        """Move the clock forward permanently. Raises ValueError beyond the calendar."""
        if not math.isfinite(seconds) or self._clock.advanced + seconds > FURTHEST:
            raise ValueError("the clock cannot be more than a hundred years ahead")
        self._set_clock(self._clock.advanced + seconds)

    def _set_clock(self, advanced: float) -> None:
        if advanced < self._clock.advanced:
            self._clock.advanced = advanced  # an earlier state comes back, and its time with it
        self._clock.advance(advanced - self._clock.advanced)
        self._store.table("sandbox.clock").put("clock", {"advanced": self._clock.advanced})
        self._store.commit()

    def _tables(self) -> dict[str, Any]:
        return {name: rows for name, rows in self._store.dump().items() if not name.startswith(OWN)}


def check_tables(tables: dict[str, Any]) -> None:
    """Raise ValueError for tables that neither system has, and for rows that their server could not use."""
    for name, rows in tables.items():
        if not name.startswith(("den.", "wexa.")):
            raise ValueError(f"there is no table {name}: names begin with den. or wexa.")
        if not all(isinstance(row, dict) for row in rows.values()):
            raise ValueError(f"{name} holds something that is no row")
    check_wexa(tables)
