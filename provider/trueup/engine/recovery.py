"""Recovery of an interrupted run: determine by looking what each of its open calls did."""

from __future__ import annotations

import copy
import dataclasses
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from trueup.core.changes import MISSING, at, dotted
from trueup.core.compare import leaves
from trueup.core.records import below
from trueup.core.secrets import is_mark_of
from trueup.core.values import DELETES, ConnectionId, ListKey
from trueup.engine.apply.journal import as_key, called
from trueup.systems.registry import KINDS, resource_kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from trueup.core.changes import Path
    from trueup.core.kinds import Handler
    from trueup.core.records import Intent, Record, Run
    from trueup.core.values import Live
    from trueup.engine.index import Index
    from trueup.engine.match import Matches

_ENDS = ("archive", *DELETES)
_MAKES = ("create", "grant")

State = Literal["found", "absent", "unclear", "unread"]
"""A call took effect; it did not; its value cannot be read back; it was not read and stays open."""


@dataclasses.dataclass(slots=True)
class Recovered:
    """The outcomes of the open calls, for the ledger and the report."""

    records: list[Record] = dataclasses.field(default_factory=list)
    forgotten: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    outcomes: list[tuple[str, int, str]] = dataclasses.field(default_factory=list)
    counts: dict[str, Counter[State]] = dataclasses.field(default_factory=dict)
    """Number of calls of each run, by effect."""


def recover(
    unfinished: Sequence[tuple[Run, Sequence[Intent]]],
    matches: Matches,
    scopes: Mapping[str, ConnectionId],
    records: Mapping[ConnectionId, Mapping[str, Record]],
    key: bytes,
    seeing: Set[ConnectionId],
) -> Recovered:
    """Return the outcomes of the open calls. `scopes` are the connections by the ledger's name for their server, and
    `seeing` those whose credential sees all resources.
    """
    found = Recovered()
    looked = _Looked(key)
    kept: dict[tuple[str, str], Record] = {}
    for run, intents in unfinished:
        counts = found.counts[run.id] = Counter[State]()
        replaced = {(one.scope, one.address, one.id) for one in intents if one.verb in DELETES}
        for intent in intents:
            connection = scopes.get(intent.scope)
            index = matches.indexes.get(ListKey(*connection, intent.kind)) if connection else None
            if connection is None or index is None:
                counts["unread"] += 1
                continue
            live = looked.live(intent, index)
            if live is not None and not intent.id:
                known = records.get(connection, {}).get(live.id)
                if (intent.scope, intent.address, live.id) in replaced or _another(intent, known):
                    live = None  # its name is that of something that was there before
            if live is None and not (connection in seeing and _complete(intent, index, connection, matches)):
                counts["unread"] += 1
                continue
            state = looked.state(intent, live, index)
            counts[state] += 1
            if live is not None and state != "absent" and intent.record is not None:
                known = kept.get((intent.scope, live.id)) or records.get(connection, {}).get(live.id)
                kept[intent.scope, live.id] = looked.merged(intent.record, known, live, index.handler)
            elif state == "found" and intent.id and intent.verb in _ENDS:
                found.forgotten.append((intent.scope, intent.id))
                held = records.get(connection, {})
                if intent.verb not in DELETES and (released := held.get(intent.id)) is not None:
                    for one in below(held, intent.id):
                        if one.stack == released.stack:
                            kept[intent.scope, one.id] = dataclasses.replace(one, archived_with=intent.id)
            found.outcomes.append((intent.run, intent.number, "absent" if state == "absent" else "found"))
    found.records = list(kept.values())
    return found


def _another(intent: Intent, known: Record | None) -> bool:
    """Whether what goes by the name of something that was to be created is known as something else."""
    return known is not None and known.address != intent.address


