"""Instances and targets of Den as people name them on a command line: by name, by remote id, or by id.

Facts: `q` looks for a part of name and remote id (recorded cases `instances.list.q*`); names of instances are unique in
an organisation and remote ids of targets in an instance, whatever their case (cases `*.create.duplicate*`).
"""

from __future__ import annotations

import asyncio
import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from trueup.core import texts
from trueup.core.errors import Forbidden, Malformed, NoRoute, NotFound, Refused, Unavailable, UsageError
from trueup.core.reasons import Reason
from trueup.systems.den import lists
from trueup.systems.den.sync_events import newest
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trueup.core.api import Api

INSTANCES: Final = "/v1/connector-instances"
_TARGETS: Final = "/v1/connector-instances/{connectorInstanceId}/targets"
_SUFFIX: Final = "[0-7][0-9a-hjkmnp-tv-z]{25}"
_INSTANCE_ID: Final = re.compile(f"cin_{_SUFFIX}")
_TARGET_ID: Final = re.compile(f"ctg_{_SUFFIX}")
_LONGEST: Final = 255
_FEW: Final = 10
"""Up to that many names are asked for one by one: each costs Den far less than a page of the list."""
_UNNAMED: Final = (UsageError, Forbidden, NoRoute, Refused, Malformed, Unavailable)
"""Errors to ignore when looking up a name, which is optional: the id identifies it as well."""
_SEARCHED: Final = 1_000
"""Instances among which near names are looked for."""


@dataclass(frozen=True, slots=True)
class Named:
    """Something with an id, and its name where that is known."""

    id: str
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.id


def is_instance_id(text: str) -> bool:
    """Whether it is an id that Den gives to instances."""
    return bool(_INSTANCE_ID.fullmatch(text))


def is_target_id(text: str) -> bool:
    """Whether it is an id that Den gives to targets."""
    return bool(_TARGET_ID.fullmatch(text))


async def instance_of(client: Api, given: str) -> Named:
    """The instance of that name or id; an id is taken as it is. Raises UsageError, which names near ones."""
    if is_instance_id(given):
        return Named(given)
    wanted = texts.folded(texts.trimmed(given))
    if not wanted:
        raise UsageError("the name of an instance is empty.", hint=Reason("den/list-instances"))
    found = (
        await lists.read_all(client, INSTANCES, {"q": texts.trimmed(given)})
        if texts.length(texts.trimmed(given)) <= _LONGEST
        else []
    )
    for one in found:
        if texts.folded(_name(one)) == wanted:
            return Named(one["id"], _name(one))
    raise await _unknown_instance(client, given, wanted, found)


async def _unknown_instance(client: Api, given: str, wanted: str, found: list[lists.Item]) -> UsageError:
    message = f'there is no instance "{plain(given, 80)}" in Den that this credential can see.'
    near = [one for one in found if texts.folded(str(one.get("remoteId"))) == wanted] or found
    names = [_name(one) for one in near[:3] if _name(one)]
    if not names:
        others, _ = await newest(client, INSTANCES, {}, "updatedAt", most=_SEARCHED)
        by_name = {texts.folded(_name(one)): _name(one) for one in others}
        names = [by_name[key] for key in difflib.get_close_matches(wanted, by_name, n=3) if key]
        if not names and by_name:
            some = [name for name in by_name.values() if name][:3]
            hint = f"There {'are' if len(by_name) > 1 else 'is'} {_listed(some, last='and')}"
            hint += " and others." if len(by_name) > len(some) else "."
            return UsageError(message, hint=hint)
    hint = f"Did you mean {_listed(names)}?" if names else "It sees none."
    return UsageError(message, hint=hint)


async def known(client: Api, instance: Named) -> Named:
    """The instance with its name, read by its id. Raises UsageError when it is not there."""
    try:
        answer = await client.get(f"{INSTANCES}/{{connectorInstanceId}}", None, connectorInstanceId=instance.id)
    except NotFound:
        raise UsageError(
            f"there is no instance {instance.id}, or it is another organisation's.", hint="Ids keep their case."
        ) from None
    return Named(instance.id, _name(lists.item_of(answer, instance.id)))


async def target_of(client: Api, given: str, instance: Named | None) -> Named:
    """The target of that remote id, or of that id, of the instance. Raises UsageError, which names near ones."""
    if is_target_id(given):
        if instance is not None:
            await belongs(client, given, instance)
        return Named(given)
    if instance is None:
        raise UsageError(
            f'the target "{plain(given, 80)}" is no id (ctg_…), and a remote id is one within an instance.',
            hint="Name the instance as well.",
        )
    found = await lists.read_all(client, _TARGETS, connectorInstanceId=instance.id)
    remotes = {str(one.get("remoteId")): one["id"] for one in found}
    for remote, key in remotes.items():
        if texts.folded(remote) == texts.folded(texts.trimmed(given)):
            return Named(key, remote)
    near = difflib.get_close_matches(given, remotes, n=3) or list(remotes)[:3]
    hint = f"It has {_listed(near, last='and')}{' and others' if len(remotes) > len(near) else ''}."
    raise UsageError(
        f'{plain(str(instance), 80)} has no target "{plain(given, 80)}".', hint=hint if near else "It has none."
    )


async def belongs(client: Api, target: str, instance: Named | None = None) -> None:
    """Raises UsageError unless there is such a target, and it is the instance's."""
    try:
        answer = await client.get("/v1/connector-targets/{connectorTargetId}", None, connectorTargetId=target)
    except NotFound:
        raise UsageError(
            f"there is no target {target}, or it is another organisation's.", hint="Ids keep their case."
        ) from None
    owner = lists.item_of(answer, target).get("connectorInstanceId")
    if instance is not None and owner != instance.id:
        raise UsageError(
            f"the target {target} belongs to {plain(str(owner), 80)}, not to {plain(str(instance), 80)}.",
            hint="Leave the instance out, or give its own.",
        )


async def names_of(client: Api, ids: Iterable[str | None]) -> dict[str, str]:
    """Names of instances by id, of those that can be found out: few one by one, many from the list."""
    wanted = {one for one in ids if one is not None and is_instance_id(one)}

    async def name(key: str) -> tuple[str, str]:
        try:
            return key, (await known(client, Named(key))).name
        except _UNNAMED:
            return key, ""

    if len(wanted) <= _FEW:
        return {key: found for key, found in await asyncio.gather(*map(name, sorted(wanted))) if found}
    try:
        found = await lists.read_all(client, INSTANCES)
    except _UNNAMED:
        return {}
    return {one["id"]: _name(one) for one in found if one["id"] in wanted and _name(one)}


def _name(item: lists.Item) -> str:
    found = item.get("name")
    return texts.trimmed(found) if isinstance(found, str) else ""


def _listed(names: list[str], last: str = "or") -> str:
    quoted = [f'"{plain(one, 80)}"' for one in names]
    return f" {last} ".join(part for part in (", ".join(quoted[:-1]), quoted[-1]) if part) if quoted else ""
