"""Switches for the behaviour of a server, kept in the store. Each has a default, and a schema for other values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trueup.sandbox.shapes import CompiledSchema, Schema, record
from trueup.sandbox.store import Store

_ROW = "switches"


class Switches:
    """The switches of one system. `defaults` may change after the start; what was set stays set."""

    def __init__(
        self, system: str, store: Store, schemas: Mapping[str, Schema], defaults: Callable[[str], Any]
    ) -> None:
        self.system = system
        self._shape = CompiledSchema(record(dict(schemas)))
        self._names = tuple(schemas)
        self._store = store
        self._table = store.table(f"sandbox.{system}")
        self._defaults = defaults

    @property
    def given(self) -> dict[str, Any]:
        """Those that were set."""
        return self._table.get(_ROW) or {}

    def __getitem__(self, name: str) -> Any:
        given = self.given
        return given[name] if name in given else self._defaults(name)

    def view(self) -> dict[str, Any]:
        """All of them."""
        return {name: self[name] for name in self._names}

    def check(self, given: Any) -> None:
        """Raise ValueError with what is wrong."""
        self._shape.check(given, self.system)

    def put(self, given: dict[str, Any]) -> None:
        """Set all of them: a switch that is not given returns to its default."""
        self.check(given)
        self.keep(given)

    def keep(self, given: dict[str, Any]) -> None:
        """Write them, unchecked."""
        self._table.put(_ROW, given)
        self._store.commit()
