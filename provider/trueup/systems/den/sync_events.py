"""Den's sync events: reading them truly, following them, and the calls that make or repeat one.

Facts (recorded cases `sync.*`): the list is newest first by `startedAt`, then id, and its cursor is the last id, so it
shifts as the others do. A status changes without moving its event; a retry renews `startedAt` and moves it to the
front. A resync answers with the event's id, sync-now with a count alone, and neither may be sent twice on a guess.
"""

from __future__ import annotations

import dataclasses
import heapq
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from trueup.core.errors import Ambiguous, ApiError, Forbidden, Malformed, NotFound, Unavailable
from trueup.core.reasons import Reason
from trueup.systems.den import lists

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable, Mapping

    from trueup.transport import Answer
    from trueup.transport.dialect import ApiClient

ROUTE: Final = "/v1/connector-sync-events"
PERIOD: Final = 5.0
"""Seconds between two looks: as often as Den's worker takes events up."""
ENDED: Final = ("completed", "partial", "failed", "ignored")
ACTIVE: Final = ("pending", "queued", "running")
REMOVED: Final = "removed"
"""Our word for an event that went, with its instance, while it was waited for."""
_ID: Final = "connectorSyncEventId"
_EVENT_ID: Final = re.compile(r"cse_[0-7][0-9a-hjkmnp-tv-z]{25}")
_STAMP: Final = "startedAt"
_MANUAL: Final = "manual_resync"
_BY_ID: Final = 2
_FIRST_LOOKS: Final = (1.0, 2.0, 3.0)
_LONGEST_PAUSE: Final = 60.0
_LOOKS: Final = 4
_REMEMBERED: Final = 10_000
"""Events that a follower remembers; of more, the older half is forgotten."""


def is_event_id(text: str) -> bool:
    """Whether it is an id that Den gives to sync events."""
    return bool(_EVENT_ID.fullmatch(text))


@dataclass(frozen=True, slots=True)
class Event:
    """One sync event as it was read; a field of another type than the API promises is as if it were not there."""

    id: str
    status: str
    started: str
    kind: str = ""
    instance: str | None = None
    target: str | None = None
    remote: str | None = None
    completed: str | None = None
    next_attempt: str | None = None
    attempts: int = 0
    summary: Mapping[str, Any] = field(default_factory=dict)
    item: Mapping[str, Any] = field(default_factory=dict)
    """Everything that the server returned."""

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it by itself."""
        return self.status in ENDED or self.status == REMOVED

    @property
    def active(self) -> bool:
        """Whether it makes its target busy, so that sync-now passes that over."""
        return self.status in ACTIVE

    @property
    def signature(self) -> tuple[str, str, int]:
        """Values that change when the event progresses."""
        return self.status, self.started, self.attempts


@dataclass(frozen=True, slots=True)
class EventList:
    """Events, the newest first, and whether there are older ones that were left out."""

    events: list[Event]
    more: bool = False


def stamp_of(moment: datetime) -> str:
    """A time as Den writes it, to be compared with its own."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def read(
    client: lists.Reader, query: Mapping[str, Any], *, since: str | None = None, most: int | None = None
) -> EventList:
    """The events that the query asks for, each once: those since a time, and no more than so many. Raises ApiError."""
    items, more = await newest(client, ROUTE, query, _STAMP, since=since, most=most)
    return EventList([_event(item) for item in items], more)


async def newest(
    client: lists.Reader,
    route: str,
    query: Mapping[str, Any],
    stamp: str,
    *,
    since: str | None = None,
    most: int | None = None,
) -> tuple[list[lists.Item], bool]:
    """The upper end of a list, as true as `lists` reads a whole one, and whether more than `most` are there."""
    head = _Head(client, stamp, since or "", most)
    items = await lists.read_all(head, route, dict(query), stamp=stamp)
    return items[:most], head.more or (most is not None and len(items) > most)


