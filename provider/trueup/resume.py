"""A run that did not end: what became of each call that it was about to send, found out by looking."""

from __future__ import annotations

import copy
import dataclasses
from typing import TYPE_CHECKING, cast

from trueup.apply.journal import as_key
from trueup.diff import MISSING, at, dotted, leaves
from trueup.model import DELETES
from trueup.secrets import is_mark_of
from trueup.systems import kind_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence, Set

    from trueup.match import Index, Matches
    from trueup.model import Kind, Live
    from trueup.records import Intent, Record, Run

_ENDS = ("archive", *DELETES)


@dataclasses.dataclass(slots=True)
class Resumed:
    """What was found out: for the ledger, and for whoever reads the plan."""

    records: list[Record] = dataclasses.field(default_factory=list)
    forgotten: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    outcomes: list[tuple[str, int, str]] = dataclasses.field(default_factory=list)
    happened: int = 0
    absent: int = 0
    unknown: int = 0
    """Of calls that nothing was read of in this run: they stay open."""


def resume(
    unfinished: Sequence[tuple[Run, Sequence[Intent]]],
    matches: Matches,
    scopes: Mapping[str, tuple[str, str]],
    records: Mapping[tuple[str, str], Mapping[str, Record]],
    key: bytes,
    seeing: Set[tuple[str, str]],
) -> Resumed:
    """What became of the open calls. `scopes` are the connections by the name that the ledger has for their server, and
    `seeing` those whose credential sees all there is.
    """
    found = Resumed()
    looked = _Looked(key)
    kept: dict[tuple[str, str], Record] = {}
    for _, intents in unfinished:
        for intent in intents:
            connection = scopes.get(intent.scope)
            index = matches.indexes.get((*connection, intent.kind)) if connection else None
            if connection is None or index is None:
                found.unknown += 1
                continue
            live = looked.live(intent, index)
            if live is not None and not intent.id and _another(intent, records.get(connection, {}).get(live.id)):
                live = None  # its name is that of something that was there before
            if live is None and not (connection in seeing and _complete(intent, index, connection, matches)):
                found.unknown += 1
                continue
            state = _state(intent, live, index)
            if live is not None and state == "found" and intent.record is not None:
                known = kept.get((intent.scope, live.id)) or records.get(connection, {}).get(live.id)
                kept[intent.scope, live.id] = looked.merged(intent.record, known, live)
            elif state == "found" and intent.id and intent.verb in _ENDS:
                found.forgotten.append((intent.scope, intent.id))
            found.outcomes.append((intent.run, intent.number, state))
            found.happened += state == "found"
            found.absent += state == "absent"
    found.records = list(kept.values())
    return found


def _another(intent: Intent, known: Record | None) -> bool:
    """Whether what goes by the name of something that was to be created is known as something else."""
    return known is not None and known.address != intent.address


def _state(intent: Intent, live: Live | None, index: Index) -> str:
    if intent.verb in DELETES:  # also within a replacement
        return "found" if live is None else "absent"
    if intent.verb in _ENDS and intent.record is None:
        return "found" if index.verbs.ended(live) else "absent"
    return "found" if live is not None else "absent"


def _complete(intent: Intent, index: Index, connection: tuple[str, str], matches: Matches) -> bool:
    """Whether what is not there can be taken for absent."""
    listing = index.listing
    kind = cast("Kind", kind_named(connection[0], intent.kind))
    parent = kind.by_name[kind.parent].reference if kind.parent else None
    if not kind.parent or not listing.complete or intent.parent in listing.below:
        # The organisation is that of the intent: what is not there does not belong to another one.
        return listing.complete and (intent.parent not in listing.denied or intent.parent in listing.gone)
    if parent is None:
        return False  # of another project nothing is known
    above = matches.indexes.get((*connection, parent))  # what is below something that is gone is gone as well
    if above is None or not above.listing.complete or above.listing.denied or above.listing.aged:
        return False
    return intent.parent not in above.by_id


class _Looked:
    """Looks for what intents were about."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._keys: dict[int, dict[str, Live]] = {}

    def live(self, intent: Intent, index: Index) -> Live | None:
        """What it was about, if that is there: by id, or what was created by its natural key."""
        if intent.id:
            return index.by_id.get(intent.id)
        if id(index) not in self._keys:
            self._keys[id(index)] = {as_key(key): lives[0] for key, lives in index.by_key.items() if len(lives) == 1}
        return self._keys[id(index)].get(intent.key)

    def merged(self, wanted: Record, known: Record | None, live: Live) -> Record:
        """What the ledger is to hold: of what was written that alone which can be seen to be live."""
        record = copy.deepcopy(known) if known else dataclasses.replace(wanted, id=live.id, written={}, owned=[], at="")
        record.address, record.policy, record.protected = wanted.address, wanted.policy, wanted.protected
        record.name, record.renamed_from = live.name, wanted.renamed_from
        seen = {
            dotted(path): value for name in live.spec for path, _, value in leaves(MISSING, live.spec[name], (name,))
        }
        for path, mark in wanted.written.items():
            if path in seen and is_mark_of(mark, self._key, seen[path]):
                record.written[path] = mark
                record.read_back.pop(path, None)
                record.at = record.at or wanted.at
        for owned in wanted.owned:
            if owned not in record.owned and at(live.spec, tuple(owned)) is not MISSING:
                record.owned.append(owned)
        return record
