"""Compare one declared field with the live one and classify the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from trueup.core.changes import MISSING, Change, Path, at, dotted, list_path
from trueup.core.compare import Pair, covers, leaves, overlay, pairs, same
from trueup.core.reasons import Reason
from trueup.core.secrets import fingerprint, holds_secret, is_mark_of
from trueup.engine.plan.steps import Learned, Unverifiable

if TYPE_CHECKING:
    from trueup.core.fields import Field
    from trueup.core.kinds import Handler
    from trueup.core.records import Record
    from trueup.core.values import Live
    from trueup.engine.plan.policy import Policy

_NOT_SHOWN: Final = Reason("not-shown")


def in_sync(field: Field, before: Any, after: Any, live: Live) -> bool:
    """Whether nothing of a field differs, and nothing of it is hidden."""
    if live.unreadable and any(path[0] == field.name for path in live.unreadable):
        return False
    return covers(before, after) if field.owned_by_key else same(before, after)


def differences(field: Field, before: Any, after: Any) -> list[tuple[Path, Any, Any]]:
    """Return the differences of a field: path, live value, declared value."""
    if field.write_only:
        return list(leaves(MISSING if before is MISSING else only(before, after), after, (field.name,)))
    if field.owned_by_key:
        base = before if isinstance(before, dict) else {}
        wanted = overlay(base, after)
        # A list is written, and remembered, as one.
        paths = dict.fromkeys(list_path(path) for path, _, _ in pairs(base, wanted, (field.name,)))
        return [(path, at(base, path[1:]), at(wanted, path[1:])) for path in paths]
    return [((field.name,), before, after)]


def classify(
    handler: Handler, field: Field, pair: Pair, live: Live, record: Record | None, policy: Policy
) -> Change | Unverifiable | Learned | None:
    """Classify one difference: a change, an unverifiable value, or the server's normal form of what was written.

    The last is None when the ledger already had it, and Learned when it is new.
    """
    path, before, after = pair
    hidden = _hidden(field, path, before, live)
    doubt = None if hidden else handler.incomparable(path, before)
    name = dotted(path)
    key = policy.key
    if hidden and field.immutable and not field.write_only:
        return Unverifiable(path, _NOT_SHOWN)  # no call would set it either
    if key is not None and record is not None and name in record.written:
        if is_mark_of(record.written[name], key, after):
            sent = Reason("sent-on", day=record.at[:10]) if record.at else Reason("sent-before")
            if policy.resend and (hidden or doubt):
                return change_of(field, *pair, note=Reason("sent-again"))
            if hidden:
                return Unverifiable(path, Reason("not-read-back", sent=sent))
            if doubt is not None and doubt.final:
                return Unverifiable(path, Reason("reports-failure", why=doubt.why, sent=sent))
            if is_mark_of(record.read_back.get(name), key, before):
                return None
            if name not in record.read_back and name in record.settling:
                if doubt is not None and doubt.settling:
                    return Unverifiable(path, Reason("settling", why=doubt.why, sent=sent))
                if not field.is_plain(before):
                    return Learned(record, name, fingerprint(key, before))
        return change_of(field, *pair)
    if doubt is not None and doubt.settling:
        doubt = None  # nothing of ours is on the way
    if hidden and not field.write_only and not policy.resend:
        return Unverifiable(path, _NOT_SHOWN)
    if hidden or doubt is not None:
        why = Reason("unreadable") if doubt is None else doubt.why
        if policy.resend or key is not None:
            return change_of(field, *pair, note=Reason("never-sent", why=why))
        return Unverifiable(path, Reason("not-sent-without-ledger", why=why))
    if key is None and field.write_only and field.is_secret(path) and not policy.resend:
        # It may be stored in another form; without a ledger it looks like a change.
        return Unverifiable(path, Reason("not-sent-without-ledger", why=Reason("reads-back-otherwise")))
    return change_of(field, *pair)


def only(live: Any, declared: Any) -> Any:
    """Return the live values of the declared keys."""
    if isinstance(live, dict) and isinstance(declared, dict):
        return {key: only(live[key], value) for key, value in declared.items() if key in live}
    return live


def _hidden(field: Field, path: Path, before: Any, live: Live) -> bool:
    return live.hides(path) or (field.write_only and before is MISSING)


def change_of(field: Field, path: Path, before: Any, after: Any, *, note: Reason | None = None) -> Change:
    """Return the change, without its values where they are secret."""
    return Change(path, before, after, field.is_secret(path) or holds_secret((before, after)), note)