class _Head:
    """A client for whom a list ends below a time or a number of items: what lies lower is as if it were not there.

    A list that ends there is as good as a whole one for `lists`: items still only move up, now and then in from below.
    """

    def __init__(self, client: lists.Reader, stamp: str, since: str, most: int | None) -> None:
        self.progress = client.progress
        self.more = False
        self._client = client
        self._stamp = stamp
        self._since = since
        self._most = most
        self._seen: dict[str, str] = {}

    async def get(self, route: str, query: Mapping[str, Any] | None = None, **params: str) -> Answer:
        """One page, which is the last one when it reaches the end."""
        answer = await self._client.get(route, query, **params)
        return dataclasses.replace(answer, body=self._cut(answer.body))

    def _cut(self, body: Any) -> Any:
        items = body.get("items") if isinstance(body, dict) else None
        if not isinstance(items, list) or not items or not all(map(self._sound, items)):
            return body  # the parser reports what is wrong
        for one in items:
            self._seen[one["id"]] = max(self._seen.get(one["id"], ""), one[self._stamp])
        lowest = self._lowest()
        kept = [one for one in items if one[self._stamp] >= self._since]
        behind = len(kept) == len(items) and body.get("nextCursor") is not None
        above = [one for one in kept if self._place(one) >= lowest]
        full = bool(lowest[0]) and (len(above) < len(kept) or self._place(items[-1]) <= lowest)
        if full:
            self.more = self.more or len(above) < len(kept) or behind
        if full or len(kept) < len(items):
            return {**body, "items": above, "nextCursor": None}
        return body

    def _lowest(self) -> tuple[str, str]:
        """The last item that still counts, once so many are known."""
        if self._most is None or len(self._seen) < self._most:
            return "", ""
        return heapq.nlargest(self._most, ((at, key) for key, at in self._seen.items()))[-1]

    def _place(self, item: lists.Item) -> tuple[str, str]:
        return item[self._stamp], item["id"]

    def _sound(self, item: Any) -> bool:
        return isinstance(item, dict) and isinstance(item.get("id"), str) and isinstance(item.get(self._stamp), str)


async def get(client: ApiClient, key: str) -> Event:
    """One event. Raises NotFound when it is not there, or not for this credential."""
    answer = await client.get(f"{ROUTE}/{{{_ID}}}", None, **{_ID: key})
    item = answer.body.get("item") if isinstance(answer.body, dict) else None
    if not isinstance(item, dict) or not isinstance(item.get(_STAMP), str):
        raise answer.malformed(f"no sync event with a {_STAMP}")
    if item.get("id") != key:
        raise answer.malformed(f"another item than {key}")
    return _event(item)


