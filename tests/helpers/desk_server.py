"""Desk as a real HTTP server: boards, cards on them, one workspace a token; a page holds one board."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "desk-token-0123456789"


class Desk:
    """The content of a running server, and the requests that it received."""

    def __init__(self) -> None:
        self.boards: dict[str, dict[str, Any]] = {}
        self.cards: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.ids = itertools.count(1)
        self.url = ""
        self.silent = False
        """Whether what is made is not answered, until `answering` is set."""
        self.made = threading.Event()
        self.answering = threading.Event()

    def answer(self, method: str, path: str, query: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body."""
        if path == "/me":
            return HTTPStatus.OK, {"workspace": "ws_7"}
        if below := re.fullmatch(r"/boards/(\w+)/cards", path):
            rows = [card for card in self.cards.values() if card["board"] == below[1]]
            return HTTPStatus.OK, {"rows": rows, "next": None}
        table = self.boards if path.startswith("/boards") else self.cards
        if method == "GET":
            rows, start = list(table.values()), int(query.partition("=")[2] or 0)
            following = start + 1 if start + 1 < len(rows) else None
            return HTTPStatus.OK, {"rows": [_shown(row) for row in rows[start : start + 1]], "next": following}
        if method == "POST":
            key = f"{'b' if table is self.boards else 'c'}{next(self.ids)}"
            table[key] = {"id": key, **({"colour": None} if table is self.boards else {"done": False}), **body}
            if self.silent:
                self.made.set()
                self.answering.wait(timeout=60)
            return HTTPStatus.CREATED, _shown(table[key])
        key = path.rsplit("/", 1)[1]
        if key not in table:
            return HTTPStatus.NOT_FOUND, {"problem": "it is not there"}
        if method == "DELETE":
            return HTTPStatus.OK, _shown(table.pop(key))
        table[key] |= body
        return HTTPStatus.OK, _shown(table[key])


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "pin"}


@contextlib.contextmanager
def serving() -> Iterator[Desk]:
    """A server on this machine for as long as the block lasts."""
    desk = Desk()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def handle_one(self) -> None:
            """Answer a request of any method."""
            size = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            path, _, query = self.path.partition("?")
            desk.requests.append(f"{self.command} {path}")
            known = self.headers.get("authorization") == f"Bearer {KEY}"
            refused = HTTPStatus.UNAUTHORIZED, {"problem": "unknown token"}
            status, answer = desk.answer(self.command, path, query, body) if known else refused
            raw = json.dumps(answer).encode()
            with contextlib.suppress(ConnectionError):  # the client may have been killed
                self._send(status, raw)

        def _send(self, status: int, raw: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_one

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        desk.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield desk
        server.shutdown()
        thread.join()
