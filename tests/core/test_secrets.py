"""Secrets: found where the reference says, never shown by any means, remembered only as keyed fingerprints."""

from __future__ import annotations

import copy
import json
import logging
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from deepdiff import DeepDiff
from hypothesis import given
from hypothesis import strategies as st

from trueup.core.errors import SecretError
from trueup.core.secrets import REDACTED, Reference, Secret, fingerprint, mentions, reveal, scrub
from trueup.engine.references import resolve

VALUE = "hunter2-is-the-password"


def python(code: str, *arguments: str, timeout: float = 20, folder: str = ".") -> Reference:
    """A program that is a line of Python."""
    return Reference("exec", (sys.executable, "-c", code, *arguments), "app.yaml:7", folder, timeout)


# A value that cannot be shown

SHOWN: dict[str, Callable[[Secret], Any]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "f-string": lambda secret: f"{secret} {secret!r} {secret!s}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
    "in-a-list": lambda secret: repr([secret, {"a": (secret,)}]),
    "deepdiff": lambda secret: repr(DeepDiff({"a": secret}, {"a": Secret("another")}).to_dict()),
    "deepcopy": lambda secret: repr(copy.deepcopy({"a": secret})),
    "exception": lambda secret: str(ValueError(secret)),
    "dir": lambda secret: repr([getattr(secret, name, "") for name in dir(secret) if name != "reveal"]),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
def test_a_secret_is_never_shown(shown: Callable[[Secret], Any]) -> None:
    assert VALUE not in str(shown(Secret(VALUE)))


@pytest.mark.parametrize(
    "kept",
    [pickle.dumps, json.dumps, copy.copy, lambda secret: format(secret, ">40"), lambda secret: "x" + secret],
    ids=["pickle", "json", "copy", "format-spec", "concatenation"],
)
def test_a_secret_is_not_turned_into_something_else_by_accident(kept: Callable[[Secret], Any]) -> None:
    with pytest.raises(TypeError) as raised:
        kept(Secret(VALUE))
    assert VALUE not in str(raised.value)


def test_a_secret_is_not_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").warning("the key is %s, %r", Secret(VALUE), {"a": Secret(VALUE)})
    assert VALUE not in caplog.text
    assert REDACTED in caplog.text


def test_a_secret_is_not_in_a_traceback_that_shows_local_variables() -> None:
    def fails(secret: Secret) -> None:
        raise RuntimeError("for once")

    try:
        fails(Secret(VALUE))
    except RuntimeError as error:
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "secret = " in told
    assert VALUE not in told


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a", "to compare with text one has to say so"


def test_reveal_goes_all_the_way_down_and_changes_nothing() -> None:
    value = {"a": [Secret("x"), {"b": Secret("y")}], "c": 1}
    assert reveal(value) == {"a": ["x", {"b": "y"}], "c": 1}
    assert isinstance(value["a"], list)
    assert isinstance(value["a"][0], Secret)


# Words that came from elsewhere


def test_scrub_takes_out_every_secret_of_this_process() -> None:
    Secret("alpha-secret"), Secret("alpha-secret-longer")
    assert scrub("x alpha-secret-longer y alpha-secret z") == f"x {REDACTED} y {REDACTED} z"


def test_scrub_leaves_ordinary_words_alone() -> None:
    Secret("a"), Secret("the")
    assert scrub("the a cat") == "the a cat"


@pytest.mark.parametrize("secret", ['with "quotes" inside', "two\nlines of it", "täglich geheim", "back\\slash-secret"])
def test_scrub_knows_a_secret_inside_of_json(secret: str) -> None:
    Secret(secret)
    said = scrub(f"the server said {json.dumps({'echo': secret})}")
    assert secret not in said
    assert json.dumps(secret)[1:-1] not in said


def test_scrub_knows_a_secret_inside_of_a_url() -> None:
    Secret("p@ss word/with?odd&characters")
    assert "p%40ss" not in scrub("no host at https://x:p%40ss%20word%2Fwith%3Fodd%26characters@host/")


# Environment


def test_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KEY", VALUE)
    assert resolve(Reference("env", "APP_KEY")) == Secret(VALUE)


@pytest.mark.parametrize("value", ["  spaces  ", "trailing\n", "ünï", "$HOME", "a\tb"])
def test_a_variable_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("APP_KEY", value)
    assert resolve(Reference("env", "APP_KEY")).reveal() == value


def test_a_missing_variable_names_itself_and_the_place() -> None:
    with pytest.raises(SecretError) as raised:
        resolve(Reference("env", "NO_SUCH_KEY", "app.yaml:7"))
    assert "app.yaml:7" in str(raised.value)
    assert "NO_SUCH_KEY" in str(raised.value)


def test_an_empty_variable_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_KEY", "")
    with pytest.raises(SecretError, match="is empty"):
        resolve(Reference("env", "APP_KEY"))


def test_a_variable_that_is_not_utf_8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "APP_KEY", "caf\udce9")
    with pytest.raises(SecretError, match="not UTF-8"):
        resolve(Reference("env", "APP_KEY"))


