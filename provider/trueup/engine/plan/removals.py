"""Resources that left the manifests: removed by their deletionPolicy when that is asked for, otherwise reported.

Only what the ledger says is ours is removed, and what stands where the manifest claims a place for itself alone
(`access.exclusive`). What is below something that is deleted goes with it, and what is below something that is archived
or kept stays with it. Nothing is removed while something declared beside it cannot be identified: it may be that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.core.kinds import PROTECT, Declared
from trueup.core.values import (
    DEFAULT_CONNECTION,
    WITH_ALL_BELOW,
    Address,
    Call,
    ConnectionId,
    Desired,
    Kept,
    ListKey,
    Live,
    Refusal,
    Where,
)
from trueup.engine.match import depths_of, exclusive_places
from trueup.engine.plan.above import Above, ending
from trueup.engine.plan.steps import Left, Step
from trueup.systems.registry import RESOURCES, kind_named, resource_kind

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from trueup.core.kinds import ResourceKind
    from trueup.core.records import Record
    from trueup.engine.match import Index, Matches
    from trueup.engine.plan.steps import Plan, Policy

LEDGER = "the ledger"
"""The place of resources that are no longer declared, instead of a file."""


def removals(
    plan: Plan,
    declared: Sequence[Declared],
    matches: Matches,
    owned: Mapping[ConnectionId, Sequence[Record]],
    policy: Policy,
) -> None:
    """Add the steps that delete something, children first, and the managed resources that stay."""
    # Two connections may lead to one server: what either declares is declared, and is looked at once.
    claimed = {key for index in matches.indexes.values() for key in index.claimed}
    found = _exclusive(declared, matches, claimed)
    handled = {step.live.id for step in found if step.live}
    # What is declared, and is live only as far as the ledger knows or not at all, may be any of what is ours.
    unsettled = {
        (one.address.connection_id, str(one.address))
        for one in declared
        if one.address not in matches.lives or (matches.refused and one.address in matches.refused)
    }
    unsettled -= {
        (step.declared.address.connection_id, str(step.address)) for step in plan.steps if step.action == "create"
    }
    staying: dict[str, list[str]] = {}
    for connection, records in owned.items():
        above = Above(connection, {record.id: record for record in records}, matches, claimed)
        for record in records:
            kind = kind_named(connection[0], record.kind)
            if kind is None or record.id in claimed or record.id in handled:
                continue
            handled.add(record.id)
            if (connection, record.address) in unsettled:
                continue  # it is declared, and may be this one
            index = matches.indexes.get(ListKey(*connection, record.kind))
            live = index.by_id.get(record.id) if index is not None else None
            if live is None:
                if above.is_gone(kind, record):
                    plan.left.append(Left(record, None))
                elif above.rests(record):
                    pass  # it was not read either
                elif kind.parent and not policy.prune and above.is_dropped(kind, record):
                    plan.left.append(Left(record, None, unread=True))
                continue
            if above.rests(record):
                continue
            parent, how = above.stays(kind, str(live.spec.get(kind.parent, "")))
            if how == "archived":
                staying.setdefault(parent, []).append(record.address)
            elif how and policy.prune:
                plan.left.append(Left(record, live, "what it is below is kept, and it with that"))
            elif not how or above.is_dropped(kind, record):
                found += _removed(plan, kind, connection, record, live, policy)
    for step in found:
        if step.live is not None:
            step.staying = tuple(staying.get(step.live.id, ()))
    found = [_held(_disconnecting(step, matches), matches) for step in found]
    steps = _without_what_goes_along(plan, [_sparing(step, matches) for step in found], matches)
    plan.unmanaged = _once(plan.unmanaged, handled | claimed)
    depths = depths_of(set(RESOURCES))
    plan.steps += sorted(steps, key=lambda step: (-depths[step.declared.kind], str(step.address)))


def _removed(
    plan: Plan, kind: ResourceKind, connection: ConnectionId, record: Record, live: Live, policy: Policy
) -> list[Step]:
    stand_in = _stand_in(kind, connection, record)
    if not policy.prune:
        plan.left.append(Left(record, live))
        return []
    field = kind.by_name.get("deletionPolicy")
    calls = kind.handler.removal(live, record.policy or str(field.default if field else ""))
    if record.protected and calls and not isinstance(calls, Kept):
        why = f"the annotation {PROTECT} of its manifest refuses its removal."
        return [Step("refuse", stand_in, live, Desired({}), why=why)]
    if isinstance(calls, Kept) or not calls:
        plan.left.append(Left(record, live, calls.why if isinstance(calls, Kept) else "it has ended already"))
        return []
    if any(call.verb == "disconnect" for call in calls) and not policy.disconnect:
        why = "disconnecting an account deletes every instance of it, and takes --allow-disconnect."
        return [Step("refuse", stand_in, live, Desired({}), why=why)]
    return [_delete(stand_in, live, calls, "no longer declared")]


def _once(unmanaged: list[tuple[ListKey, Live]], handled: set[str]) -> list[tuple[ListKey, Live]]:
    """Return the undeclared resources, each once even when several connections list it."""
    seen = set(handled)
    kept: list[tuple[ListKey, Live]] = []
    for pair in unmanaged:
        if pair[1].id not in seen:
            seen.add(pair[1].id)
            kept.append(pair)
    return kept


def _exclusive(declared: Sequence[Declared], matches: Matches, claimed: set[str]) -> list[Step]:
    """Return the steps for undeclared children of parents whose list is exclusive."""
    found: list[Step] = []
    for place, parents in exclusive_places(declared).items():
        index = matches.indexes.get(place)
        if index is None:
            continue
        kind = resource_kind(place.system, place.kind)
        by_id = {matches.lives[parent.address].id: parent for parent in parents if parent.address in matches.lives}
        kept = {key for parent in by_id for key in _left_out(kind, parent, index, matches)}
        for live in index.listing.items:
            parent = by_id.get(live.spec.get(kind.parent, ""))
            if parent is None or live.implied or live.id in claimed or index.handler.key(live.spec) in kept:
                continue
            calls = index.handler.removal(live, "")
            if isinstance(calls, Kept):
                continue
            name = f"{parent.address.name}:{live.name}".replace("/", "-")
            stand_in = Declared(
                Address(place.system, place.kind, name, place.connection), kind, {}, parent.where, gone=True
            )
            found.append(_delete(stand_in, live, calls, f"not declared, and access of {parent.address} is exclusive"))
    return found


def _left_out(kind: ResourceKind, parent: str, index: Index, matches: Matches) -> Iterator[Hashable]:
    """Natural keys of what is declared below a parent, by its id, and left out of this run.

    Nothing is removed there while one of them cannot be identified.
    """
    for one in matches.left_out(kind, parent):
        spec = index.handler.canonical(one.spec, index.listing)
        if isinstance(spec, Refusal):
            matches.unsettled.setdefault((kind.name, parent), one.address)
        else:
            yield index.handler.key(spec)


def _delete(stand_in: Declared, live: Live, calls: tuple[Call, ...], why: str) -> Step:
    return Step("delete", stand_in, live, Desired({}), calls, why=why)


def _stand_in(kind: ResourceKind, connection: ConnectionId, record: Record) -> Declared:
    """Return a declaration built from the record of a resource that is no longer declared, to attach a step to."""
    name = record.address.rpartition("/")[2] or record.name or record.id
    return Declared(Address(connection[0], kind.name, name, connection[1]), kind, {}, Where(LEDGER, 0), gone=True)


def _held(step: Step, matches: Matches) -> Step:
    """Return the step; refused when something that is declared beside it cannot be identified."""
    kind, live = step.declared.kind, step.live
    if step.action != "delete" or live is None or not kind.parent:
        return step
    other = matches.unsettled.get((kind.name, str(live.spec.get(kind.parent))))
    if other is not None:
        verb = next((call.verb for call in step.calls), "remove")
        step.refuse(f"nothing is removed here ({verb}) until {other}, which is declared beside it, is settled.")
    return step


def _disconnecting(step: Step, matches: Matches) -> Step:
    """The step; one that disconnects an account with all its instances, or refused when one of those is declared."""
    if all(call.verb != "disconnect" for call in step.calls):
        return step
    address = step.address
    assert step.live is not None
    instances = matches.indexes.get(ListKey(*address.connection_id, "ConnectorInstance"))
    if instances is None or not instances.listing.complete:
        step.refuse("its instances, which would be deleted, could not be read.")
        return step
    lives = [live for live in instances.listing.items if live.spec.get("connectorAccount") == step.live.id]
    everywhere = {key: one for index in matches.indexes.values() for key, one in index.claimed.items()}
    claimed = {everywhere[live.id] for live in lives if live.id in everywhere}
    claimed |= {  # also one that is not there yet, or was not to be seen
        one for one, spec in matches.specs.items() if spec.get("connectorAccount") == step.live.id
    }
    if declared := sorted(map(str, claimed)):
        verb = "is" if len(declared) == 1 else "are"
        step.refuse(f"{', '.join(declared)} {verb} declared and would be deleted with it.")
        return step
    step.lost = tuple(f"{address.system}/ConnectorInstance {live.name} ({live.id})" for live in lives)
    step.along = tuple(live.id for live in lives)
    return step


def _sparing(step: Step, matches: Matches) -> Step:
    """The step; refused when something would be deleted along that is declared, by the id of what it is below."""
    if step.action != "delete" or step.live is None or all(call.verb != "remove" for call in step.calls):
        return step
    found = {
        address
        for address, live in matches.lives.items()
        if ending(matches.kind_of(address), address, live, {step.live.id: step}, matches)
    }
    found |= {one for one, spec in matches.specs.items() if spec.get(matches.kind_of(one).parent) == step.live.id}
    if found:
        verb = "is" if len(found) == 1 else "are"
        step.refuse(f"{', '.join(sorted(map(str, found)))} {verb} declared and would be deleted with it.")
    return step


def _without_what_goes_along(plan: Plan, found: list[Step], matches: Matches) -> list[Step]:
    """Return the steps without those whose parent is deleted anyway; that step reports them."""
    deleting = {
        step.live.id: step for step in found if step.live and any(call.verb in WITH_ALL_BELOW for call in step.calls)
    }
    kept: list[Step] = []
    for step in found:
        above = None
        if step.live is not None and step.live.id not in deleting:
            above = ending(step.declared.kind, step.address, step.live, deleting, matches)
        if above is None:
            kept.append(step)
        elif not step.live or step.live.id not in above.along:
            above.lost = (*above.lost, str(step.address))
    staying: list[Left] = []
    for left in plan.left:
        system, _, _ = left.record.address.partition("/")
        name, _, connection = system.partition(":")
        kind = kind_named(name, left.record.kind)
        above = None
        if left.live is not None and kind is not None:
            address = Address(name, left.record.kind, "", connection or DEFAULT_CONNECTION)
            above = ending(kind, address, left.live, deleting, matches)
        if above is None:
            staying.append(left)
        else:
            above.lost = (*above.lost, left.record.address)
    plan.left = staying
    return kept