class Follower:
    """Follows the events of a query from now on, with one request a poll."""

    def __init__(
        self, client: ApiClient, query: Mapping[str, Any], started: EventList, since: str | None = None
    ) -> None:
        self._client = client
        self._query = query
        self._known: dict[str, Event] = {}
        # What is older than all that was read, and not known, is no news: it only came up when something else went.
        oldest = started.events[-1].started if started.events and started.more else ""
        self._floor = since or oldest
        self._take(started.events)

    async def changes(self) -> AsyncIterator[list[Event]]:
        """New events and those of which something became, the oldest first, at each look that has some; without end."""
        while True:
            await self._client.pause(PERIOD)
            try:
                found = await self._look()
            except Unavailable as error:
                self._client.progress.waiting(f"{error.message} Looking again", PERIOD)
                continue
            if fresh := self._take(found):
                yield fresh

    async def _look(self) -> list[Event]:
        """The head, or as much as came since, when that is more."""
        latest = max((one.started for one in self._known.values()), default="")
        found = await read(self._client, self._query, most=lists.PAGE)
        if found.more and latest and found.events[-1].started > latest:
            found = await read(self._client, self._query, since=latest)
        return found.events

    def _take(self, events: Iterable[Event]) -> list[Event]:
        fresh = []
        for one in sorted(events, key=lambda one: (one.started, one.id)):
            known = self._known.get(one.id)
            if known is None and one.started < self._floor:
                continue
            if known is None or known.signature != one.signature:
                self._known[one.id] = one
                fresh.append(one)
        if len(self._known) > _REMEMBERED:
            kept = heapq.nlargest(_REMEMBERED // 2, self._known.values(), key=lambda one: (one.started, one.id))
            self._known = {one.id: one for one in kept}
            self._floor = max(self._floor, kept[-1].started)
        return fresh


class Watch:
    """Waiting for events of one instance until each of them ended, or time is up."""

    def __init__(self, client: ApiClient, query: Mapping[str, Any], events: Iterable[Event], timeout: float) -> None:
        self.events = {one.id: one for one in events}
        self.timeout = timeout
        self._client = client
        self._query = query

    @property
    def open(self) -> list[Event]:
        """Those that did not end yet."""
        return [one for one in self.events.values() if not one.ended]

    async def changes(self) -> AsyncIterator[Event]:
        """Yield each event that has ended, and each that changes, until all have ended or the time is up."""
        for event in [event for event in self.events.values() if event.ended]:
            yield event
        clock = self._client.clock
        until = clock.monotonic() + self.timeout
        looks = 0
        while self.open and (left := until - clock.monotonic()) > 0:
            await self._client.pause(min(self._delay(looks), left))
            looks += 1
            try:
                found = await self._look()
            except Unavailable as error:
                self._client.progress.waiting(f"{error.message} Looking again", PERIOD)
                continue
            for one in found:
                if one.signature != self.events[one.id].signature:
                    self.events[one.id] = one
                    yield one

    def _delay(self, looks: int) -> float:
        """Short at first; when all of them are put off until a later attempt, no look is needed before that."""
        usual = _FIRST_LOOKS[looks] if looks < len(_FIRST_LOOKS) else PERIOD
        now = self._client.clock.now()
        until = [_seconds(one.next_attempt, now) for one in self.open]
        return min(max(usual, min(until, default=0.0)), _LONGEST_PAUSE)

    async def _look(self) -> list[Event]:
        wanted = {one.id for one in self.open}
        found: dict[str, Event] = {}
        if len(wanted) > _BY_ID:
            head = await read(self._client, self._query, most=lists.PAGE)
            found = {one.id: one for one in head.events if one.id in wanted}
        for key in sorted(wanted - found.keys()):
            try:
                found[key] = await get(self._client, key)
            except NotFound:
                found[key] = dataclasses.replace(self.events[key], status=REMOVED)
        return list(found.values())


def _seconds(stamp: str | None, now: datetime) -> float:
    """Seconds until a time of the server's; 0 when there is none, or it is no time."""
    try:
        moment = datetime.fromisoformat(stamp or "")
    except ValueError:
        return 0.0
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds(), 0.0)


async def retry(client: ApiClient, key: str) -> None:
    """Queues an event again, from whatever state; repeating it does no more. Raises NotFound, Forbidden, ApiError."""
    try:
        answer = await client.request("POST", f"{ROUTE}/{{{_ID}}}/retry", params={_ID: key})
    except NotFound as error:
        error.message = f"there is no sync event {key}, or it is another organisation's."
        error.advise(Reason("den/list-events"))
        raise
    except Forbidden as error:
        error.hint = error.hint or "Retrying takes the role of an editor for the event's instance."
        raise
    if _job(answer) != key:
        raise answer.malformed(f"another event than {key}")


@dataclass(frozen=True, slots=True)
class Queued:
    """The result of a sync request."""

    events: list[Event]
    """Those that it queued."""
    busy: list[Event] = field(default_factory=list)
    """Those that were under way before, whose targets sync-now passes over."""
    looked: str = ""
    """Why the events had to be looked for, when the answer was lost."""


async def sync_now(client: ApiClient, instance: str) -> Queued:
    """Queues a sync of each target of an instance that has none queued or running. Raises ApiError."""
    query = {"connectorInstanceId": instance}
    before = await read(client, query, most=lists.PAGE)

    async def send() -> int:
        answer = await client.request(
            "POST",
            "/v1/connector-instances/{connectorInstanceId}/sync-now",
            params={"connectorInstanceId": instance},
            repeatable=False,
        )
        item = answer.body.get("item") if isinstance(answer.body, dict) else None
        count = item.get("enqueuedCount") if isinstance(item, dict) else None
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise answer.malformed("no count of what was queued")
        return count

    count, unknown = await _sent(send)
    if unknown is not None:
        events = await _looked_for(client, query, before, unknown, "trigger")
        return Queued(events, _under_way(before, events), unknown.message)
    events = await _new(client, query, before, "trigger") if count else []
    busy = _under_way(before, events)
    if not count and not busy:
        # One that hangs may be older than all that was read.
        for status in ("running", "queued"):
            busy += (await read(client, {**query, "status": status}, most=lists.PAGE)).events
    return Queued(events, busy)


