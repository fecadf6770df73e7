"""Runs `trueup` as a person or a pipeline does: with pipes, at a terminal, or, to save time, in this process."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from sandboxes import PATIENCE

from trueup.cli import main

TRUEUP = [sys.executable, "-m", "trueup"]


def trueup(*arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """What came of it. Without `stdin` there is nothing to read and nobody to ask."""
    return subprocess.run(
        [*TRUEUP, *arguments],
        input=stdin or "",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        env={**os.environ, **environment},
    )


def inside(*arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in this process, for whoever has many things to try: the same `main`, with other streams."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with (
        patch.dict(os.environ, environment),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main(arguments)
    said, told = (stream.buffer.getvalue().decode() for stream in (out, err))
    return subprocess.CompletedProcess(arguments, code, said, told)


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """The one JSON document on standard output."""
    return json.loads(done.stdout)


class Terminal:
    """`trueup` at a terminal of its own, which is its controlling one: Ctrl-C reaches it as a person's would."""

    def __init__(self, *arguments: str, columns: int = 100, output: Path | None = None, **environment: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "CI")}
        with open(output or os.devnull, "wb") as file:
            self.process = subprocess.Popen(
                [*TRUEUP, *arguments],
                stdin=slave,
                stdout=file if output else slave,
                stderr=slave,
                env={**inherited, "TERM": "xterm-256color", **environment},
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        os.close(slave)
        self.raw = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def type(self, text: str) -> None:
        """Keys."""
        os.write(self._master, text.encode())

    def shown(self) -> str:
        """All that was written so far, without colours and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r\n", "\n")

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Reads on until that text came so often."""
        until = time.monotonic() + PATIENCE
        while self.shown().count(text) < times:
            assert self._read(until), f"{text!r} did not come: {self.shown()}"

    def end(self) -> int:
        """Reads to the end; the exit code."""
        until = time.monotonic() + PATIENCE
        while self._read(until):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, until: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(until - time.monotonic(), 0))
        if not ready:
            return False
        try:
            found = os.read(self._master, 65536)
        except OSError:  # nobody has the other side open any more
            return False
        self.raw += found.decode("utf-8", "replace")
        return bool(found)
