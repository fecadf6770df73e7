"""Replays recorded exchanges of the real Den against the embedded one, over real HTTP, and tells every difference.

A recording is one JSON object a line: `{case, request, response}`, credentials redacted, in order. Ids are mapped as
they appear: where an answer of ours holds an id in the place of a recorded one, the two stand for each other from then
on. The clock is moved by the recorded gaps. What was prepared off the record is written into the state beforehand
(`Preparation`). Usable from the command line: `python tests/helpers/sandbox_replay.py [FILE]`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from repository import ROOT
from sandbox_server import DenServer, StandingClock

RECORDINGS = ROOT / "tests" / "recordings" / "den.jsonl"
ID = re.compile(r"[a-z]+_[0-7][0-9a-hjkmnp-tv-z]{25}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

State = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    case: str
    request: dict[str, Any]
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def at(self) -> datetime:
        """When it was: the first 48 bits of the request id, a UUIDv7, are the milliseconds."""
        value = 0
        for character in self.headers["x-request-id"].removeprefix("req_"):
            value = value * 32 + _ALPHABET.index(character)
        return datetime.fromtimestamp((value >> 80) / 1000, UTC)

    @property
    def principal(self) -> str | None:
        """Who asked, where the recording says so."""
        principal: str | None = self.request["headers"].get("_principal")
        return principal

    @property
    def prepared(self) -> bool:
        """Whether something was prepared off the record for this case."""
        special = self.principal in ("rate-limited-key", "rl-slow-key", "probe")
        cases = ("drift.A.", "drift.B.", "drift.C.", "page.exact-", "sync.dbrow.", "sync.list.q-ref", "sync.retry.run")
        return special or self.case.startswith(cases)


def read(path: Path) -> list[Exchange]:
    """The exchanges of a file, in order."""
    with path.open(encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines if line.strip()]
    return [
        Exchange(
            row["case"], row["request"], row["response"]["status"], row["response"]["headers"], row["response"]["body"]
        )
        for row in found
    ]


@dataclass
class Ids:
    """Which id of ours stands for which recorded one."""

    ours: dict[str, str] = field(default_factory=dict)
    theirs: dict[str, str] = field(default_factory=dict)

    def pair(self, recorded: str, found: str) -> bool:
        """Whether the two may stand for each other; if nothing speaks against it, they do from now on."""
        kind = recorded.partition("_")[0]
        if found.partition("_")[0] != kind or not ID.fullmatch(found):
            return False
        return self.ours.setdefault(recorded, found) == found and self.theirs.setdefault(found, recorded) == recorded

    def translate(self, text: str) -> str:
        """The text with our ids in it; a recorded id nobody knows stays."""
        return ID.sub(lambda match: self.ours.get(match[0], match[0]), text)


LOOSE = {"createdByName", "durationMs", "tryAgainIn", "token", "key", "inviteToken", "start"}
"""Keys whose value only has to be of the same kind: names, lengths of time, and what is random or redacted."""
_PEOPLE = {"user", "owner", "organization"}
_PHASE = {"attemptCount", "completedAt", "status", "summaryJson"}
"""What depends on the moment at which the worker came by."""


def differences(exchange: Exchange, found: Any, ids: Ids) -> Iterator[str]:
    """Where the body of an answer differs from the recorded one."""
    phase = _PHASE if exchange.case.startswith("sync.poll") else set()

    def walk(recorded: Any, found: Any, path: tuple[str | int, ...]) -> Iterator[str]:
        where = "/".join(map(str, path)) or "body"
        key = path[-1] if path else ""
        loose = key in LOOSE or (key == "name" and len(path) > 1 and path[-2] in _PEOPLE)
        if key in phase:
            return
        if type(recorded) is not type(found):
            if not (loose and None in (recorded, found)):
                yield f"{where}: recorded {recorded!r}, found {found!r}"
        elif isinstance(recorded, dict):
            if recorded.keys() != found.keys():
                missing, more = sorted(recorded.keys() - found.keys()), sorted(found.keys() - recorded.keys())
                yield f"{where}: missing {missing}, more {more}"
            for name in recorded.keys() & found.keys():
                yield from walk(recorded[name], found[name], (*path, name))
        elif isinstance(recorded, list):
            if len(recorded) != len(found):
                yield f"{where}: recorded {len(recorded)} items, found {len(found)}"
            for place, (one, other) in enumerate(zip(recorded, found, strict=False)):
                yield from walk(one, other, (*path, place))
        elif loose:
            return
        elif isinstance(recorded, str) and ID.fullmatch(recorded):
            if not ids.pair(recorded, found):
                yield f"{where}: recorded {recorded}, which is {ids.ours.get(recorded)}, found {found}"
        elif isinstance(recorded, str) and TIME.fullmatch(recorded):
            if not TIME.fullmatch(found):
                yield f"{where}: recorded a time, found {found!r}"
        elif recorded != found:
            yield f"{where}: recorded {recorded!r}, found {found!r}"

    yield from walk(exchange.body, found, ())


class Preparation:
    """What was prepared off the record, written into the state just before the case that shows it."""

    def __init__(self, exchanges: list[Exchange]) -> None:
        self._drifting = self._named_drift(exchanges)
        self._done: set[str] = set()

    def before(self, exchange: Exchange, ids: Ids, now: datetime, state: State) -> bool:
        """Edits the state for that case; whether it did."""
        if exchange.case.startswith(("drift.A.", "page.exact-")) and "drift" not in self._done:
            self._done.add("drift")
            self._drift(ids, now, state)
            return bool(self._drifting)
        if exchange.case.startswith("sync.dbrow."):
            shift = now - exchange.at
            for item in exchange.body["items"]:
                if item["id"] not in ids.ours:
                    self._event(item, ids, shift, state)
            return True
        if exchange.case == "ratelimit.slow.601st":
            return self._spend("rl-slow-key", now, state)
        if exchange.case.startswith("ratelimit.slow.after-61s-idle"):
            return self._spend("rl-slow-key", now - timedelta(seconds=61), state)
        if exchange.principal == "rate-limited-key":
            return self._spend("rate-limited-key", now, state)
        return False

    @staticmethod
    def _named_drift(exchanges: list[Exchange]) -> list[dict[str, Any]]:
        """The instances `drift-0` to `drift-7`, as they are first seen."""
        seen: dict[str, dict[str, Any]] = {}
        for exchange in exchanges:
            items = exchange.body.get("items", []) if isinstance(exchange.body, dict) else []
            for item in items:
                if re.fullmatch(r"drift-\d", item.get("name") or ""):
                    seen.setdefault(item["name"], item)
        return [seen[name] for name in sorted(seen)]

    def _drift(self, ids: Ids, now: datetime, state: State) -> None:
        """Eight instances of the account that was set up on the record, each a millisecond younger than the last."""
        for place, item in enumerate(self._drifting):
            moment = _stamp(now - timedelta(milliseconds=20 - place))
            row = {**json.loads(ids.translate(json.dumps(item))), "id": item["id"], "status": "active"}
            row |= {"createdAt": moment, "updatedAt": moment}
            ids.pair(item["id"], item["id"])
            state["den.connectorInstances"][row["id"]] = row

    @staticmethod
    def _event(item: dict[str, Any], ids: Ids, shift: timedelta, state: State) -> None:
        """A sync event that was written into the database by hand."""
        row = json.loads(ids.translate(json.dumps(item)))
        for name in ("startedAt", "completedAt"):
            if row[name]:
                row[name] = _stamp(datetime.fromisoformat(row[name]) + shift)
        ids.pair(item["id"], item["id"])
        owner = state["den.connectorInstances"][row["connectorInstanceId"]]["organizationId"]
        state["den.syncEvents"][row["id"]] = {**row, "organizationId": owner}

    @staticmethod
    def _spend(principal: str, now: datetime, state: State) -> bool:
        """A key that has made its 600 requests, the last of them at that time."""
        for row in state["den.apiKeys"].values():
            if row["principal"] == principal:
                row |= {"requestCount": row["rateLimitMax"], "lastRequest": _stamp(now)}
        return True


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


@dataclass
class Outcome:
    """One case: what differed (nothing, it is to be hoped), and what was answered."""

    exchange: Exchange
    status: int
    body: Any
    faults: list[str]


def credentials(exchange: Exchange, principals: dict[str, dict[str, str]]) -> dict[str, str]:
    """The headers that say who asks. A redacted credential that was a bad one is told by the name of its case."""
    case, recorded = exchange.case, exchange.request["headers"]
    if "x-api-key" in recorded and "bad-" in case and exchange.principal in (None, "probe"):
        bad = "den_short" if "short" in case else "den_" + "x" * 64
        return {"x-api-key": bad} | (principals["owner-session"] if "good-bearer" in case else {})
    if "authorization" in recorded and exchange.principal is None:
        known = principals["owner-api-key"]["x-api-key"] if "apikey-as-bearer" in case else "unknown-session-token"
        return {"authorization": f"Bearer {known}"}
    for word in ("disabled-key", "expired-key"):
        if case.endswith(word):
            return principals[word.replace("-key", "-api-key")]
    name = exchange.principal or ""
    if case.startswith("reauth.stale-"):
        name = "stale-" + name
    return principals.get(name, {})  # whoever we do not know asks as nobody, and the answer shows it


class Replay:
    """A walk through recordings against one server."""

    def __init__(self, server: DenServer, exchanges: list[Exchange]) -> None:
        self._server = server
        self._exchanges = exchanges
        self._ids = Ids()
        self._preparation = Preparation(exchanges)
        self._principals = server.principals()

    def run(self) -> Iterator[Outcome]:
        """Each case in order, as it was answered."""
        began, recorded = self._server.now(), self._exchanges[0].at
        with self._server.client_with({}) as client:
            for exchange in self._exchanges:
                late = (exchange.at - recorded) - (self._server.now() - began)
                if late > timedelta():
                    self._server.advance(late.total_seconds())
                if exchange.prepared:
                    state, now = self._server.dump(), self._server.now()
                    if self._preparation.before(exchange, self._ids, now, state):
                        self._server.load(state)
                yield self._ask(client, exchange)

    def _ask(self, client: httpx.Client, exchange: Exchange) -> Outcome:
        request = exchange.request
        kept = {k: v for k, v in request["headers"].items() if k not in ("_principal", "x-api-key", "authorization")}
        headers = {k: self._ids.translate(v) for k, v in kept.items()} | credentials(exchange, self._principals)
        path, query, body = self._ids.translate(request["path"]), request["query"], request["body"]
        if isinstance(query, dict):
            query = "&".join(f"{name}={value}" for name, value in query.items())
        url = f"{path}?{self._ids.translate(query)}" if query else path
        content = body if isinstance(body, str) or body is None else self._ids.translate(json.dumps(body))
        answer = client.request(request["method"], url, headers=headers, content=content)
        found = _body(answer)
        faults = list(differences(exchange, found, self._ids))
        if answer.status_code != exchange.status:
            faults.insert(0, f"status: recorded {exchange.status}, found {answer.status_code}")
        faults += self._headers(exchange, answer)
        return Outcome(exchange, answer.status_code, found, faults)

    def _headers(self, exchange: Exchange, answer: httpx.Response) -> Iterator[str]:
        for name in ("content-type", "keep-alive"):
            if answer.headers.get(name) != exchange.headers.get(name):
                yield f"{name}: recorded {exchange.headers.get(name)!r}, found {answer.headers.get(name)!r}"
        if not ID.fullmatch(answer.headers.get("x-request-id", "")):
            yield f"x-request-id: found {answer.headers.get('x-request-id')!r}"


def _body(answer: httpx.Response) -> Any:
    if not answer.content:
        return None
    return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.text


def main() -> int:
    """Replays a file and prints what differed; how many did is the exit code's reason."""
    exchanges = read(Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDINGS)
    with DenServer(clock=StandingClock) as server:
        outcomes = list(Replay(server, exchanges).run())
    wrong = [outcome for outcome in outcomes if outcome.faults]
    for outcome in wrong:
        print(f"{outcome.exchange.case}: {outcome.exchange.request['method']} {outcome.exchange.request['path']}")
        print("".join(f"    {fault}\n" for fault in outcome.faults[:8]), end="")
    prepared = sum(exchange.prepared for exchange in exchanges)
    print(f"{len(exchanges) - prepared} over plain HTTP and {prepared} after preparation; {len(wrong)} differ")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
