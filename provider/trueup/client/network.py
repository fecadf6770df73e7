"""The pool of connections under a client, and the causes of its failures in words."""

from __future__ import annotations

import functools
import os
import ssl
from typing import TYPE_CHECKING, Final

import httpx

from trueup.urls import is_loopback
from trueup.wire import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEEP_ALIVE = 4.0  # Den closes idle connections after 5 s; a request on a closing one would be ambiguous
UNSENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Failures after which the server cannot have seen the request."""


def pool(
    url: str,
    headers: Mapping[str, str],
    *,
    timeout: float,
    connections: int,
    transport: httpx.AsyncBaseTransport | None = None,
) -> httpx.AsyncClient:
    """Return the connections to one server, with the headers that every request carries. `timeout` is in seconds."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"accept": "application/json", "accept-encoding": "gzip", "user-agent": _agent(), **headers},
        timeout=httpx.Timeout(timeout, pool=None),
        limits=httpx.Limits(max_connections=connections, keepalive_expiry=_KEEP_ALIVE),
        transport=transport,
        verify=_tls(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")),
        follow_redirects=False,  # a redirect would carry the credential to another host
        trust_env=not is_loopback(httpx.URL(url).host),  # a proxy is never the way to this machine
    )


def cause(error: Exception) -> str:
    """Why a request failed, in a few words."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "no answer in time"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            if inner.errno and inner.strerror.startswith("Connect call failed"):
                return os.strerror(inner.errno)  # asyncio says the port in its place
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return plain(str(error)) or type(error).__name__


@functools.cache
def _tls(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The certificates that are trusted, as those two variables say: read once, which takes longer than a request."""
    return httpx.create_ssl_context()


def _agent() -> str:
    from trueup import __version__

    return f"trueup/{__version__}"
