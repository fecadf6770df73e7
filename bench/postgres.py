"""A PostgreSQL server of one's own: Debian's programs, a folder that goes with it, and this machine alone."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psycopg

USER: Final = "trueup"
PASSWORD: Final = "pass@word/of the:server"
_PATIENCE: Final = 60.0
_DIE_WITH_PARENT: Final = 1
"""PR_SET_PDEATHSIG: a run of tests that is killed leaves no server."""


class Unavailable(Exception):
    """There can be no server here."""


def programs() -> Path | None:
    """The folder of initdb and postgres; None when they are not installed."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found.sort(key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    if found:
        return found[-1]
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).resolve().parent if elsewhere else None


class Server:
    """A server that answers, and makes databases."""

    def __init__(self, folder: Path, bin_: Path) -> None:
        self._data = folder / "data"
        self._socket = folder / "s"  # short: the path of a socket has little room
        self._log = folder / "log"
        self._count = itertools.count()
        self._as = _somebody()
        folder.chmod(0o755)
        for path in (self._data, self._socket):
            path.mkdir(mode=0o700)
            if self._as:
                os.chown(path, self._as["user"], self._as["group"])
        word = folder / "word"
        word.write_text(PASSWORD + "\n")
        options = ["--no-sync", "--no-locale", "--encoding=UTF8", f"--username={USER}", f"--pwfile={word}"]
        self._run(bin_ / "initdb", "-D", self._data, "--auth-local=trust", "--auth-host=scram-sha-256", *options)
        for attempt in range(5):
            self.port = _free_port()
            self.process = self._start(bin_)
            if self._answers():
                return
            assert attempt < 4, self._log.read_text()

    def _start(self, bin_: Path) -> subprocess.Popen[bytes]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self._socket,
            "shared_buffers": "16MB",
            "max_connections": 60,
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("wb") as log:
            return subprocess.Popen(
                [bin_ / "postgres", "-D", self._data, *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_with_parent,
                **self._as,
            )

    def _answers(self) -> bool:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return True
            time.sleep(0.05)
        return False

    def _run(self, *words: object) -> None:
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd="/", **self._as)
        assert done.returncode == 0, done.stdout + done.stderr

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self._socket), port=self.port, user=USER, dbname=database, autocommit=True)

    def make(self, name: str = "") -> str:
        """Make an empty database, and return its name."""
        name = name or f"t{next(self._count)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def drop(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def checkpoint(self) -> None:
        """Write out what is in memory now, rather than a while later."""
        with self.connect() as connection:
            connection.execute("CHECKPOINT")

    def url(self, database: str, *, password: str = "pass%40word%2Fof%20the%3Aserver") -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _somebody() -> dict[str, Any]:
    """Root must not run a server: whom it runs one as."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    raise Unavailable("PostgreSQL does not run as root, and there is no other user")


def _with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGQUIT)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server for as long as the block lasts. Raises Unavailable."""
    bin_ = programs()
    if bin_ is None:
        raise Unavailable("no PostgreSQL is installed; script/bootstrap --dev installs it")
    folder = Path(tempfile.mkdtemp(prefix="trueup-pg-"))
    try:
        server = Server(folder, bin_)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
