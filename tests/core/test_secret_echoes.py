"""A server that repeats a secret that it received, in any form and place: no part of it is shown."""

from __future__ import annotations

import base64
import codecs
import html
import json
import re
import threading
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from commands import inside
from world import World

from trueup.core import redaction
from trueup.core.concealing import conceal
from trueup.core.redaction import censored, scrub, touches, without_pieces
from trueup.core.secrets import Secret
from trueup.transport.wire import plain, recognised

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEcanaryZZZZBBBB\nCCCCcanaryDDDD\n-----END PRIVATE KEY-----\n"
JSON = '{"type": "service", "private_key": "canary-inside-of-json", "nested": {"list": ["canary-deep-in-there"]}}'
YAML = "user: canary-of-a-user\npassword: canary-of-a-pass\nlist: [canary-of-a-list]\n"
DOTENV = "USER=canary-of-a-user\nexport TOKEN='canary-of-a-token'\n"
URL = "postgresql://reader:canary%2Fpass@host/base"
SHORT = "k9z"
SECRETS = {"pem": PEM, "json": JSON, "yaml": YAML, "dotenv": DOTENV, "url": URL, "short": SHORT}

SHAPES: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "a line": lambda text: text.splitlines()[len(text.splitlines()) // 2],
    "other line ends": lambda text: text.replace("\n", "\r\n"),
    "one line": lambda text: " ".join(text.split()),
    "escaped": lambda text: json.dumps(text),
    "escaped twice": lambda text: json.dumps(json.dumps(text)),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"x{text}y".encode()).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "URL": quote,
    "HTML": html.escape,
    "unicode escapes": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "reversed": lambda text: text[::-1],
    "upper case": str.upper,
    "truncated": lambda text: text[: len(text) * 2 // 3],
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "spaced out": lambda text: " ".join(text),
}

