"""Secret references and values: resolved late, never printed, remembered only as keyed fingerprints."""

from __future__ import annotations

import hmac
import json
import operator
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from trueup.core.errors import SecretError
from trueup.core.redaction import REDACTED as REDACTED
from trueup.core.redaction import censored as censored
from trueup.core.redaction import is_known as is_known
from trueup.core.redaction import remember
from trueup.core.redaction import scrub as scrub
from trueup.core.texts import trimmed

_LARGEST = 1 << 20
_EXACT = 2**53
_ENCODE = "Encode it, for instance with base64."
_SAVE = "Save it as UTF-8. (In PowerShell: Set-Content -Encoding utf8.)"
_MARK = "\ufeff"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Secret:
    """A value that cannot be printed, pickled or converted to JSON by accident; only `reveal` returns it."""

    __slots__ = ("_reveal",)

    def __init__(self, value: str, *, ours: bool = True) -> None:
        self._reveal: Callable[[], str] = lambda: (
            value
        )  # code that walks over attributes, as deepdiff does, finds a function
        if ours:  # a server's text must not decide what is redacted in trueup's own messages
            remember(value)

    def reveal(self) -> str:
        """Return the value itself, for the request that needs it."""
        return self._reveal()

    def __repr__(self) -> str:
        return REDACTED

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Secret):
            one, two = (each.reveal().encode("utf-8", "surrogatepass") for each in (self, other))
            return hmac.compare_digest(one, two)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self.reveal())

    def matches(self, text: str) -> bool:
        """Return whether a text from a server is this value, without remembering the text as a secret."""
        return hmac.compare_digest(
            self.reveal().encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")
        )

    def __reduce__(self) -> str:
        raise TypeError("a secret cannot be pickled")

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


