"""Sends requests over one pool of connections, tries them again while that is safe, and counts them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import httpx
import tenacity

from trueup.core.errors import Malformed, Refused, Stopped, Unavailable
from trueup.core.progress import Clock, Progress, Quiet
from trueup.core.secrets import holds_secret, reveal
from trueup.transport.answers import answer_of, is_down, request_id_of
from trueup.transport.call import Again, Request
from trueup.transport.causes import cause_of
from trueup.transport.gate import Gate
from trueup.transport.lease import Late
from trueup.transport.network import Network, Way
from trueup.transport.outage import Outage
from trueup.transport.pace import Meter, sort_of
from trueup.transport.values import Signs
from trueup.transport.window import RECENT, Limits, Window
from trueup.transport.wire import filled, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from trueup.core.api import Answer
    from trueup.transport.dialect import Dialect, Guard
    from trueup.transport.lease import WriteLease
    from trueup.transport.values import Credential
    from trueup.transport.window import Shared

_T = TypeVar("_T")
ATTEMPTS: Final = 5
"""How often one call is tried when it fails in a way that a repetition may mend."""
PATIENCE: Final = 120.0
"""Seconds that an outage is waited for."""
LARGEST: Final = 64 << 20
"""Bytes of an answer, decoded; more is refused."""
_STOPPED: Final = "Stopped while waiting to send it again."
_LONG = 2.0  # seconds after which the user wants to know why nothing happens


@dataclass
class Client:
    """Sends requests over one pool of connections; every failure is an ApiError that says whether the call happened."""

    url: str
    dialect: Dialect
    credential: Credential
    clock: Clock
    progress: Progress = field(default_factory=Quiet)
    timeout: float = 60.0
    concurrency: int = 8
    patience: float = PATIENCE
    """Seconds that an outage of a server is waited for which answered earlier in this run."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    guard: Guard | None = None
    """Looked at before every write; None where the connection does not say which tenant it is meant for."""
    lease: WriteLease | None = None
    """Confirmed before every write, and its limit; None where no lock is taken."""
    sent: int = 0
    """Requests sent so far, retries and probes included."""
    guarded: bool = False
    """A secret was sent in a body, so that the server's own words are not shown any more."""
    proven: bool = False
    """Whether the server took the credential in this run, or in another one not long ago."""
    signs: Signs = field(default_factory=Signs)
    shared: Shared | None = None
    """Where runs with the same ledger note how much of the window they spend; None without one."""

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)
        self._gate = Gate(self)
        self._outage = Outage(self, self.patience)
        self._once_made: dict[str, asyncio.Task[Any]] = {}
        self.window = Window(self.limits, self.clock)
        self.meter = Meter()
        self._network = Network.to(self.url)
        self._http = self._network.pool(
            self.url, self.dialect.headers(self.credential), timeout=self.timeout, connections=self.concurrency
        )

    @property
    def limits(self) -> Limits:
        """The limits of the credential: a session has no request window."""
        return Limits() if self.credential.key is None else self.dialect.limits

    async def share(self) -> None:
        """Let the other runs know how much of the window this one spent, and learn what they did."""
        if self.shared is None or not self.limits.requests:
            return
        used = await self.window.share(self.shared)
        if used is not None and used.age is not None and used.age < RECENT:
            self.proven = True

    @property
    def refused(self) -> bool:
        """Whether the server refused the credential: nothing is known of its window then."""
        return self._gate.shut

    @property
    def waited(self) -> float:
        """Seconds that nothing was sent because the window was spent."""
        return self._gate.waited

    @property
    def title(self) -> str:
        """The system's name in a sentence."""
        return self.dialect.system.capitalize()

    @property
    def answered(self) -> bool:
        """Whether the server answered earlier in this run."""
        return self._outage.heard > 0

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def get(self, route: str, query: Mapping[str, Any] | None = None, **params: str) -> Answer:
        """A GET, which is safe to repeat. `route` is a pattern such as `/v1/things/{id}`; `params` fill it."""
        return await self.request("GET", route, query=query, params=params)

    async def request(
        self,
        method: str,
        route: str,
        *,
        params: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        repeatable: bool = True,
        guarded: bool = False,
    ) -> Answer:
        """One call, tried again while that is safe.

        `repeatable` says that sending it twice does no more than sending it once. One that is not is sent again only
        when it cannot have happened; otherwise it raises Ambiguous, and the caller looks. `body` may hold secrets, and
        with `guarded` the answer does. Raises ApiError, Stopped, and SafetyError where the guard is not satisfied.
        """
        if self.guard is not None and method != "GET":
            await self.guard.confirm(self)
        query_text = {key: str(value) for key, value in (query or {}).items() if value is not None}
        self.guarded = self.guarded or holds_secret(body)
        call = Request(
            method, route, filled(route, params or {}), query_text, body, repeatable, guarded or self.guarded
        )
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Again),
            stop=lambda _: self._outage.given_up or call.tried - call.excused >= ATTEMPTS,
            wait=_backoff,
            sleep=self.pause,
            before_sleep=lambda state: self._say_retry(call, state),
            reraise=True,
        )
        try:
            answer: Answer = await retrying(self._once, call)
        except Again as again:
            raise again.failure from None
        except Stopped as stopped:
            stopped.maybe = call.maybe
            raise
        finally:
            self._gate.leave(call)
        if self.guard is not None and method == "GET":
            self.guard.saw(answer)
        return answer

    async def once(self, name: str, make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Return the result of a coroutine, run once however many ask for it; a failure is not kept."""
        task = self._once_made.get(name)
        if task is None:
            task = self._once_made[name] = asyncio.ensure_future(make())
        try:
            found: _T = await asyncio.shield(task)
            return found
        except BaseException:
            if task.done():
                self._once_made.pop(name, None)
            raise

    async def probe(self, route: str) -> tuple[int, Any]:
        """Status and JSON body of a GET, whatever they are: once, past the gate, for a Dialect that looks for a cause.

        A body that is no JSON comes as an empty object, a missing answer as status 0. It may
        hold a credential in clear: it is for the Dialect's eyes alone.
        """
        call = Request("GET", route, route, {}, None, repeatable=True, counted=False)
        try:
            status, raw, _, _ = await self._exchange(call, Way())
        except Exception:  # whatever it was, it says nothing of the credential
            return 0, {}
        try:
            return status, parsed(raw)
        except (ValueError, RecursionError):
            return status, {}

    async def _once(self, call: Request) -> Answer:
        slot = contextlib.nullcontext() if call.careful else self._slots
        async with slot, self._outage.turn(call):
            await self._gate.enter(call)
            while (lease := self._lease_of(call)) is not None and not lease.ready():
                await lease.confirm()
                await self._gate.enter(call)
            era = self._gate.era
            call.tried += 1
            way = Way(lease, body=call.body is not None)
            try:
                status, raw, headers, request_id = await self._exchange(call, way)
            except Late:
                call.tried -= 1
                late = call.error(Unavailable, None, "", "was not sent: its lock was not confirmed in time.")
                raise Again(late, wait=0.0) from None
            except httpx.LocalProtocolError:  # its text may hold a header
                raise call.error(Refused, None, "", "cannot be sent as it is.") from None
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
                raise self._unanswered(call, way, error) from None
            except Exception as error:
                if not way.failed.startswith("socks."):  # httpcore lets out what socksio raises
                    raise
                raise self._unanswered(call, way, error) from None
            if status != 401:
                self._gate.accepted(call)
                if not is_down(status, raw):
                    self._outage.answered()
                if status == 407 and self._network.proxy is not None:
                    raise call.unreachable(self, f"{self._network.proxy} refused its user or password")
                answer = answer_of(self, call, status, raw, headers, request_id)
        if status == 401:
            self._outage.answered()
            call.tried -= 1
            raise await self._gate.refused(call, era, request_id)
        self.proven = True
        if self.window.due:
            await self.share()
        return answer

    def _unanswered(self, call: Request, way: Way, error: Exception) -> Exception:
        """Return the exception for a try without an answer."""
        cause = cause_of(error, way, self._network)
        unsent = way.unsent(error)
        if cause.lasting and (unsent or call.method == "GET"):
            return call.unreachable(self, cause.why, cause.hint)
        if not unsent:
            return call.uncertain(self, cause.why, hint=cause.hint, down=cause.lost)
        return Again(call.unavailable(self, cause.why, hint=cause.hint), f"cannot be reached: {cause.why}", down=True)

    async def _exchange(self, call: Request, way: Way) -> tuple[int, bytes, httpx.Headers, str]:
        started = self.clock.monotonic()
        self.sent += 1
        self.window.sent()
        sort = sort_of(call.method, call.route, call.query)
        self.meter.started(sort, started)
        status, request_id = "failed", ""
        content = None if call.body is None else json.dumps(reveal(call.body)).encode()
        call.at, call.correlation = f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}", secrets.token_hex(8)
        headers = {"x-correlation-id": call.correlation}
        if content is not None:
            headers["content-type"] = "application/json"
        lease = self._lease_of(call)
        limit = asyncio.timeout(self.timeout) if lease is None else lease.within(self.timeout)
        try:
            async with (
                limit,  # the whole of it: a slow drip resets every smaller clock
                self._http.stream(
                    call.method,
                    call.url,
                    params=call.query or None,
                    content=content,
                    headers=headers,
                    extensions={"trace": way},
                ) as response,
            ):
                request_id = request_id_of(self, call, response.headers)
                self.signs.answers += 1
                self.signs.with_request_id += "x-request-id" in response.headers
                if response.headers.get("content-encoding", "").strip().lower() not in ("", "identity", "gzip"):
                    # One layer of gzip grows a thousandfold at most, chunk by chunk; two of them, a millionfold.
                    said = "answered in an encoding that was not asked for."
                    raise call.error(Malformed, response.status_code, request_id, said)
                chunks: list[bytes] = []
                size = 0
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > LARGEST:
                        raise call.error(Malformed, response.status_code, request_id, "answered over 64 MiB.")
                    chunks.append(chunk)
                status = str(response.status_code)
                return response.status_code, b"".join(chunks), response.headers, request_id
        finally:
            self.meter.ended(sort, self.clock.monotonic())
            self.window.answered(counted=call.counted and status != "401")
            reference = request_id or call.correlation
            self.progress.request(call.method, call.route, status, self.clock.monotonic() - started, reference)

    def _lease_of(self, call: Request) -> WriteLease | None:
        return None if call.method == "GET" else self.lease

    async def pause(self, seconds: float) -> None:
        """Waits, unless the run is being stopped: then it raises Stopped."""
        if seconds <= 0:
            return
        if self.stop.is_set():
            raise Stopped(_STOPPED)
        stop = asyncio.ensure_future(self.stop.wait())
        sleep = asyncio.ensure_future(self.clock.sleep(seconds))
        try:
            await asyncio.wait({stop, sleep}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            sleep.cancel()
        if self.stop.is_set():
            raise Stopped(_STOPPED)

    def _say_retry(self, call: Request, state: tenacity.RetryCallState) -> None:
        again = state.outcome.exception() if state.outcome else None
        if isinstance(again, Again) and (pause := state.upcoming_sleep) > 0:
            self.progress.decision(f"again in {pause:.1f} s: {again.failure.message}")
            if pause >= _LONG:
                self.progress.waiting(f"{self.title} {again.why}, again in", pause)


def _backoff(state: tenacity.RetryCallState) -> float:
    again = state.outcome.exception() if state.outcome else None
    if isinstance(again, Again) and again.wait is not None:
        return again.wait
    ceiling = min(10.0, 0.25 * 2.0**state.attempt_number)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not cryptography
