"""Resources that left the manifests: removed by their deletionPolicy when that is asked for, otherwise reported.

Only what the ledger says is ours is removed, and what stands where the manifest claims a place for itself alone
(`access.exclusive`). What is below something that is deleted goes with it, and what is below something that is archived
or kept stays with it. Nothing is removed while something declared beside it cannot be identified: it may be that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from trueup.core.kinds import Declared
from trueup.core.reasons import Reason
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
from trueup.engine.match import depths_of, exclusive_lists
from trueup.engine.plan.above import Above, ending
from trueup.engine.plan.steps import Left, Step
from trueup.systems.registry import RESOURCES, kind_named, resource_kind

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence, Set

    from trueup.core.kinds import ResourceKind
    from trueup.core.records import Record
    from trueup.engine.index import Index
    from trueup.engine.match import Matches
    from trueup.engine.plan.inputs import Inputs
    from trueup.engine.plan.policy import Policy
    from trueup.engine.plan.steps import Plan

LEDGER = "the ledger"
"""The place of resources that are no longer declared, instead of a file."""


@dataclass(frozen=True, slots=True)
class Removals:
    """The fate of managed resources that are no longer declared: deleted, released or left."""

    steps: tuple[Step, ...]
    """Children first."""
    left: tuple[Left, ...]
    """The managed resources that stay."""
    handled: Set[str]
    """Ids of what either is about."""


def removals(inputs: Inputs, matches: Matches, plan: Plan, claimed: Mapping[str, Address]) -> Removals:
    """Return the steps that delete something, and the managed resources that stay. `claimed` are owners by id."""
    declared, policy = inputs.declared, inputs.policy
    left: list[Left] = []
    unsettled_below = dict(matches.unsettled)
    found = _exclusive(declared, matches, claimed, unsettled_below)
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
    for connection, records in inputs.owned.items():
        above = Above(connection, kind_named, {record.id: record for record in records}, matches, claimed.keys())
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
                    left.append(Left(record, None))
                elif above.rests(record):
                    pass  # it was not read either
                elif kind.parent and not policy.prune and above.is_dropped(kind, record):
                    left.append(Left(record, None, unread=True))
                continue
            if above.rests(record):
                continue
            parent, how = above.stays(kind, str(live.spec.get(kind.parent, "")))
            if how == "archived":
                staying.setdefault(parent, []).append(record.address)
            elif how and policy.prune:
                left.append(Left(record, live, Reason("kept-with-its-parent")))
            elif not how or above.is_dropped(kind, record):
                ended = _removed(kind, connection, record, live, policy)
                if isinstance(ended, Left):
                    left.append(ended)
                else:
                    found.append(ended)
    steps: list[Step] = []
    for step in found:
        if step.live is not None and step.live.id in staying:
            step = replace(step, staying=tuple(staying[step.live.id]))
        step = _held(_disconnecting(step, matches, plan, claimed), unsettled_below)
        steps.append(_sparing(step, matches, plan))
    steps, left = _without_what_goes_along(steps, left, matches)
    depths = depths_of(set(RESOURCES))
    steps.sort(key=lambda step: (-depths[step.declared.kind], str(step.address)))
    return Removals(tuple(steps), tuple(left), handled)


def _removed(kind: ResourceKind, connection: ConnectionId, record: Record, live: Live, policy: Policy) -> Step | Left:
    stand_in = _stand_in(kind, connection, record)
    if not policy.prune:
        return Left(record, live)
    field = kind.by_name.get("deletionPolicy")
    calls = kind.handler.removal(live, record.policy or str(field.default if field else ""))
    if record.protected and calls and not isinstance(calls, Kept):
        return Step("refuse", stand_in, live, Desired({}), why=Reason("protected-from-removal"))
    if isinstance(calls, Kept) or not calls:
        return Left(record, live, calls.why if isinstance(calls, Kept) else Reason("ended-already"))
    if any(call.verb == "disconnect" for call in calls) and not policy.disconnect:
        return Step("refuse", stand_in, live, Desired({}), why=Reason("disconnect-not-allowed"))
    return _delete(stand_in, live, calls, Reason("no-longer-declared"))


def _exclusive(
    declared: Sequence[Declared],
    matches: Matches,
    claimed: Mapping[str, Address],
    unsettled: dict[tuple[str, str], Address],
) -> list[Step]:
    """Return the steps for undeclared children of parents whose list is exclusive; extend what is `unsettled`."""
    found: list[Step] = []
    for list_key, parents in exclusive_lists(declared).items():
        index = matches.indexes.get(list_key)
        if index is None:
            continue
        kind = resource_kind(list_key.system, list_key.kind)
        by_id = {matches.lives[parent.address].id: parent for parent in parents if parent.address in matches.lives}
        kept = {key for parent in by_id for key in _left_out(kind, parent, index, matches, unsettled)}
        for live in index.listing.items:
            parent = by_id.get(live.spec.get(kind.parent, ""))
            if parent is None or live.implied or live.id in claimed or index.handler.key(live.spec) in kept:
                continue
            calls = index.handler.removal(live, "")
            if isinstance(calls, Kept):
                continue
            name = f"{parent.address.name}:{live.name}".replace("/", "-")
            stand_in = Declared(
                Address(list_key.system, list_key.kind, name, list_key.connection), kind, {}, parent.where, gone=True
            )
            why = Reason("not-in-exclusive-list", parent=str(parent.address))
            found.append(_delete(stand_in, live, calls, why))
    return found


def _left_out(
    kind: ResourceKind, parent: str, index: Index, matches: Matches, unsettled: dict[tuple[str, str], Address]
) -> Iterator[Hashable]:
    """Natural keys of what is declared below a parent, by its id, and left out of this run.

    Nothing is removed there while one of them cannot be identified.
    """
    for one in matches.left_out(kind, parent):
        spec = index.handler.canonical(one.spec, index.listing)
        if isinstance(spec, Refusal):
            unsettled.setdefault((kind.name, parent), one.address)
        else:
            yield index.handler.key(spec)


def _delete(stand_in: Declared, live: Live, calls: tuple[Call, ...], why: Reason) -> Step:
    return Step("delete", stand_in, live, Desired({}), calls, why=why)


def _stand_in(kind: ResourceKind, connection: ConnectionId, record: Record) -> Declared:
    """Return a declaration built from the record of a resource that is no longer declared, to attach a step to."""
    name = record.address.rpartition("/")[2] or record.name or record.id
    return Declared(Address(connection[0], kind.name, name, connection[1]), kind, {}, Where(LEDGER, 0), gone=True)


def _held(step: Step, unsettled: Mapping[tuple[str, str], Address]) -> Step:
    """Return the step; refused when something that is declared beside it cannot be identified."""
    kind, live = step.declared.kind, step.live
    if step.action != "delete" or live is None or not kind.parent:
        return step
    other = unsettled.get((kind.name, str(live.spec.get(kind.parent))))
    if other is None:
        return step
    verb = next((call.verb for call in step.calls), "remove")
    return step.refused(Reason("removal-unsettled", verb=verb, other=str(other)))


def _disconnecting(step: Step, matches: Matches, plan: Plan, claimed: Mapping[str, Address]) -> Step:
    """The step; one that disconnects an account with all its instances, or refused when one of those is declared."""
    if all(call.verb != "disconnect" for call in step.calls):
        return step
    address = step.address
    assert step.live is not None
    instances = matches.indexes.get(ListKey(*address.connection_id, "ConnectorInstance"))
    if instances is None or not instances.listing.complete:
        return step.refused(Reason("children-not-read"))
    lives = [live for live in instances.listing.items if live.spec.get("connectorAccount") == step.live.id]
    declared = {claimed[live.id] for live in lives if live.id in claimed}
    declared |= {  # also one that is not there yet, or was not to be seen
        one for one, spec in plan.specs.items() if spec.get("connectorAccount") == step.live.id
    }
    if declared:
        return step.refused(_declared_below(declared))
    lost = tuple(f"{address.system}/ConnectorInstance {live.name} ({live.id})" for live in lives)
    return replace(step, lost=lost, along=tuple(live.id for live in lives))


def _declared_below(addresses: Set[Address]) -> Reason:
    return Reason("declared-below", names=sorted(map(str, addresses)))


def _sparing(step: Step, matches: Matches, plan: Plan) -> Step:
    """The step; refused when something would be deleted along that is declared, by the id of what it is below."""
    if step.action != "delete" or step.live is None or all(call.verb != "remove" for call in step.calls):
        return step
    found = {
        address
        for address, live in matches.lives.items()
        if ending(matches.kind_of(address), address, live, {step.live.id: step}, matches, kind_named)
    }
    found |= {one for one, spec in plan.specs.items() if spec.get(matches.kind_of(one).parent) == step.live.id}
    return step.refused(_declared_below(found)) if found else step


def _without_what_goes_along(
    found: Sequence[Step], left: Sequence[Left], matches: Matches
) -> tuple[list[Step], list[Left]]:
    """Return the steps without those whose parent is deleted anyway; that step reports them."""
    deleting = {
        step.live.id: step for step in found if step.live and any(call.verb in WITH_ALL_BELOW for call in step.calls)
    }
    steps: list[Step] = []
    lost: dict[str, list[str]] = {}
    """The cascade of each deletion, by the id of the deleted resource."""
    for step in found:
        above = None
        if step.live is not None and step.live.id not in deleting:
            above = ending(step.declared.kind, step.address, step.live, deleting, matches, kind_named)
        if above is None:
            steps.append(step)
        elif not step.live or step.live.id not in above.along:
            lost.setdefault(cast("Live", above.live).id, []).append(str(step.address))
    staying: list[Left] = []
    for one in left:
        system, _, _ = one.record.address.partition("/")
        name, _, connection = system.partition(":")
        kind = kind_named(name, one.record.kind)
        above = None
        if one.live is not None and kind is not None:
            address = Address(name, one.record.kind, "", connection or DEFAULT_CONNECTION)
            above = ending(kind, address, one.live, deleting, matches, kind_named)
        if above is None:
            staying.append(one)
        else:
            lost.setdefault(cast("Live", above.live).id, []).append(one.record.address)
    if lost:
        steps = [
            replace(step, lost=(*step.lost, *lost[step.live.id])) if step.live and step.live.id in lost else step
            for step in steps
        ]
    return steps, staying
