"""Proxies and certificates for tests: an HTTP proxy, a SOCKS 5 proxy, and private certificate authorities."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

HOST = "den.example.test"


@dataclass
class Proxy:
    """A proxy that connects every name to one port of this machine."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    """`host:port` of every connection."""
    heads: list[bytes] = field(default_factory=list)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    there, back = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_pipe(reader, back), _pipe(there, writer))


Listen = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(respond: Listen, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve connections on a port of this machine with that handler; yield the port number."""
    writers: list[asyncio.StreamWriter] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await respond(reader, writer)

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def http_proxy(
    target: int = 0, answer: bytes = b"HTTP/1.1 200 OK\r\n\r\n", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Proxy]:
    """A proxy that sends that answer to CONNECT, and connects if it is a 200."""
    proxy = Proxy()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        proxy.heads.append(head)
        proxy.asked.append(head.split(b" ")[1].decode())
        writer.write(answer)
        await writer.drain()
        if b" 200 " in answer.partition(b"\r\n")[0]:
            await _join(reader, writer, target)
        writer.close()

    async with listening(one, tls) as proxy.port:
        yield proxy


@contextlib.asynccontextmanager
async def socks_proxy(target: int = 0, login: bytes | None = None, reply: int = 0) -> AsyncIterator[Proxy]:
    """A SOCKS 5 proxy, with the login that it requires and its reply to CONNECT."""
    proxy = Proxy()
    wanted = 0 if login is None else 2

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        writer.write(bytes([5, wanted if wanted in offered else 255]))
        if wanted not in offered:
            return
        if login is not None:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            proxy.heads.append(user + b":" + password)
            writer.write(bytes([1, 0 if proxy.heads[-1] == login else 1]))
            if proxy.heads[-1] != login:
                return
        _, _, _, kind = await reader.readexactly(4)
        assert kind == 3, "names are for the proxy to look up"
        name = await reader.readexactly((await reader.readexactly(1))[0])
        port = int.from_bytes(await reader.readexactly(2), "big")
        proxy.asked.append(f"{name.decode()}:{port}")
        writer.write(bytes([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]))
        await writer.drain()
        if reply == 0:
            await _join(reader, writer, target)
        writer.close()

    async with listening(one) as proxy.port:
        yield proxy


@contextlib.asynccontextmanager
async def server(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that gives one answer; yield its port and the heads of its requests."""
    heads: list[bytes] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()

    async with listening(one, tls) as port:
        yield port, heads


class Authority:
    """An untrusted certificate authority and the certificates that it issued, as files of a folder."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl, which makes certificates, is not installed")
        self.folder = folder
        self.file = folder / "authority.pem"
        self._openssl("req", "-x509", *self._key("authority"), "-days", "2", "-subj", "/CN=An authority of ours")

    def issue(self, *names: str, days: int = 2) -> ssl.SSLContext:
        """Return a server's TLS context with a certificate for those names (`DNS:den.example.test`, `IP:127.0.0.1`)."""
        stem = f"server-{len(list(self.folder.iterdir()))}"
        self._openssl("req", "-new", *self._key(stem), "-subj", "/CN=a server")
        extension = self.folder / f"{stem}.ext"
        extension.write_text(f"subjectAltName={','.join(names)}\n")
        issuer = ["-CA", str(self.file), "-CAkey", str(self.folder / "authority.key"), "-CAcreateserial"]
        request = ["-in", str(self.folder / f"{stem}.pem"), "-extfile", str(extension), "-days", str(days)]
        self._openssl("x509", "-req", *request, *issuer, "-out", str(self.folder / f"{stem}.crt"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{stem}.crt", self.folder / f"{stem}.key")
        return context

    def _key(self, stem: str) -> list[str]:
        files = ["-keyout", str(self.folder / f"{stem}.key"), "-out", str(self.folder / f"{stem}.pem")]
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", *files]

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority for all tests of a worker."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the variables of the machine from the environment."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
        monkeypatch.delenv(name, raising=False)
