"""One connection to one API: credentials, limits, the one retry layer, and answers that can be trusted to be JSON.

What is peculiar to an API (how it says no, how its request window works) is its Manner, in the system's folder.
Bodies and credentials are never logged and never part of an error.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import random
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar

import httpx
import tenacity

from trueup.errors import (
    Ambiguous,
    ApiError,
    Forbidden,
    Malformed,
    NotFound,
    Refused,
    SecretError,
    Stopped,
    TrueupError,
    Unauthorized,
    Unavailable,
)
from trueup.progress import Clock, Progress, Quiet
from trueup.secrets import Secret
from trueup.urls import is_loopback
from trueup.wire import filled, parsed, plain, retry_after

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

_T = TypeVar("_T")
ATTEMPTS: Final = 5
"""How often one call is tried when it fails in a way that a repetition may mend."""
LARGEST: Final = 64 << 20
"""Bytes of an answer, decoded; more is refused."""
_KEEP_ALIVE = 4.0  # Den closes idle connections after 5 s; a request on a closing one would be ambiguous
_WINDOWS_WITHOUT_SUCCESS = 10
_UNEXPLAINED = 2
_LONG = 2.0  # seconds after which somebody who watches wants to know why nothing happens
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one credential may do: that many requests in a window that closes after that many seconds of silence."""

    requests: int | None = None
    silence: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with a status of 2xx, its JSON body, and what identifies it."""

    status: int
    body: Any
    request_id: str
    method: str
    route: str

    def malformed(self, what: str) -> Malformed:
        """The error to raise when the body is not what the API promises; a write has happened all the same, maybe."""
        error = Malformed(
            f"{self.method} {self.route} answered {self.status} with {what}.",
            method=self.method,
            route=self.route,
            status=self.status,
            request_id=self.request_id,
            hint="Nothing was concluded from it.",
        )
        error.maybe = self.method != "GET"
        return error


@dataclass(frozen=True, slots=True)
class Wait:
    """The verdict that the credential's window is spent: be silent for that many seconds, then go on."""

    seconds: float
    why: str


class Manner(Protocol):
    """How one API speaks."""

    system: ClassVar[str]
    limits: ClassVar[Limits]

    def headers(self, credential: Credential) -> dict[str, str]:
        """The headers that carry the credential."""

    def words(self, body: Any) -> str:
        """What an error body says, in one line; empty when it says nothing."""

    def failed(self, answer: Answer) -> str | None:
        """The reason when a 2xx answer says that it failed; None when it succeeded."""

    async def unauthorized(self, client: Client) -> Wait | Unauthorized | None:
        """Why a 401 came: a spent window, a bad credential, or (None) nothing that can be told apart."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Who asks: an API key or a session token, never printed."""

    key: Secret | None = None
    token: Secret | None = None
    organization: str | None = None
    name: str = "default"
    """The connection's name, for messages."""
    origin: str = ""
    """Where the credential comes from, for messages: a variable, a file."""

    def __post_init__(self) -> None:
        for secret in (self.key, self.token):
            if secret is not None and not all("!" <= char <= "~" for char in secret.reveal()):
                # Found here, since whoever builds the request would show it.
                origin = f" ({self.origin})" if self.origin else ""
                raise SecretError(
                    f'the credential of connection "{self.name}"{origin} cannot be sent: it holds a space, a line '
                    "break, or a character that is not ASCII.",
                    hint="Copy it again, without what stands around it.",
                )


class _Again(Exception):
    """This attempt failed, and another one may mend it."""

    def __init__(self, failure: TrueupError, *, wait: float | None = None, counts: bool = True) -> None:
        super().__init__()
        self.failure = failure
        self.wait = wait
        self.counts = counts


@dataclass(slots=True)
class _Call:
    method: str
    route: str
    url: str
    query: dict[str, str]
    body: Any
    repeatable: bool
    tried: int = 0
    unexplained: int = 0
    maybe: bool = False
    """A try of it may have had its effect."""


