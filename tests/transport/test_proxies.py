"""Proxies of the environment: which one is used, what it receives, and the error when it cannot be used."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

import pytest
from commands import inside, trueup
from engine_rpc import fails, serving
from hostile import KEY, answer, client
from proxies import HOST, Authority, http_proxy, listening, server, socks_proxy
from proxies import authority as authority
from proxies import no_variables as no_variables
from world import World

from trueup.core.errors import NetworkError, Unavailable, Unreachable
from trueup.transport.proxies import proxy_for

OK = answer(200, {"ok": True})
URL = f"https://{HOST}"
PASSWORD = "sw0rd"
MANIFEST = """\
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: acme}
"""


def chosen(url: str = URL, **environment: str) -> str:
    found = proxy_for(url, environment)
    return str(found) if found else "direct"


# Choice of the proxy


@pytest.mark.parametrize(
    ("environment", "url", "right"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, URL, "the proxy http://p:1 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:2"}, URL, "the proxy http://q:2 (https_proxy)"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": ""}, URL, "the proxy http://p:1 (HTTPS_PROXY)"),
        ({"HTTPS_PROXY": "", "ALL_PROXY": "http://p:1"}, URL, "the proxy http://p:1 (ALL_PROXY)"),
        ({"HTTP_PROXY": "http://p:1"}, URL, "direct"),
        ({"HTTP_PROXY": "http://p:1"}, "http://den.corp", "the proxy http://p:1 (HTTP_PROXY)"),
        ({"all_proxy": "socks5h://p"}, URL, "the proxy socks5://p:1080 (all_proxy)"),
        ({"all_proxy": "socks://p:7"}, URL, "the proxy socks5://p:7 (all_proxy)"),
        ({"https_proxy": "p:3128"}, URL, "the proxy http://p:3128 (https_proxy)"),
        ({"https_proxy": "HTTPS://P.corp/"}, URL, "the proxy https://p.corp:443 (https_proxy)"),
        ({"https_proxy": "http://[::2]:3128"}, URL, "the proxy http://[::2]:3128 (https_proxy)"),
        ({"https_proxy": " http://p:1\n"}, URL, "the proxy http://p:1 (https_proxy)"),
        ({"https_proxy": "http://bücher.example:1"}, URL, "the proxy http://xn--bcher-kva.example:1 (https_proxy)"),
        ({"https_proxy": "http://u:p@p:1"}, "https://127.0.0.1:9", "direct"),
        ({"https_proxy": "nonsense:"}, "https://localhost", "direct"),
        ({"https_proxy": "nonsense:"}, "https://[::ffff:127.0.0.1]", "direct"),
        ({"https_proxy": "nonsense:x"}, "http://[::1]:9", "direct"),
    ],
)
def test_the_variable_of_the_scheme_before_that_of_all(environment: dict[str, str], url: str, right: str) -> None:
    assert chosen(url, **environment) == right


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("*", URL, True),
        ("other.test, *", URL, True),
        ("example.test", URL, True),
        (".example.test", URL, True),
        ("*.example.test", URL, True),
        ("ample.test", URL, False),
        ("EXAMPLE.Test.", URL, True),
        (".den.example.test", URL, True),
        ("localhost,[::1]", URL, False),
        ("a,b den.example.test", URL, True),
        ("den.example.test:443", URL, True),
        (".example.test:443", URL, True),
        ("example.test:8443", URL, False),
        ("example.test:8443", f"{URL}:8443", True),
        ("example.test:x", URL, False),
        ("10.0.0.0/8", "https://10.1.2.3", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.1.2.3/8", "https://10.9.9.9", True),
        ("10.0.0.0/99,junk/", "https://10.1.2.3", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("10.1.2.3:443", "https://10.1.2.3", True),
        ("10.1.2.3:80", "https://10.1.2.3", False),
        ("1.2.3", "https://10.1.2.3", False),
        ("[fd00::7]", "https://[fd00::7]", True),
        ("fd00:0::7", "https://[fd00::7]", True),
        ("[fd00::7]:8443", "https://[fd00::7]:8443", True),
        ("[fd00::7]:8443", "https://[fd00::7]", False),
        ("fd00::/8", "https://[fd00::7]", True),
        ("[fd00::]/8", "https://[fd00::7]", True),
        ("fd00::/8", "https://10.1.2.3", False),
        ("::ffff:10.1.2.3", "https://10.1.2.3", True),
        ("bücher.example", "https://xn--bcher-kva.example", True),
        ("bücher.example", "https://bücher.example", True),
        ("xn--bcher-kva.example", "https://bücher.example", True),
        (",, ,", URL, False),
    ],
)
def test_no_proxy_as_curl_and_go_understand_it(no_proxy: str, url: str, direct: bool) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        assert (chosen(url, HTTPS_PROXY="http://p:1", **{name: no_proxy}) == "direct") is direct


def test_no_proxy_of_blanks_counts_as_not_set() -> None:
    assert chosen(HTTPS_PROXY="http://p:1", no_proxy=" ", NO_PROXY=HOST) == "direct"


def test_a_bad_proxy_that_is_not_asked_is_no_error() -> None:
    assert chosen(HTTPS_PROXY="http://p:port", NO_PROXY=HOST) == "direct"


BAD = [
    f"http://user:{PASSWORD}#fish99@127.0.0.1:9",
    f"http://user:{PASSWORD}/fish99@127.0.0.1:9",
    f"http://user:12?{PASSWORD}@127.0.0.1:9",
    f"http://user:{PASSWORD} fish99@127.0.0.1:9",
    f"http://user:{PASSWORD}@127.0.0.1:port",
    f"http://user:{PASSWORD}@127.0.0.1:99999",
    f"http://user:{PASSWORD}@127.0.0.1:0",
    f"http://user:{PASSWORD}@",
    f"http://user:{PASSWORD}@:3128",
    f"http://user:{PASSWORD}",
    f"http:/user:{PASSWORD}@127.0.0.1:9",
    f"//user:{PASSWORD}@127.0.0.1:9",
    f"{PASSWORD}://127.0.0.1:9",
    f"socks4://user:{PASSWORD}@127.0.0.1:9",
    f"http://user:{PASSWORD}\x1b[2J@127.0.0.1:9",
    f"http://[{PASSWORD}]:9",
    f"http://user:{PASSWORD}@300.1.1.1:9",
    f"http://user:{PASSWORD}@127.0.0.01:9",
    f"http://user:{PASSWORD}@[::1",
    f"http://user:{PASSWORD}@[v1.x]:9",
    "http://",
    "file:///etc/passwd",
]


@pytest.mark.parametrize("value", BAD)
def test_a_value_that_is_no_proxy_is_named_and_never_shown(value: str) -> None:
    with pytest.raises(NetworkError) as raised:
        chosen(HTTPS_PROXY=value)
    text = str(raised.value)
    assert text.startswith("error[E202]: HTTPS_PROXY names no proxy that can be used: its value ")
    for piece in (PASSWORD, "fish99", "user", "127.0.0.1"):
        assert piece not in text.replace("in its user or password", "").replace("a user as http://USER", "")
    assert text.isprintable()


@pytest.mark.parametrize("value", [*BAD[:4], "http://p:port"])
def test_the_command_explains_it(value: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MANIFEST)
    given = {"TRUEUP_DEN_URL": URL, "TRUEUP_DEN_API_KEY": KEY, "https_proxy": value}
    done = inside("plan", "-f", str(tmp_path), "--state", str(tmp_path / "state"), **given)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error[E202]: https_proxy names no proxy")
    assert "sw0rd" not in done.stderr


async def test_the_pulumi_provider_explains_it(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as rpc:
        monkeypatch.setenv("HTTPS_PROXY", BAD[0])
        error = await fails(rpc.configure(denUrl=URL), "HTTPS_PROXY names no proxy that can be used", "%23", "(E202)")
        assert PASSWORD not in str(error)
        monkeypatch.delenv("HTTPS_PROXY")
        monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent.pem")
        await fails(rpc.configure(denUrl=URL), "SSL_CERT_FILE names /nonexistent.pem, which cannot be read", "(E202)")
        await rpc.configure()  # configured with the sandbox, which is on this machine


def test_the_embedded_servers_know_no_proxy_and_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(MANIFEST)
    bad = dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY", "NO_PROXY"), "http://127.0.0.1:port")
    bad |= {"SSL_CERT_FILE": "/nonexistent.pem", "SSL_CERT_DIR": "/nonexistent", "SSLKEYLOGFILE": "/nonexistent/x"}
    done = trueup("plan", "-f", str(tmp_path), "--state", str(tmp_path / "s"), TRUEUP_DEN_URL="sandbox", **bad)
    assert done.returncode == 0, done.stderr
    assert "1 to create" in done.stdout


# Connections through a proxy


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return authority


@pytest.mark.parametrize("password", ["p@ss:w0rd#1", "100%", "a%b%zz", "ü/?&", "x"])
async def test_a_user_and_any_password_reach_the_proxy_and_no_more(
    password: str, trusted: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = "".join(f"%{byte:02x}" for byte in password.encode()) if set(password) & set("#/?") else password
    async with server(OK, trusted.issue(f"DNS:{HOST}")) as (port, heads), http_proxy(port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:{written}@127.0.0.1:{proxy.port}")
        async with client(URL) as api:
            assert (await api.get("/v1/things")).body == {"ok": True}
    assert proxy.asked == [f"{HOST}:443"]
    login = base64.b64encode(f"user:{password}".encode())
    assert login in proxy.heads[0]
    assert KEY.encode() not in proxy.heads[0]
    assert KEY.encode() in heads[0]
    assert b"authorization" not in heads[0].lower()


async def test_a_proxy_may_be_reached_over_tls(trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        server(OK, trusted.issue(f"DNS:{HOST}")) as (port, _),
        http_proxy(port, tls=trusted.issue("IP:127.0.0.1")) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
        async with client(URL) as api:
            assert (await api.get("/v1/things")).body == {"ok": True}
        monkeypatch.delenv("SSL_CERT_FILE")
        async with client(URL) as api:
            with pytest.raises(
                Unreachable, match=r"of the proxy https://127\.0\.0\.1:\d+ \(HTTPS_PROXY\) is not trusted"
            ):
                await api.get("/v1/things")
            assert api.sent == 1


@pytest.mark.parametrize("scheme", ["socks5", "socks5h", "socks"])
async def test_a_proxy_of_socks_is_used(scheme: str, trusted: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        server(OK, trusted.issue(f"DNS:{HOST}")) as (port, heads),
        socks_proxy(port, login=b"user:p@ss") as proxy,
    ):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:p%40ss@127.0.0.1:{proxy.port}")
        async with client(URL) as api:
            assert (await api.get("/v1/things")).body == {"ok": True}
    assert proxy.asked == [f"{HOST}:443"]
    assert KEY.encode() in heads[0]


# Refusals of a proxy


@pytest.mark.parametrize(
    ("status", "words", "tries"),
    [
        (407, "asks for a user and a password", 1),
        (403, f"refused to connect to {HOST}:443 (it answered 403)", 1),
        (502, f"refused to connect to {HOST}:443 (it answered 502)", 5),
    ],
)
async def test_a_proxy_that_refuses_is_named(
    status: int, words: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with http_proxy(answer=f"HTTP/1.1 {status} sw0rd\r\ncontent-length: 0\r\n\r\n".encode()) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        async with client(URL) as api:
            with pytest.raises(Unavailable) as raised:
                await api.request("POST", "/v1/things", repeatable=False)
        assert len(proxy.asked) == tries
    assert f"the proxy http://127.0.0.1:{proxy.port} (HTTPS_PROXY) {words}" in raised.value.message
    assert raised.value.code == ("E308" if tries == 1 else "E305")
    assert not raised.value.maybe


async def test_a_login_that_a_proxy_refuses_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async with http_proxy(answer=b"HTTP/1.1 407 user:swordfish\r\ncontent-length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:swordfish@127.0.0.1:{proxy.port}")
        async with client(URL) as api:
            with pytest.raises(Unreachable, match="refused its user or password") as raised:
                await api.get("/v1/things")
            assert "swordfish" not in f"{raised.value} {api.progress.said}"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("login", "reply", "words"),
    [
        (b"user:other", 0, "asks for a user and a password"),
        (None, 2, f"did not connect to {HOST}:443: Connection not allowed by ruleset"),
        (None, 4, f"did not connect to {HOST}:443: Host unreachable"),
    ],
)
async def test_a_proxy_of_socks_that_refuses_is_named(
    login: bytes | None, reply: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with socks_proxy(login=login, reply=reply) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"socks5://127.0.0.1:{proxy.port}")
        async with client(URL) as api:
            with pytest.raises(Unavailable) as raised:
                await api.request("POST", "/v1/things", repeatable=False)
    assert f"the proxy socks5://127.0.0.1:{proxy.port} (ALL_PROXY) {words}" in raised.value.message


@pytest.mark.parametrize("scheme", ["http", "socks5", "https"])
@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"\x05\x07\x00\x01\x02\x03", b"\x05"], ids=repr)
async def test_what_is_no_proxy_is_no_bug_of_ours(scheme: str, said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    async with listening(one) as port:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{port}")
        async with client(URL) as api:
            with pytest.raises(Unavailable) as raised:
                await api.request("POST", "/v1/things", repeatable=False)
    assert f"the proxy {scheme}://127.0.0.1:{port} (ALL_PROXY)" in raised.value.message
    assert not raised.value.maybe, "nothing can have been sent"


@pytest.mark.parametrize("scheme", ["http", "socks5"])
async def test_a_proxy_that_is_silent_has_sent_nothing(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(one) as port:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:{port}")
        async with client(URL, timeout=0.1) as api:
            with pytest.raises(Unavailable, match=f"did not connect to {HOST}:443 in time"):
                await api.request("POST", "/v1/things", repeatable=False)


async def test_a_proxy_that_is_down_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:swordfish@127.0.0.1:9")
    async with client(URL) as api:
        with pytest.raises(Unavailable) as raised:
            await api.get("/v1/things")
    text = str(raised.value)
    assert "the proxy http://127.0.0.1:9 (HTTPS_PROXY) cannot be reached: Connection refused" in text
    assert "Check HTTPS_PROXY." in text
    assert "NO_PROXY" in text
    assert "swordfish" not in f"{text} {api.progress.said}"  # type: ignore[attr-defined]


def test_programs_that_print_secrets_keep_their_environment(tmp_path: Path) -> None:
    program = tmp_path / "print"
    program.write_text('#!/bin/sh\nprintf %s "$HTTPS_PROXY"\n')
    program.chmod(0o700)
    connection = f"""\
apiVersion: den.trueup.dev/v1
kind: Connection
metadata: {{name: default}}
spec: {{url: sandbox, apiKey: {{valueFrom: {{exec: [{program}]}}}}}}
---
"""
    (tmp_path / "m.yaml").write_text(connection + MANIFEST)
    done = trueup("plan", "-f", str(tmp_path), "--state", str(tmp_path / "s"), HTTPS_PROXY="http://p:port")
    assert "error[E301]" in done.stderr, "a key that is none, hence one that was printed"
    assert os.environ.get("HTTPS_PROXY") is None
