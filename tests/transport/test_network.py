"""Proxies, private certificate authorities and encodings: what lies between the client and its server."""

from __future__ import annotations

import asyncio
import gzip
import shutil
import ssl
import subprocess
import zlib
from pathlib import Path

import pytest
from hostile import KEY, Request, answer, client, never, scripted, serving
from waiting import until

from trueup.core.errors import Malformed, Unavailable

OK = answer(200, {"ok": True})


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(scripted(OK)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with client("http://den.cluster.internal") as api:
            assert (await api.get("/v1/things")).body == {"ok": True}
        assert proxy.paths() == ["http://den.cluster.internal/v1/things"]


async def test_a_proxy_is_never_the_way_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(scripted(OK)) as proxy, serving(scripted(OK)) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        async with client(server.url) as api:
            await api.get("/v1/things")
        assert (len(proxy.requests), len(server.requests)) == (0, 1)


async def test_a_proxy_that_is_down_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with client("http://den.cluster.internal") as api:
        with pytest.raises(Unavailable, match="tried 5 times"):
            await api.get("/v1/things")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that nobody trusts, with its key beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    path = tmp_path / "cert.pem"
    key = str(tmp_path / "key.pem")
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, "-keyout", key]
    subprocess.run([*command, "-out", str(path)], check=True, capture_output=True)
    return path


async def test_a_certificate_that_is_not_trusted_gets_no_key_and_one_that_is_does(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[bytes] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with client(url) as api:
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1 is not trusted: self-signed certificate"):
            await api.get("/v1/things")
    assert heads == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with client(url) as api:
        assert (await api.get("/v1/things")).body == {"ok": True}
    assert KEY.encode() in heads[0]
    server.close()


async def test_a_compressed_answer_is_read() -> None:
    zipped = answer(200, raw=gzip.compress(b'{"ok": true}'), content_encoding="gzip")
    async with serving(scripted(zipped)) as server, client(server.url) as api:
        assert (await api.get("/v1/things")).body == {"ok": True}


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused() -> None:
    bomb = answer(200, raw=gzip.compress(b" " * (80 << 20)), content_encoding="gzip")
    assert len(bomb) < 1 << 20
    async with serving(scripted(bomb)) as server, client(server.url, timeout=60) as api:
        with pytest.raises(Malformed, match="64 MiB"):
            await api.get("/v1/things")


@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "br", "zstd", "x-unknown"])
async def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    body = zlib.compress(b'{"ok": true}')
    async with serving(scripted(answer(200, raw=body, content_encoding=encoding))) as server:
        async with client(server.url) as api:
            with pytest.raises(Malformed, match="encoding"):
                await api.get("/v1/things")
        assert server.requests[0].headers["accept-encoding"] == "gzip"


async def test_a_request_that_is_cancelled_leaves_the_client_usable() -> None:
    async def silent_at_first(request: Request, writer: asyncio.StreamWriter) -> bytes:
        return OK if request.number else await never()

    async with serving(silent_at_first) as server, client(server.url, concurrency=1) as api:
        first = asyncio.create_task(api.get("/v1/things"))
        await until(lambda: server.requests)
        first.cancel()
        assert (await api.get("/v1/things")).body == {"ok": True}