# Files


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"secret", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n", "secret"),
        (b"secret\n\n", "secret\n"),
        (b"two\nlines\n", "two\nlines"),
        (b"two\r\nlines\r\n", "two\r\nlines"),
        (b" secret ", " secret "),
        ("gehéim".encode(), "gehéim"),
    ],
)
def test_a_file_loses_its_last_newline_and_nothing_else(tmp_path: Path, content: bytes, value: str) -> None:
    (tmp_path / "key").write_bytes(content)
    assert resolve(Reference("file", "key", folder=str(tmp_path))).reveal() == value
    printed = f"import sys; sys.stdout.buffer.write({content!r})"
    assert resolve(python(printed)).reveal() == value, "and a program's output likewise"


def test_a_file_is_looked_for_from_the_manifest_and_an_absolute_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    assert resolve(Reference("file", str(tmp_path / "key"), folder="/nowhere")).reveal() == "secret"
    with pytest.raises(SecretError, match="cannot be read"):
        resolve(Reference("file", "key", folder="/nowhere"))


def test_a_file_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("secret")
    assert resolve(Reference("file", "~/key", folder="manifests")).reveal() == "secret"


UNREADABLE: dict[str, tuple[bytes | None, str]] = {
    "missing": (None, "cannot be read"),
    "empty": (b"", "is empty"),
    "newline-only": (b"\n", "is empty"),
    "newlines-only": (b"\n\r\n", "holds only whitespace"),
    "blanks-only": (" \u00a0\ufeff\t".encode(), "holds only whitespace"),
    "nul": (b"a\0b", "holds a NUL"),
    "utf-32": ("secret".encode("utf-32-le"), "holds a NUL"),
    "not-utf-8": (b"caf\xe9", "not UTF-8"),
    "too-large": (b"x" * ((1 << 20) + 1), "more than 1 MiB"),
}


