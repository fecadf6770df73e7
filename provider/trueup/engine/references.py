"""The values of secret references: read from the environment, from a file, or from the output of a program."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import IO, Any, Final

from trueup.core.errors import SecretError
from trueup.core.secrets import Reference, Secret
from trueup.core.texts import trimmed

_LARGEST: Final = 1 << 20
_ENCODE: Final = "Encode it, for instance with base64."
_SAVE: Final = "Save it as UTF-8. (In PowerShell: Set-Content -Encoding utf8.)"
_MARK: Final = "\ufeff"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def resolve(value: Any, known: dict[Reference, Secret] | None = None) -> Any:
    """Return the value with every Reference replaced by its Secret, each resolved once.

    Raises SecretError, which names the reference and its place.
    """
    known = {} if known is None else known
    if isinstance(value, Reference):
        if value not in known:
            known[value] = _Source(value).value()
        return known[value]
    if isinstance(value, dict):
        return {key: resolve(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [resolve(item, known) for item in value]
    return value


class _Source:
    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._target = reference.target
        self._name = reference.describe()

    def value(self) -> Secret:
        if self._reference.source == "env":
            value = os.environ.get(str(self._target))
            if value is None:
                raise self._error(f"{self._name} is not set", f"Set {self._target}.")
            if any("\ud800" <= char <= "\udfff" for char in value):
                raise self._error(f"{self._name} is not UTF-8 text", _ENCODE)
            value = value.removeprefix(_MARK)  # `export X=$(cat file)` keeps the byte order mark
        elif self._reference.source == "file":
            value = self._read()
        else:
            value = self._run()
        if not trimmed(value):
            what = "holds only whitespace" if value else "is empty"
            raise self._error(f"{self._name} {what}", "A secret needs at least one visible character.")
        if "\0" in value:
            raise self._error(f"{self._name} holds a NUL character, so it is not text", _ENCODE)
        return Secret(value)

    def _read(self) -> str:
        try:
            path = Path(self._reference.folder, Path(str(self._target)).expanduser())
            if path.exists() and not path.is_file():
                raise self._error(f"{self._name} is not a regular file", "Name a file that holds the secret alone.")
            with path.open("rb") as file:
                raw = file.read(_LARGEST + 1)
        except OSError as error:
            raise self._error(f"{self._name} cannot be read: {error.strerror}", "") from None
        except (ValueError, RuntimeError):  # a NUL in the path, or an unknown home folder
            raise self._error(f"{str(self._target)!r} is not a file path", "") from None
        if len(raw) > _LARGEST:
            raise self._error(f"{self._name} holds more than 1 MiB", "Name the right file.")
        return self._text(raw, "is", _SAVE)

    def _run(self) -> str:
        try:
            process = subprocess.Popen(  # noqa: S603 - the manifest names the program; there is no shell to trick
                list(self._target),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a failing program may print secrets
                cwd=self._reference.folder,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its arguments cannot be used"
            raise self._error(f"{self._name} cannot be started: {reason}", "") from None
        try:
            printed = self._printed(process)
            code = process.wait(self._reference.timeout)
        except subprocess.TimeoutExpired:
            raise self._error(f"{self._name} took longer than {self._reference.timeout:g} s", "") from None
        finally:
            process.kill()  # has no effect on one that has exited
            process.wait()
        if len(printed) > _LARGEST:
            raise self._error(f"{self._name} printed more than 1 MiB", "Run it by hand to see why.")
        if code != 0:
            raise self._error(f"{self._name} failed with exit code {code}", "Run it by hand to see why.")
        return self._text(printed, "printed something that is", "Let it print UTF-8.")

    def _text(self, raw: bytes, verb: str, mend: str) -> str:
        """Return what was read or printed as text, without a byte order mark and the trailing line end."""
        if _is_utf16(raw):
            raise self._error(f"{self._name} {verb} UTF-16, not UTF-8", mend)
        try:
            return _without_newline(raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise self._error(f"{self._name} {verb} not UTF-8 text", _ENCODE) from None

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
        reader.join(self._reference.timeout)
        if not found:
            raise subprocess.TimeoutExpired(self._name, self._reference.timeout)
        return found[0]

    def _error(self, message: str, hint: str) -> SecretError:
        place = f"{self._reference.place}: " if self._reference.place else ""
        return SecretError(f"{place}{message}.", hint=hint)


def _is_utf16(raw: bytes) -> bool:
    """Return whether bytes are UTF-16: with its byte order mark, or a NUL in every second byte as for Latin letters."""
    if raw.startswith(_UTF16):
        return True
    sides = (raw[::2], raw[1::2])
    return len(raw) % 2 == 0 and any(
        0 not in one and other.count(0) * 2 > len(other) for one, other in (sides, sides[::-1])
    )


def _without_newline(text: str) -> str:
    return text[:-2] if text.endswith("\r\n") else text.removesuffix("\n")