MANIFEST = """\
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: crm}
spec:
  projectId: 68063653fc2e1fb859700001
  status: active
  dataLoaderConfig:
    source: mongodb
    batchSize: 200
    auth: {key: {valueFrom: {file: secret.txt}}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wexa.yaml").write_text(MANIFEST)
    return tmp_path


def _plain(text: str) -> str:
    return "".join(text.split())


def _apply(folder: Path, *words: str) -> str:
    """Return everything that an apply prints and writes to its ledger."""
    done = inside("apply", "-f", "wexa.yaml", "--auto-approve", "-vv", *words)
    left = b"".join(path.read_bytes() for path in sorted((folder / ".trueup").glob("ledger.db*")))
    shown = inside("ledger", "export").stdout + inside("ledger", "show", "-o", "json").stdout
    return done.stdout + done.stderr + shown + left.decode("latin-1")


@pytest.mark.parametrize("kind", SECRETS)
def test_whatever_shape_it_is_repeated_in(world: World, folder: Path, kind: str) -> None:
    secret = SECRETS[kind]
    (folder / "secret.txt").write_text(secret)
    secret = secret.removesuffix("\n")
    # A short text is an ordinary word elsewhere: search for it with the text that the server put around it.
    around = "<{}>" if kind == "short" else "{}"
    for turn, (name, shape) in enumerate(SHAPES.items()):
        echo = around.format(shape(secret))
        world.calm()
        body = {"detail": f"bad key: {echo}", "error": echo, "message": [{"msg": echo, "loc": [echo]}]}
        world.fault(system="wexa", method="POST", status=400, times=1, body=body)
        printed = _apply(folder, *(("-o", "json") if turn % 2 else ()))
        assert "400" in printed
        assert _plain(echo) not in _plain(printed), name
        assert "canary" not in printed.lower(), (name, printed)
    for status, headers in ((200, {}), (422, {"x-request-id": "canary-in-a-header"}), (500, {})):
        world.calm()
        world.fault(
            system="wexa",
            method="POST",
            status=status,
            times=1,
            headers=headers,
            body={"status": "error", "detail": secret},
        )
        printed = _apply(folder)
        assert "canary" not in printed


def test_a_list_that_repeats_it(world: World, folder: Path) -> None:
    """The secret is in names, ids, statuses and fields that are read after the write."""
    (folder / "secret.txt").write_text(PEM)
    line = "MIIEcanaryZZZZBBBB"
    config = {"source": line, "batch_size": line, "auth": {"key": line, line: line}}
    one = {"connectorID": "68063653fc2e1fb859700011", "sourceName": "crm", "status": line}
    other = {"connectorID": "68063653fc2e1fb859700012", "sourceName": line, "status": line}
    world.fault(
        system="wexa", route="/connector/{connectorID}", body={"name": line, "data_loader_config": config}, status=200
    )
    world.fault(system="wexa", route="/connectors/{projectID}", body=[one, other], status=200)
    printed = _apply(folder) + _apply(folder, "-o", "json")
    for words in (("plan",), ("drift",), ("plan", "-o", "json"), ("drift", "-o", "json")):
        done = inside(*words, "-f", "wexa.yaml", "-vv")
        printed += done.stdout + done.stderr
    assert "canary" not in printed


def test_a_get_that_fails_in_its_own_words(world: World, folder: Path) -> None:
    """The server stores a value that may be a secret unknown to this run."""
    (folder / "secret.txt").write_text(PEM)
    world.fault(system="wexa", route="/connector/{connectorID}", status=400, body={"detail": "stored: former-password"})
    done = inside("plan", "-f", "wexa.yaml")
    assert "answered 400" in done.stderr
    assert "former-password" not in done.stdout + done.stderr


def test_where_no_secret_took_part_the_words_are_shown(world: World, folder: Path) -> None:
    (folder / "secret.txt").write_text(PEM)
    world.fault(system="wexa", route="/connectors/{projectID}", status=400, body={"detail": "the project is asleep"})
    assert "the project is asleep" in inside("plan", "-f", "wexa.yaml").stderr


def test_known_words_are_recognised_in_their_order() -> None:
    said = "Value error: batch_size is required; auth.key: canary is not a valid key (already exists)"
    assert recognised(said, {"batch_size", "auth"}) == "batch_size, is required, auth, not a valid, already exists"


def test_a_word_that_is_the_secret_is_not_recognised() -> None:
    Secret("required")
    assert recognised("required: username", {"username"}) == "username"


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in ("rot13", "spaced out", "truncated")])
@pytest.mark.parametrize("kind", [kind for kind in SECRETS if kind != "short"])
def test_the_second_net(kind: str, name: str) -> None:
    Secret(SECRETS[kind])
    shown = scrub(f"see {SHAPES[name](SECRETS[kind])} there")
    assert "canary" not in shown.lower(), shown
    assert "yranac" not in shown


def test_pieces_are_touched() -> None:
    Secret("0123abcd-canary-9876fedc")
    assert touches("0123ABCDcanary")
    assert touches("x-0123abcd-canary-9876fedc-y")
    assert not touches("batch_size")


KEY = "den_Q7x9Lm2Vt5Rz8Kc1Wp4Yb6Nd3Hs0Jf"
CUT: dict[str, Callable[[str], str]] = {
    "cut off": lambda text: text[: len(text) * 2 // 3],
    "its end": lambda text: text[8:],
    "in groups": lambda text: "-".join(text[place : place + 4] for place in range(0, len(text), 4)),
    "in lines": lambda text: "\n".join(text[place : place + 9] for place in range(0, len(text), 9)),
    "spaced out": lambda text: " ".join(text),
    "wide letters": lambda text: "".join(chr(ord(char) + 0xFEE0) for char in text),
}


@pytest.mark.parametrize("name", CUT)
def test_a_credential_that_is_repeated_in_part(world: World, folder: Path, name: str) -> None:
    (folder / "secret.txt").write_text(PEM)
    piece = CUT[name](KEY)
    world.fault(
        system="wexa", route="/connectors/{projectID}", status=400, body={"detail": f"bad key {piece}, said it"}
    )
    printed = inside("plan", "-f", "wexa.yaml", "-v", TRUEUP_WEXA_API_KEY=KEY).stderr
    assert "bad key" in printed
    assert "said it" in printed
    shown = "".join(char for char in unicodedata.normalize("NFKC", printed) if char.isalnum())
    assert not [KEY[start : start + 8] for start in range(4, len(KEY) - 7) if KEY[start : start + 8] in shown]


@pytest.mark.parametrize("name", CUT)
def test_a_secret_of_a_run_before_in_part(world: World, folder: Path, name: str) -> None:
    """No request of this run held it yet, but one of a run before did."""
    (folder / "secret.txt").write_text(KEY)
    piece = CUT[name](KEY)
    world.fault(
        system="wexa", route="/connectors/{projectID}", status=400, body={"detail": f"stored: {piece}, said it"}
    )
    printed = inside("plan", "-f", "wexa.yaml", "-vv").stderr
    assert "said it" in printed
    shown = "".join(char for char in unicodedata.normalize("NFKC", printed) if char.isalnum())
    assert not [KEY[start : start + 8] for start in range(4, len(KEY) - 7) if KEY[start : start + 8] in shown]


def test_words_without_pieces_of_a_credential_stay() -> None:
    said = "The key den_Q7x9… of connection 9Lm2Vt5 is not known: \u00e9t\u00e9"
    assert without_pieces(said, KEY) == said
    assert without_pieces(f"<{KEY}> and <{KEY}>", KEY) == "<(sensitive)> and <(sensitive)>"
    assert without_pieces("ab ab ab", "ab") == "ab ab ab"


class Steps(dict[str, list[str]]):
    """An index of secrets that counts how often it is consulted."""

    count = 0

    def get(self, *asked: Any) -> Any:
        self.count += 1
        return super().get(*asked)


def test_a_text_of_secrets_is_gone_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Secret("0123abcd-canary-9876fedc")
    steps = Steps(redaction.process._starts)
    monkeypatch.setattr(redaction.process, "_starts", steps)
    assert scrub("0123abcd-canary-9876fedc " * 80_000) == "(sensitive) " * 80_000
    assert steps.count == 2 * 80_000 - 1, "one for a secret, one for the blank between two"


def test_secrets_of_all_threads_are_redacted_in_each() -> None:
    """Threads that remember and redact at once: neither fails, and what one knows the others redact."""
    secrets = [[f"{thread}-secret-{number:03}" for number in range(40)] for thread in range(4)]
    started = threading.Barrier(len(secrets))

    def run(own: list[str]) -> list[str]:
        started.wait()
        shown = []
        for value in own:
            Secret(value)
            shown.append(censored(f"it is {value}."))
            touches(f"nothing of {value[::-1]} is secret")
        return shown

    with ThreadPoolExecutor(len(secrets)) as pool:
        assert {one for shown in pool.map(run, secrets) for one in shown} == {"it is (sensitive)."}
    assert {scrub(value) for own in secrets for value in own} == {"(sensitive)"}


@pytest.mark.parametrize("short", ["k9z", "4711", "wrong", "acme", "a+b"])
def test_a_short_secret_is_a_word_of_its_own(short: str) -> None:
    Secret(short)
    for shape in (str, lambda text: base64.b64encode(text.encode()).decode(), lambda text: text.encode().hex(), quote):
        said = shape(short)
        assert censored(f"bad value {said}, see <{said}>") == "bad value (sensitive), see <(sensitive)>"
    assert censored(f"x{short}y") == f"x{short}y"
    assert touches(f"the {short} one")
    assert recognised(f"{short}: required", {short}) == "required"


@pytest.mark.parametrize("short", ["a", "1", "ab", "42"])
def test_a_shorter_one_is_a_whole_value(short: str) -> None:
    Secret(short)
    said = f"{short} of {short}"
    assert (scrub(said), censored(said), censored(short)) == (said, said, "(sensitive)")


def test_ordinary_words_stay() -> None:
    for short in ("ab", "plan", "200", "docs"):
        Secret(short)
    assert scrub("abc: plan of 200 docs") == "abc: plan of 200 docs"
    assert scrub("abc table") == censored("abc table") == "abc table"


def test_a_number_may_be_a_secret_of_digits() -> None:
    Secret("4711")
    Secret("8812345")
    assert conceal({"a": 4711, "b": [8812345], "c": 4712, "d": True})[0] == {
        "a": "(sensitive)",
        "b": ["(sensitive)"],
        "c": 4712,
        "d": True,
    }


FORMS = {
    "clone https://x-access-token:hunter2@github.com/a failed": "clone https://(sensitive)@github.com/a failed",
    "token ghs_0123456789abcdef is bad": "token (sensitive) is bad",
    "got -----BEGIN RSA PRIVATE KEY-----\nMIIE\nxyz": "got (sensitive)",
    "Bearer abcdefgh12345 refused": "(sensitive) refused",
    "see https://github.com/acme/docs@main": "see https://github.com/acme/docs@main",
}


@pytest.mark.parametrize("said", FORMS)
def test_what_has_the_form_of_a_secret_is_none_of_a_servers_words(said: str) -> None:
    assert plain(said) == FORMS[said]


PINS = {"word": "wrong", "pin": "4711", "mixed": "k9z"}


@pytest.mark.parametrize("kind", PINS)
def test_a_short_secret_under_other_names(world: World, folder: Path, kind: str) -> None:
    """It is in names, statuses and configuration that a server shows, and in its errors."""
    pin = PINS[kind]
    (folder / "secret.txt").write_text(pin)
    config = {"source": pin, "batch_size": int(pin) if pin.isdigit() else pin, "auth": {"key": pin, pin: pin}}
    one = {"connectorID": "68063653fc2e1fb859700011", "sourceName": "crm", "status": pin}
    other = {"connectorID": "68063653fc2e1fb859700012", "sourceName": pin, "status": pin}
    world.fault(system="wexa", route="/connector/{connectorID}", body={"data_loader_config": config}, status=200)
    world.fault(system="wexa", route="/connectors/{projectID}", body=[one, other], status=200)
    printed = _apply(folder) + _apply(folder, "-o", "json")
    for words in (("plan",), ("drift",), ("plan", "-o", "json"), ("plan", "--out", "saved.json"), ("plan", "--strict")):
        done = inside(*words, "-f", "wexa.yaml", "-vv")
        printed += done.stdout + done.stderr
    printed += (folder / "saved.json").read_text()
    assert "(sensitive)" in printed
    assert not re.search(rf"(?<![\w.-]){re.escape(pin)}(?![\w.-])", printed), printed