@pytest.mark.parametrize(("content", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_holds_no_secret(tmp_path: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(SecretError, match=why) as raised:
        resolve(Reference("file", "key", "app.yaml:7", str(tmp_path)))
    assert str(raised.value).startswith("error[E201]: app.yaml:7: ")
    shown = "".join(traceback.TracebackException.from_exception(raised.value).format())
    assert "The above exception" not in shown, "the cause could show what was read"


@pytest.mark.parametrize("target", [".", "a\0b", "x" * 5000])
def test_a_path_that_is_no_file(tmp_path: Path, target: str) -> None:
    with pytest.raises(SecretError):
        resolve(Reference("file", target, folder=str(tmp_path)))


# Programs


def test_a_program_is_run_without_a_shell(tmp_path: Path) -> None:
    reference = python("import sys; print(sys.argv[1:])", "$HOME", "; touch made", "*", folder=str(tmp_path))
    assert resolve(reference).reveal() == "['$HOME', '; touch made', '*']"
    assert list(tmp_path.iterdir()) == []


def test_a_program_runs_in_the_folder_of_the_manifest_and_has_nothing_to_read(tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd(), repr(sys.stdin.read()))"
    assert resolve(python(code, folder=str(tmp_path))).reveal() == f"{tmp_path} ''"


def test_a_program_that_fails_says_so_and_nothing_it_printed() -> None:
    with pytest.raises(SecretError) as raised:
        resolve(python(f"import sys; print('{VALUE}'); print('{VALUE}', file=sys.stderr); sys.exit(3)"))
    assert "exit code 3" in str(raised.value)
    assert "app.yaml:7" in str(raised.value)
    assert VALUE not in str(raised.value)


def test_what_a_program_says_on_standard_error_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    resolve(python(f"import sys; print('out'); print('{VALUE}', file=sys.stderr)"))
    assert capfd.readouterr() == ("", "")


def test_a_program_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    code = "import os, signal; open('pid', 'w').write(str(os.getpid())); print('half', flush=True); signal.pause()"
    with pytest.raises(SecretError, match=r"longer than 1\.5 s"):
        resolve(python(code, timeout=1.5, folder=str(tmp_path)))
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists() or not Path("/proc/self").exists()


def test_a_program_whose_child_keeps_its_output_open_does_not_hang(tmp_path: Path) -> None:
    program = ("sh", "-c", "sleep 1000 & echo $! >pid; echo x")
    with pytest.raises(SecretError, match="longer than 1 s"):
        resolve(Reference("exec", program, "app.yaml:7", folder=str(tmp_path), timeout=1))
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # it runs, so it was not waited for


def test_a_program_that_prints_without_end_is_ended() -> None:
    with pytest.raises(SecretError, match="more than 1 MiB"):
        resolve(python("import sys\nwhile True: sys.stdout.write('x' * 65536)"))


@pytest.mark.parametrize(
    ("code", "why"),
    [("", "is empty"), ("print()", "is empty"), ("import sys; sys.stdout.buffer.write(b'\\xff')", "not UTF-8")],
)
def test_a_program_that_prints_no_secret(code: str, why: str) -> None:
    with pytest.raises(SecretError, match=why):
        resolve(python(code))


@pytest.mark.parametrize("command", [("no-such-program-anywhere",), ("/",), ("a\0b",), ("",)])
def test_a_program_that_cannot_be_started(command: tuple[str, ...]) -> None:
    with pytest.raises(SecretError, match="cannot be started"):
        resolve(Reference("exec", command, "app.yaml:7"))


def test_a_message_names_the_program_and_not_its_arguments() -> None:
    with pytest.raises(SecretError) as raised:
        resolve(Reference("exec", ("no-such-program", "--token", VALUE)))
    assert "no-such-program" in str(raised.value)
    assert VALUE not in str(raised.value)


# Resolving


def test_each_reference_is_looked_up_once(tmp_path: Path) -> None:
    counting = "open('count', 'a').write('x'); print('secret')"
    one, other = (
        Reference("exec", (sys.executable, "-c", counting), place, str(tmp_path)) for place in ("a.yaml:1", "b.yaml:2")
    )
    found = resolve({"a": one, "b": [other, {"c": one}], "d": 1})
    assert reveal(found) == {"a": "secret", "b": ["secret", {"c": "secret"}], "d": 1}
    assert (tmp_path / "count").read_text() == "x"


def test_mentions_finds_a_reference_at_any_depth() -> None:
    assert mentions({"a": [1, {"b": Reference("env", "X")}]})
    assert not mentions({"a": [1, {"b": "X"}]})


# Fingerprints

PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=6,
)


@given(PLAIN, PLAIN)
def test_fingerprints_are_equal_exactly_for_equal_values(one: Any, other: Any) -> None:
    alike = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (fingerprint(b"k", one) == fingerprint(b"k", other)) == alike


def test_a_fingerprint_is_that_of_the_value_inside_and_depends_on_the_key() -> None:
    assert fingerprint(b"k", Secret("a")) == fingerprint(b"k", "a")
    assert fingerprint(b"k", {"b": 1, "a": 2}) == fingerprint(b"k", {"a": 2, "b": 1})
    assert fingerprint(b"k", "a") != fingerprint(b"l", "a")
    assert VALUE not in fingerprint(b"k", VALUE)


# Byte order marks, and UTF-16


@pytest.mark.parametrize("source", ["file", "exec", "env"])
def test_a_byte_order_mark_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    path = tmp_path / "secret.txt"
    path.write_bytes("\ufeffcanary-of-a-password\n".encode())
    monkeypatch.setenv("SOME_SECRET", "\ufeffcanary-of-a-password")
    target: str | tuple[str, ...] = {"file": str(path), "env": "SOME_SECRET"}.get(source) or ("cat", str(path))
    assert resolve(Reference(source, target)).reveal() == "canary-of-a-password"


def test_a_mark_further_on_is_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("a\ufeffb\ufeff\n")
    assert resolve(Reference("file", str(tmp_path / "secret.txt"))).reveal() == "a\ufeffb\ufeff"


def test_a_mark_alone_is_empty(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("\ufeff\n")
    with pytest.raises(SecretError, match="is empty"):
        resolve(Reference("file", str(tmp_path / "secret.txt")))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("source", ["file", "exec"])
@pytest.mark.parametrize("text", ["canary-of-a-password\r\n", "canary-ßü-€\r\n"])
def test_utf_16_is_told(tmp_path: Path, encoding: str, source: str, text: str) -> None:
    path = tmp_path / "secret.txt"
    path.write_bytes(text.encode(encoding))
    target: str | tuple[str, ...] = str(path) if source == "file" else ("cat", str(path))
    with pytest.raises(SecretError, match=r"UTF-16, not UTF-8.*UTF-8") as raised:
        resolve(Reference(source, target))
    assert text.strip() not in str(raised.value)
