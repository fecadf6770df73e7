"""A server between trueup and the sandbox that changes what the sandbox answers, one place of one route at a time."""

from __future__ import annotations

import copy
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

_ID = re.compile(r"[a-z]{2,4}_[0-9a-z]{26}|(?<=/)[0-9a-f]{24}")
Key = tuple[str, str]
"""A method, and a path with `*` for each id."""
Mutate = Callable[[Any], Any]

MISSING = object()


@dataclass
class Between:
    """A record of requests and answers, and a change to the answers of one route."""

    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    answered: dict[Key, Any] = field(default_factory=dict)
    """The latest body of each route with a status of 2xx, as the sandbox gave it."""
    route: Key | None = None
    mutate: Mutate | None = None
    every: Mutate | None = None
    """A change to the answers of all routes."""

    def change(self, route: Key | None, mutate: Mutate | None) -> None:
        """Change the answers of a route from now on; forget what was asked."""
        self.route, self.mutate = route, mutate
        self.asked.clear()

    def writes(self) -> list[str]:
        return [f"{method} {path}" for method, path in self.asked if method != "GET"]


def key_of(method: str, path: str) -> Key:
    return method, _ID.sub("*", path.partition("?")[0])


@contextmanager
def between(upstream: str) -> Iterator[Between]:
    """A server for as long as the block lasts."""
    known = Between()
    http = httpx.Client(base_url=upstream, timeout=20)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # one packet an answer

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:
                self.close_connection = True

        def serve(self) -> None:
            method, path = self.command, self.path
            known.asked.append((method, path))
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            left_out = ("host", "connection", "content-length", "accept-encoding")
            headers = {name: value for name, value in self.headers.items() if name.lower() not in left_out}
            answer = http.request(method, path, content=body, headers=headers)
            raw = answer.content
            key = key_of(method, path)
            if answer.is_success and raw and "json" in answer.headers.get("content-type", ""):
                known.answered[key] = answer.json()
                mutate = known.mutate if key == known.route else known.every
                if mutate is not None:
                    raw = json.dumps(mutate(copy.deepcopy(known.answered[key]))).encode()
            self.send_response(answer.status_code)
            for name in ("content-type", "x-request-id", "retry-after"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            if answer.status_code != 204:
                self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = serve

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    known.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        http.close()


Place = tuple[str, ...]
"""Keys to a place in a body; `*` is every item of a list."""


def places(body: Any, path: Place = (), deep: int = 4) -> Iterator[Place]:
    """The places of a body, a list's by the items that it has."""
    if len(path) >= deep:
        return
    if isinstance(body, dict):
        for name, value in body.items():
            yield (*path, name)
            yield from places(value, (*path, name), deep)
    elif isinstance(body, list) and body:
        yield (*path, "*")
        merged: dict[str, Any] = {}
        for item in body:
            if isinstance(item, dict):
                merged |= {name: value for name, value in item.items() if value is not None or name not in merged}
        yield from places(merged, (*path, "*"), deep)


def at_place(body: Any, place: Place, change: Callable[[Any], Any]) -> Any:
    """The body with something else at a place; MISSING takes it out."""
    if not place:
        return change(body)
    head, *rest = place
    if head == "*":
        if not isinstance(body, list):
            return body
        return [new for item in body if (new := at_place(item, tuple(rest), change)) is not MISSING]
    if isinstance(body, dict) and head in body:
        new = at_place(body[head], tuple(rest), change)
        if new is MISSING:
            body.pop(head, None)
        else:
            body[head] = new
    return body


_WORD = re.compile(r"[a-z][a-z_-]*")


def _other(value: Any) -> Any:
    """Another type."""
    return {"unheard": ["of"]} if isinstance(value, str | int | float | bool) or value is None else 7


CHANGES: dict[str, Callable[[Any], Any]] = {
    "missing": lambda _: MISSING,
    "null": lambda _: None,
    "another type": _other,
    "unknown word": lambda value: "unheard-of" if isinstance(value, str) and _WORD.fullmatch(value) else value,
    "text": lambda value: "unheard-of" if not isinstance(value, str) else value,
    "more": lambda value: {**value, "unheardOf": {"a": [1]}, "x": "y"} if isinstance(value, dict) else value,
}


def mutations(body: Any) -> Iterator[tuple[str, Place, Mutate]]:
    """Each change of each place that makes a difference; the whole body is a place too."""
    for place in [(), *places(body)]:
        for name, change in CHANGES.items():

            def mutate(found: Any, place: Place = place, change: Callable[[Any], Any] = change) -> Any:
                new = at_place(found, place, change)
                return {} if new is MISSING else new

            if mutate(copy.deepcopy(body)) != body:
                yield name, place, mutate
