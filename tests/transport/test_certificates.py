"""Certificates: trusted authorities, errors of variables that cannot be used, and reasons of TLS failures."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest
from hostile import answer, client
from proxies import HOST, Authority, Listen, http_proxy, listening, server
from proxies import authority as authority
from proxies import no_variables as no_variables

from trueup.core.errors import Ambiguous, NetworkError, Unavailable, Unreachable
from trueup.transport import certificates

OK = answer(200, {"ok": True})
URL = f"https://{HOST}"
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def wrong(folder: Path, what: str) -> Path:
    """Create a path that no such variable can name."""
    path = folder / "it"
    if what == "a-folder":
        path.mkdir()
        (path / "authority.pem").write_text("not under its hashed name")
    elif what == "a-pipe":
        os.mkfifo(path)
    elif what == "a-socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    elif what != "missing":
        texts = {
            "empty": "",
            "text": "host\n",
            "a-key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        }
        path.write_text(texts.get(what, "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n"))
    return path


@pytest.mark.parametrize(
    "what", ["missing", "a-folder", "a-pipe", "a-socket", "empty", "text", "a-key", "a-broken-certificate"]
)
@pytest.mark.parametrize("variable", VARIABLES)
async def test_a_variable_that_cannot_be_used_is_named_before_anything_is_sent(
    variable: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = wrong(tmp_path, what)
    monkeypatch.setenv(variable, str(path / "x" if (variable, what) == ("SSLKEYLOGFILE", "missing") else path))
    if variable == "SSLKEYLOGFILE" and path.is_file():
        async with client(URL):
            return  # a file to write to
    with pytest.raises(NetworkError, match=rf"error\[E202\]: {variable} names {path}") as raised:
        async with client(URL):
            pass
    assert f"unset {variable}" in str(raised.value).lower().replace(variable.lower(), variable)


@pytest.mark.parametrize("variable", VARIABLES)
async def test_a_server_of_this_machine_is_reached_whatever_it_says(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "/nonexistent/it")
    async with server(OK) as (port, _), client(f"http://127.0.0.1:{port}") as api:
        assert (await api.get("/v1/things")).body == {"ok": True}
    async with client("https://localhost:9") as api:
        with pytest.raises(Unavailable, match="Connection refused"):
            await api.get("/v1/things")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_an_authority_of_ones_own_is_trusted_once_it_is_named(
    variable: str, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable == "SSL_CERT_DIR":
        shutil.copy(authority.file, tmp_path / "authority.pem")
        subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)  # noqa: ASYNC221
        value = os.pathsep.join(("/nonexistent", str(tmp_path)))
    else:
        value = str(authority.file)
    async with server(OK, authority.issue(f"DNS:{HOST}")) as (port, heads), http_proxy(port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with client(URL) as api:
            with pytest.raises(Unreachable) as raised:
                await api.request("POST", "/v1/things", repeatable=False)
            assert (api.sent, heads) == (1, []), "not tried again, and the key went nowhere"
        assert f"the certificate of {HOST} is not trusted: " in raised.value.message
        assert "SSL_CERT_FILE" in raised.value.hint
        monkeypatch.setenv(variable, value)
        async with client(URL) as api:
            assert (await api.get("/v1/things")).body == {"ok": True}


async def test_an_authority_that_is_not_among_those_named_is_told_with_the_variable(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    async with server(OK, authority.issue("IP:127.0.0.1")) as (port, _), client(f"https://127.0.0.1:{port}") as api:
        with pytest.raises(Unreachable, match=f"not among those that SSL_CERT_FILE names .{other.file}"):
            await api.get("/v1/things")


async def test_a_variable_of_other_programs_is_said_not_to_be_read(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    async with server(OK, authority.issue("IP:127.0.0.1")) as (port, _), client(f"https://127.0.0.1:{port}") as api:
        with pytest.raises(Unreachable, match=r"SSL_CERT_FILE\. REQUESTS_CA_BUNDLE is not read"):
            await api.get("/v1/things")


@pytest.mark.parametrize(
    ("name", "days", "words"),
    [
        ("IP:127.0.0.2", 2, "the certificate of 127.0.0.1 is for another host: "),
        ("DNS:other.test", 2, "the certificate of 127.0.0.1 is for another host: "),
        ("IP:127.0.0.1", -1, "the certificate of 127.0.0.1 is out of its time: certificate has expired"),
    ],
)
async def test_a_certificate_that_is_wrong_says_how(
    name: str, days: int, words: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    tls = authority.issue(name, days=days)
    async with server(OK, tls) as (port, heads), client(f"https://127.0.0.1:{port}") as api:
        with pytest.raises(Unreachable) as raised:
            await api.get("/v1/things")
        assert (api.sent, heads) == (1, [])
    assert words in raised.value.message
    assert raised.value.hint


def saying(words: bytes) -> Listen:
    """Return a handler that answers every connection with those bytes, and closes it."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(words)
        await writer.drain()
        writer.close()

    return one


async def test_tls_with_a_port_that_speaks_none() -> None:
    http = saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    async with listening(http) as port, client(f"https://127.0.0.1:{port}") as api:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1 does not speak TLS there.* scheme and port"):
            await api.request("POST", "/v1/things", repeatable=False)
        assert api.sent == 1


async def test_http_with_a_port_that_speaks_tls_alone() -> None:
    alert = b"\x15\x03\x01\x00\x02\x02\x46"  # as sent by OpenSSL and Go
    async with listening(saying(alert)) as port, client(f"http://127.0.0.1:{port}") as api:
        with pytest.raises(Unreachable, match=r'seems to speak TLS there.*Write "https://"'):
            await api.get("/v1/things")
        assert api.sent == 1
        with pytest.raises(Ambiguous, match="seems to speak TLS there"):
            await api.request("POST", "/v1/things", repeatable=False)


async def test_the_keys_of_tls_are_logged_where_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    context = certificates.context_for({"SSLKEYLOGFILE": str(path)}, local=False)
    assert context.keylog_filename == str(path)
    assert path.stat().st_mode & 0o077 == 0
