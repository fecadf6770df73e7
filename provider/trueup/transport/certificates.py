"""The authorities that are trusted: those of certifi, or those that SSL_CERT_FILE and SSL_CERT_DIR name.

A variable that cannot be used is an error before anything is sent, and for this machine it is passed over: a server of
ours that speaks TLS may need SSL_CERT_FILE, but is never kept from us by it.
"""

from __future__ import annotations

import functools
import os
import re
import ssl
import stat
from typing import TYPE_CHECKING, Final

import certifi

from trueup.core.errors import NetworkError
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = "SSL_CERT_FILE"
FOLDER: Final = "SSL_CERT_DIR"
_KEYS: Final = "SSLKEYLOGFILE"
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""The names of the files that OpenSSL reads in a folder."""


def context_for(environment: Mapping[str, str], *, local: bool) -> ssl.SSLContext:
    """Return what TLS trusts by those variables. Raises NetworkError, unless the server is on this machine."""
    given = tuple(environment.get(name) or None for name in (FILE, FOLDER, _KEYS))
    try:
        return _context(*given)
    except NetworkError:
        if not local:
            raise
        return _context(None, None, None)


@functools.cache
def unused() -> ssl.SSLContext:
    """Return the context of a connection without TLS. It trusts no authority: reading them takes a while."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@functools.cache
def _context(file: str | None, folder: str | None, keys: str | None) -> ssl.SSLContext:
    """Read once, which takes longer than a request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if hasattr(ssl, "VERIFY_X509_PARTIAL_CHAIN"):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an intermediate authority may be all that is trusted
    if file is None and folder is None:
        context.load_verify_locations(cafile=certifi.where())
    if file is not None:
        _take_file(context, file)
    if folder is not None:
        _take_folders(context, folder)
    if keys is not None:
        _log_keys(context, keys)
    return context


def _take_file(context: ssl.SSLContext, path: str) -> None:
    hint = f"Name a file of certificates in PEM form, or unset {FILE}."
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for
            raise _wrong(FILE, path, "is not a regular file", hint)
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise _wrong(FILE, path, "holds no certificate in PEM form", hint) from None
    except (OSError, ValueError) as error:
        raise _wrong(FILE, path, f"cannot be read: {_reason(error)}", hint) from None


def _take_folders(context: ssl.SSLContext, paths: str) -> None:
    hint = f"Name a folder that `openssl rehash` has prepared, or unset {FOLDER}."
    found: list[str] = []
    for path in filter(None, paths.split(os.pathsep)):
        try:
            names = os.listdir(path)
        except (OSError, ValueError) as error:
            if path == paths:
                raise _wrong(FOLDER, path, f"cannot be read: {_reason(error)}", hint) from None
            continue  # one of several
        if any(map(_HASHED.fullmatch, names)):
            found.append(path)
    if not found:
        raise _wrong(FOLDER, paths, "holds no certificate under the name that OpenSSL looks for", hint)
    for path in found:
        context.load_verify_locations(capath=path)


def _log_keys(context: ssl.SSLContext, path: str) -> None:
    try:
        # Tried first: OpenSSL would wait for the reader of a pipe.
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600))
        context.keylog_filename = path
    except (OSError, ValueError) as error:
        raise _wrong(_KEYS, path, f"cannot be written: {_reason(error)}", f"Unset {_KEYS}.") from None


def _wrong(variable: str, path: str, problem: str, hint: str) -> NetworkError:
    return NetworkError(f"{variable} names {plain(path)}, which {problem}.", hint=hint)


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "it is no path"