@dataclass
class Client:
    """Sends requests over one pool of connections; every failure is an ApiError that says whether the call happened."""

    url: str
    manner: Manner
    credential: Credential
    clock: Clock
    progress: Progress = field(default_factory=Quiet)
    timeout: float = 60.0
    concurrency: int = 8
    transport: httpx.AsyncBaseTransport | None = None
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    """Requests sent so far, retries and probes included."""
    window: int = 0
    """Requests sent since the last silence that closed the window."""
    waited: float = 0.0
    """Seconds that nothing was sent because the window was spent."""

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)
        self._verdict = asyncio.Lock()
        self._open = asyncio.Event()
        self._open.set()
        self._era = 0
        self._fruitless = 0
        self._refusal: Unauthorized | None = None
        self._once_made: dict[str, asyncio.Task[Any]] = {}
        self._latest = self.clock.monotonic()
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers={
                "accept": "application/json",
                "accept-encoding": "gzip",
                "user-agent": _agent(),
                **self.manner.headers(self.credential),
            },
            timeout=httpx.Timeout(self.timeout, pool=None),
            limits=httpx.Limits(max_connections=self.concurrency, keepalive_expiry=_KEEP_ALIVE),
            transport=self.transport,
            verify=_tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
            follow_redirects=False,  # a redirect would carry the credential to another host
            trust_env=not is_loopback(httpx.URL(self.url).host),  # a proxy is never the way to this machine
        )

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
    ) -> Answer:
        """One call, tried again while that is safe.

        `repeatable` says that sending it twice does no more than sending it once. One that is not is sent again only
        when it cannot have happened; otherwise it raises Ambiguous, and the caller looks. Raises ApiError or Stopped.
        """
        query_text = {key: str(value) for key, value in (query or {}).items() if value is not None}
        call = _Call(method, route, filled(route, params or {}), query_text, body, repeatable)
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(_Again),
            stop=lambda _: call.tried >= ATTEMPTS,
            wait=_backoff,
            sleep=self.pause,
            before_sleep=lambda state: self._say_retry(call, state),
            reraise=True,
        )
        try:
            answer: Answer = await retrying(self._once, call)
            return answer
        except _Again as again:
            raise again.failure from None
        except Stopped as stopped:
            stopped.maybe = call.maybe
            raise

    async def once(self, name: str, make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """What a coroutine gives, made once however many ask for it; a failure is not kept."""
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
        """Status and JSON body of a GET, whatever they are: once, past the gate, for a Manner that looks for a cause.

        A body that is no JSON comes as an empty object. It may hold a credential in clear: it is for the Manner's eyes
        alone.
        """
        call = _Call("GET", route, route, {}, None, repeatable=True)
        status, raw, _, _ = await self._exchange(call)
        try:
            return status, parsed(raw)
        except (ValueError, RecursionError):
            return status, {}

    async def _once(self, call: _Call) -> Answer:
        async with self._slots:
            await self._gate()
            era = self._era
            call.tried += 1
            try:
                status, raw, headers, request_id = await self._exchange(call)
            except _UNSENT as error:
                raise _Again(self._unavailable(call, _cause(error))) from None
            except httpx.LocalProtocolError:  # its text may hold a header
                raise self._error(Refused, call, None, "", "cannot be sent as it is.") from None
            except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
                raise self._uncertain(call, _cause(error)) from None
        if status == 401:
            call.tried -= 1
            raise await self._refused(call, era, request_id)
        self._fruitless = 0
        return self._judge(call, status, raw, headers, request_id)

    async def _exchange(self, call: _Call) -> tuple[int, bytes, httpx.Headers, str]:
        started = self.clock.monotonic()
        self.sent += 1
        limits = self.manner.limits
        self.window = 1 if limits.silence and started - self._latest > limits.silence else self.window + 1
        status, request_id = "failed", ""
        content = None if call.body is None else json.dumps(call.body).encode()
        headers = {"content-type": "application/json"} if content is not None else None
        try:
            async with (
                asyncio.timeout(self.timeout),  # the whole of it: a slow drip resets every smaller clock
                self._http.stream(
                    call.method, call.url, params=call.query or None, content=content, headers=headers
                ) as response,
            ):
                request_id = plain(response.headers.get("x-request-id", ""), 64)
                if response.headers.get("content-encoding", "").strip().lower() not in ("", "identity", "gzip"):
                    # One layer of gzip grows a thousandfold at most, chunk by chunk; two of them, a millionfold.
                    said = "answered in an encoding that was not asked for."
                    raise self._error(Malformed, call, response.status_code, request_id, said)
                chunks: list[bytes] = []
                size = 0
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > LARGEST:
                        raise self._error(Malformed, call, response.status_code, request_id, "answered over 64 MiB.")
                    chunks.append(chunk)
                status = str(response.status_code)
                return response.status_code, b"".join(chunks), response.headers, request_id
        finally:
            self._latest = self.clock.monotonic()
            self.progress.request(call.method, call.route, status, self._latest - started, request_id)

    def _judge(self, call: _Call, status: int, raw: bytes, headers: httpx.Headers, request_id: str) -> Answer:
        body: Any = None
        broken = False
        if raw.strip():
            try:
                body = parsed(raw)
            except (ValueError, RecursionError):
                broken = True
        if 200 <= status < 300:
            if broken:
                raise self._uncertain(call, "the answer is not JSON", status, request_id)
            answer = Answer(status, body, request_id, call.method, call.route)
            if reason := self.manner.failed(answer):
                raise self._error(Refused, call, status, request_id, f"answered {status}, but failed: {plain(reason)}.")
            return answer
        words = "" if broken else plain(self.manner.words(body))
        said = f"answered {status}" + (f": {words}." if words else ".")
        if status == 429:
            failure = self._error(Unavailable, call, status, request_id, said)
            raise _Again(failure, wait=retry_after(headers, self.clock))
        if status >= 500:
            raise self._uncertain(call, said.rstrip("."), status, request_id, retry_after(headers, self.clock))
        if status == 404:
            raise self._error(NotFound, call, status, request_id, said)
        if status == 403:
            raise self._error(Forbidden, call, status, request_id, said)
        if 300 <= status < 400:
            raise self._error(
                Malformed, call, status, request_id, f"answered {status}: a redirect, which is not followed."
            )
        raise self._error(Refused, call, status, request_id, said)

    def _uncertain(
        self, call: _Call, why: str, status: int | None = None, request_id: str = "", wait: float | None = None
    ) -> Exception:
        if call.repeatable:
            failure = self._unavailable(call, why, status, request_id)
            call.maybe = failure.maybe = call.method != "GET"
            return _Again(failure, wait=wait)
        return self._error(Ambiguous, call, status, request_id, f"may or may not have happened: {why}.")

    def _unavailable(self, call: _Call, why: str, status: int | None = None, request_id: str = "") -> Unavailable:
        times = "once" if call.tried == 1 else f"{call.tried} times"
        message = f"{call.method} {call.route} of {self.manner.system} at {self.url} was tried {times}: {why}."
        hint = "" if status else f'Check the url of connection "{self.credential.name}", and that the server is up.'
        return Unavailable(
            message, method=call.method, route=call.route, status=status, request_id=request_id, hint=hint
        )

    def _error(self, kind: type[ApiError], call: _Call, status: int | None, request_id: str, said: str) -> ApiError:
        message = f"{call.method} {call.route} {said}"
        return kind(message, method=call.method, route=call.route, status=status, request_id=request_id)

    async def _refused(self, call: _Call, era: int, request_id: str) -> Exception:
        """What a 401 means. One caller finds out and waits; those that were refused beside it just try again."""
        async with self._verdict:
            if self._refusal is not None:
                return self._refusal
            if self.stop.is_set():
                return Stopped("Stopped before this was sent again.")
            if era == self._era:
                self._open.clear()  # nobody sends before it is known why
                try:
                    if failure := await self._explained(call, request_id):
                        return failure
                finally:
                    self._open.set()
        again = self._error(Unavailable, call, 401, request_id, "answered 401: the request window is spent.")
        return _Again(again, wait=0.0)

    async def _explained(self, call: _Call, request_id: str) -> ApiError | None:
        """Why it was refused; None once it may be tried again."""
        try:
            verdict = await self.manner.unauthorized(self)
        except (httpx.HTTPError, TimeoutError, ApiError):
            verdict = None
        if isinstance(verdict, Unauthorized):
            verdict.request_id = request_id
            self._refusal = verdict
            return verdict
        self._fruitless += 1
        if isinstance(verdict, Wait):
            if self._fruitless > _WINDOWS_WITHOUT_SUCCESS:
                return self._unavailable(call, "its request window does not close; somebody else uses this key")
            began = self.clock.monotonic()
            try:
                await self._silence(verdict.why, verdict.seconds)
            finally:
                self.waited += self.clock.monotonic() - began
            self.window = 0
            return None
        call.unexplained += 1
        if self._fruitless <= _UNEXPLAINED and call.unexplained <= _UNEXPLAINED:
            await self._silence(f"{self.manner.system} refused the credential without a reason", 1.0)
            return None
        failure = Unauthorized(
            f"{self.manner.system} refused the credential of connection {self.credential.name} without a reason.",
            method=call.method,
            route=call.route,
            status=401,
            request_id=request_id,
            hint="Nothing was changed by this call.",
        )
        if self._fruitless > _UNEXPLAINED:
            self._refusal = failure  # otherwise others are let in, and it is about this call alone
        return failure

    async def _silence(self, why: str, seconds: float) -> None:
        self.progress.waiting(why, seconds)
        await self.pause(seconds)
        self._era += 1

    async def _gate(self) -> None:
        while not self._open.is_set():
            await self._open.wait()
        if self.stop.is_set():
            raise Stopped("Stopped before this was sent.")
        if self._refusal is not None:
            raise self._refusal

    async def pause(self, seconds: float) -> None:
        """Waits, unless the run is being stopped: then it raises Stopped."""
        if seconds <= 0:
            return
        stop = asyncio.ensure_future(self.stop.wait())
        sleep = asyncio.ensure_future(self.clock.sleep(seconds))
        try:
            await asyncio.wait({stop, sleep}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            sleep.cancel()
        if self.stop.is_set():
            raise Stopped("Stopped while waiting to send it again.")

    def _say_retry(self, call: _Call, state: tenacity.RetryCallState) -> None:
        again = state.outcome.exception() if state.outcome else None
        if isinstance(again, _Again) and (pause := state.upcoming_sleep) > 0:
            self.progress.decision(f"again in {pause:.1f} s: {again.failure.message}")
            if pause >= _LONG:
                self.progress.waiting(f"{self.manner.system} asks to wait", pause)


def _backoff(state: tenacity.RetryCallState) -> float:
    again = state.outcome.exception() if state.outcome else None
    if isinstance(again, _Again) and again.wait is not None:
        return again.wait
    ceiling = min(10.0, 0.25 * 2.0**state.attempt_number)
    return random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter, not cryptography


def _cause(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "no answer in time"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            if inner.errno and inner.strerror.startswith("Connect call failed"):
                return os.strerror(inner.errno)  # asyncio says the port in its place
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return plain(str(error)) or type(error).__name__


@functools.cache
def _tls(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The certificates that are trusted, as those two variables say: read once, which takes longer than a request."""
    return httpx.create_ssl_context()


def _agent() -> str:
    from trueup import __version__

    return f"trueup/{__version__}"