async def resync(client: ApiClient, target: str) -> Queued:
    """Queues a sync of one target, beside whatever is under way of it. Raises ApiError."""
    query = {"connectorTargetId": target}
    before = await read(client, query, most=lists.PAGE)

    async def send() -> str:
        route = "/v1/connector-targets/{connectorTargetId}/resync"
        answer = await client.request("POST", route, params=query, repeatable=False)
        key = _job(answer)
        if not is_event_id(key):
            raise answer.malformed("no id of an event")
        return key

    key, unknown = await _sent(send)
    if unknown is not None:
        events = await _looked_for(client, query, before, unknown, "queuedBy")
        return Queued(events[:1], _under_way(before, events), unknown.message)
    assert key is not None
    return Queued([await get(client, key)], _under_way(before, ()))


async def _sent(send: Any) -> tuple[Any, ApiError | None]:
    """The answer of a call, or why its outcome is unknown."""
    try:
        return await send(), None
    except Ambiguous as error:
        return None, error
    except Malformed as error:
        if error.status is None or error.status >= 300:
            raise
        return None, error  # it says that it happened, and not what
    except Forbidden as error:
        error.hint = error.hint or "Syncing takes the role of an editor for the instance."
        raise


async def _looked_for(
    client: ApiClient, query: Mapping[str, Any], before: EventList, unknown: ApiError, mark: str
) -> list[Event]:
    """The events of a call whose answer was lost: it is not sent again, since it may have happened."""
    client.progress.decision(f"{unknown.message} Looking for new sync events.")
    for look in range(_LOOKS):
        try:
            found = await _new(client, query, before, mark)
        except ApiError as error:
            error.maybe = True
            error.message = f"{unknown.message} Looking for new sync events failed as well: {error.message}"
            raise
        if found:
            return found
        if look + 1 < _LOOKS:
            await client.pause(0.5 * 2**look)
    lost = Ambiguous(
        f"{unknown.message} No new sync event is to be found, after {_LOOKS} looks.",
        method=unknown.method,
        route=unknown.route,
        status=unknown.status,
        request_id=unknown.request_id,
        hint="It was not sent again, so that nothing is synced twice. Ask again if trueup events still shows none.",
    )
    lost.at, lost.correlation = unknown.at, unknown.correlation
    raise lost


async def _new(client: ApiClient, query: Mapping[str, Any], before: EventList, mark: str) -> list[Event]:
    """The events that were asked for by hand since; those marked as ours where there are such."""
    known = {one.id for one in before.events}
    since = before.events[0].started if before.events else None
    found = await read(client, query, since=since)
    new = [one for one in found.events if one.id not in known and one.kind == _MANUAL]
    return [one for one in new if mark in one.summary] or new


def _under_way(before: EventList, events: Collection[Event]) -> list[Event]:
    new = {one.id for one in events}
    return [one for one in before.events if one.active and one.id not in new]


def _job(answer: Answer) -> str:
    job = answer.body.get("job") if isinstance(answer.body, dict) else None
    key = job.get("id") if isinstance(job, dict) else None
    return key if isinstance(key, str) else ""


def _event(item: lists.Item) -> Event:
    attempts, summary = item.get("attemptCount"), item.get("summaryJson")
    return Event(
        id=item["id"],
        status=_text(item, "status") or "unknown",
        started=item[_STAMP],
        kind=_text(item, "eventType") or "unknown",
        instance=_text(item, "connectorInstanceId"),
        target=_text(item, "connectorTargetId"),
        remote=_text(item, "remoteId"),
        completed=_text(item, "completedAt"),
        next_attempt=_text(item, "nextAttemptAt"),
        attempts=attempts if isinstance(attempts, int) and not isinstance(attempts, bool) else 0,
        summary=summary if isinstance(summary, dict) else {},
        item=item,
    )


def _text(item: lists.Item, key: str) -> str | None:
    value = item.get(key)
    return value if isinstance(value, str) and value else None