@dataclass(frozen=True, slots=True)
class Reference:
    """The source of a secret, `{valueFrom: {env|file|exec}}`, and its place in the manifest."""

    source: str
    """`env`, `file` or `exec`."""
    target: str | tuple[str, ...]
    """The variable, the path, or the program and its arguments."""
    place: str = field(default="", compare=False)
    """`file:line`, for messages."""
    folder: str = "."
    """The folder of the manifest, from which relative paths are resolved."""
    timeout: float = 30.0
    """Time limit of a program, in seconds."""

    def resolve(self) -> Secret:
        """Return the value. Raises SecretError, which names the reference and its place."""
        if self.source == "env":
            value = os.environ.get(str(self.target))
            if value is None:
                raise self._error(f"the environment variable {self.target} is not set", f"Set {self.target}.")
            if any("\ud800" <= char <= "\udfff" for char in value):
                raise self._error(f"{self.describe()} is not UTF-8 text", _ENCODE)
            value = value.removeprefix(_MARK)  # `export X=$(cat file)` keeps the byte order mark
        elif self.source == "file":
            value = self._read()
        else:
            value = self._run()
        if not trimmed(value):
            what = "holds only whitespace" if value else "is empty"
            raise self._error(f"{self.describe()} {what}", "A secret needs at least one visible character.")
        if "\0" in value:
            raise self._error(f"{self.describe()} holds a NUL character, so it is not text", _ENCODE)
        return Secret(value)

    def describe(self) -> str:
        """Return `the environment variable X`, `the file X` or `the program X`: never a value."""
        name = self.target if isinstance(self.target, str) else self.target[0]
        return {"env": "the environment variable", "file": "the file", "exec": "the program"}[self.source] + f" {name}"

    def _read(self) -> str:
        try:
            path = Path(self.folder, Path(str(self.target)).expanduser())
            if path.exists() and not path.is_file():
                raise self._error(
                    f"{self.describe()} is not a regular file", "Name a file that holds the secret alone."
                )
            with path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except OSError as error:
            raise self._error(f"{self.describe()} cannot be read: {error.strerror}", "") from None
        except (ValueError, RuntimeError):  # a NUL in the path, or an unknown home folder
            raise self._error(f"{str(self.target)!r} is not a file path", "") from None
        if len(raw) > _LARGEST:
            raise self._error(f"{self.describe()} holds more than 1 MiB", "Name the right file.")
        return self._text(raw, "is", _SAVE)

    def _run(self) -> str:
        try:
            process = subprocess.Popen(  # noqa: S603 - the manifest names the program; there is no shell to trick
                list(self.target),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a failing program may print secrets
                cwd=self.folder,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its arguments cannot be used"
            raise self._error(f"{self.describe()} cannot be started: {reason}", "") from None
        try:
            printed = self._printed(process)
            code = process.wait(self.timeout)
        except subprocess.TimeoutExpired:
            raise self._error(f"{self.describe()} took longer than {self.timeout:g} s", "") from None
        finally:
            process.kill()  # has no effect on one that has exited
            process.wait()
        if len(printed) > _LARGEST:
            raise self._error(f"{self.describe()} printed more than 1 MiB", "Run it by hand to see why.")
        if code != 0:
            raise self._error(f"{self.describe()} failed with exit code {code}", "Run it by hand to see why.")
        return self._text(printed, "printed something that is", "Let it print UTF-8.")

    def _text(self, raw: bytes, verb: str, mend: str) -> str:
        """Return what was read or printed as text, without a byte order mark and the trailing line end."""
        if looks_like_utf16(raw):
            raise self._error(f"{self.describe()} {verb} UTF-16, not UTF-8", mend)
        try:
            return _without_newline(raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise self._error(f"{self.describe()} {verb} not UTF-8 text", _ENCODE) from None

    def _printed(self, process: subprocess.Popen[bytes]) -> bytes:
        """Return the program's output, up to the size limit.

        It reads in a thread, since a child process may keep the pipe open for ever.
        """
        found: list[bytes] = []

        def read(pipe: IO[bytes]) -> None:
            with pipe:
                found.append(pipe.read(_LARGEST + 1))

        reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
        reader.start()
        reader.join(self.timeout)
        if not found:
            raise subprocess.TimeoutExpired(self.describe(), self.timeout)
        return found[0]

    def _error(self, message: str, hint: str) -> SecretError:
        place = f"{self.place}: " if self.place else ""
        return SecretError(f"{place}{message}.", hint=hint)


def looks_like_utf16(raw: bytes) -> bool:
    """Return whether bytes are UTF-16: with its byte order mark, or a NUL in every second byte as for Latin letters."""
    if raw.startswith(_UTF16):
        return True
    sides = (raw[::2], raw[1::2])
    return len(raw) % 2 == 0 and any(
        0 not in one and other.count(0) * 2 > len(other) for one, other in (sides, sides[::-1])
    )


def _without_newline(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")


def resolve(value: Any, known: dict[Reference, Secret] | None = None) -> Any:
    """Return the value with every Reference replaced by its Secret, each resolved once. Raises SecretError."""
    known = {} if known is None else known
    if isinstance(value, Reference):
        if value not in known:
            known[value] = value.resolve()
        return known[value]
    if isinstance(value, dict):
        return {key: resolve(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, known) for item in value]
    return value


def holds_secret(value: Any) -> bool:
    """Return whether a value is or holds a Secret or a Reference."""
    if isinstance(value, dict):
        return any(map(holds_secret, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_secret, value))
    return isinstance(value, Secret | Reference)


def mentions(value: Any) -> bool:
    """Return whether a value holds a Reference."""
    if isinstance(value, dict):
        return any(map(mentions, value.values()))
    if isinstance(value, list):
        return any(map(mentions, value))
    return isinstance(value, Reference)


def reveal(value: Any) -> Any:
    """Return the value with every Secret in clear: only for the body of a request."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [reveal(item) for item in value]
    return value


_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode


def fingerprint(key: bytes, value: Any) -> str:
    """Return a keyed digest of a plain value or a Secret: equal for equal values, useless without the key."""
    text = _canonical(reveal(value))
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def is_mark_of(mark: str | None, key: bytes, value: Any) -> bool:
    """Return whether a fingerprint is that of a value, whether its integers were written as 200 or as 200.0."""
    return any(mark == fingerprint(key, spelled) for spelled in _spellings(value))


def _spellings(value: Any) -> Iterator[Any]:
    """Yield the value as it is, with its integers as 200, and with them as 200.0."""
    yield value
    for kind in (int, float):
        if (spelled := _spelled(value, kind)) is not value:
            yield spelled


def _spelled(value: Any, kind: type[int | float]) -> Any:
    """Return the value with its integers as that type; the value itself where there is nothing to convert."""
    if isinstance(value, dict):
        items = {name: _spelled(item, kind) for name, item in value.items()}
        return items if any(items[name] is not item for name, item in value.items()) else value
    if isinstance(value, list):
        found = [_spelled(item, kind) for item in value]
        return found if any(map(operator.is_not, found, value)) else value
    number = isinstance(value, int | float) and not isinstance(value, bool) and not isinstance(value, kind)
    if number and abs(value) < _EXACT and value == int(value):
        return kind(value)
    return value