def _complete(intent: Intent, index: Index, connection: ConnectionId, matches: Matches) -> bool:
    """Whether what is not there can be taken for absent."""
    listing = index.listing
    kind = resource_kind(connection[0], intent.kind)
    parent = kind.parent_kind
    if not kind.parent or not listing.complete or intent.parent in listing.parents:
        # The organisation is that of the intent: what is not there does not belong to another one.
        return listing.complete and (intent.parent not in listing.denied or intent.parent in listing.gone)
    if parent is None or resource_kind(connection[0], parent).parent:
        return False  # what is above is another project, or is itself listed below something that was not read
    above = matches.indexes.get(ListKey(*connection, parent))  # what is below something that is gone is gone as well
    if above is None or not above.listing.complete or above.listing.denied or above.listing.aged:
        return False
    return intent.parent not in above.by_id


class _Looked:
    """Looks for the resources of intents."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._keys: dict[int, dict[str, Live]] = {}

    def live(self, intent: Intent, index: Index) -> Live | None:
        """Return the resource of an intent if it exists: by id, or a creation by its natural key."""
        if intent.id:
            return index.by_id.get(intent.id)
        if id(index) not in self._keys:
            self._keys[id(index)] = {as_key(key): lives[0] for key, lives in index.by_key.items() if len(lives) == 1}
        return self._keys[id(index)].get(intent.key)

    def state(self, intent: Intent, live: Live | None, index: Index) -> State:
        """Return whether a call took effect: this call only, not the others of its step."""
        if intent.verb in DELETES:  # also within a replacement
            return "found" if live is None else "absent"
        if intent.verb in _ENDS and intent.record is None:
            return "found" if index.handler.ended(live) else "absent"
        if live is None:
            return "absent"
        if intent.record is None or (intent.verb in _MAKES and not intent.id):
            return "found"
        return self._written(intent.record, live, index.handler)

    def _written(self, wanted: Record, live: Live, handler: Handler) -> State:
        """Return whether the live values are those that a call was about to write."""
        hidden = [dotted(path) for path in live.unreadable]
        seen = {dotted(path): (path, value) for path, value in _values(live)}
        unclear = False
        for name, mark in wanted.written.items():
            path, value = seen.get(name, ((), MISSING))
            if value is not MISSING and is_mark_of(mark, self._key, value):
                continue
            masked = any(name.startswith(one) for one in hidden) or (value is MISSING and _unread(live, name))
            if not masked and (not path or handler.incomparable(path, value) is None):
                return "absent"
            unclear = True
        if any(at(live.spec, tuple(path)) is not MISSING for path in wanted.removed):
            return "absent"
        return "unclear" if unclear else "found"

    def merged(self, wanted: Record, known: Record | None, live: Live, handler: Handler) -> Record:
        """Return the record for the ledger, with only those written values that are seen to be live."""
        record = copy.deepcopy(known) if known else dataclasses.replace(wanted, id=live.id, written={}, owned=[], at="")
        record.address, record.policy, record.protected = wanted.address, wanted.policy, wanted.protected
        record.archived_with = wanted.archived_with
        record.name, record.renamed_from = wanted.name or called(handler, live), wanted.renamed_from
        seen = {dotted(path): value for path, value in _values(live)}
        for path, mark in wanted.written.items():
            if path in seen and is_mark_of(mark, self._key, seen[path]):
                record.written[path] = mark
                record.read_back.pop(path, None)
                record.at = record.at or wanted.at
        for owned in wanted.owned:
            if owned not in record.owned and at(live.spec, tuple(owned)) is not MISSING:
                record.owned.append(owned)
                record.plain += [owned] if owned in wanted.plain else []
        return record


def _values(live: Live) -> Iterator[tuple[Path, Any]]:
    """Yield the path and the value of each leaf of a live resource."""
    for name, value in live.spec.items():
        for path, _, leaf in leaves(MISSING, value, (name,)):
            yield path, leaf


def _unread(live: Live, name: str) -> bool:
    """Whether a value is of a field that the server may keep to itself, so that it is missing says nothing."""
    kind = next((one for one in KINDS if one.name == live.kind), None)
    top = re.split(r"[.\[]", name, maxsplit=1)[0]
    return kind is not None and top in kind.by_name and kind.by_name[top].write_only
