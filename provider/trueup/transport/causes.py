"""Why a request got no answer, in words: who refused, whose certificate it was, and what to look at."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import httpx

from trueup.transport import certificates
from trueup.transport.wire import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trueup.transport.network import Network, Way

_Found = TypeVar("_Found", bound=BaseException)
_ASKS_CREDENTIAL: Final = 407
_EXPIRED: Final = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_OTHER_HOST: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_REVOKED: Final = 23
_NOT_TEXT: Final = "illegal request line"
"""The message of h11 for an answer that starts with a control character, as an alert of TLS does."""
_EOF: Final = "UNEXPECTED_EOF_WHILE_READING"
_ENDED: Final = ("Server disconnected", "peer closed connection without sending complete message body")
"""How httpx puts it that a connection ended too early; none of that comes from the server."""
_STEPS_TO_PROXY: Final = ("connection.connect_tcp", "socks.connect_tcp")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why there is no answer."""

    why: str
    hint: str = ""
    lasting: bool = False
    """Another try would end alike."""
    lost: bool = False
    """A connection ended on which the request was under way, as when a server is restarted."""


def cause_of(error: Exception, way: Way, network: Network) -> Cause:
    """Return why a request failed. Whatever a proxy or a server said of it is made plain."""
    proxy = network.proxy
    if proxy is not None and way.unsent(error) and not _about_server(way):
        return _proxy_cause(error, way, network)
    if failed := _find(error, ssl.SSLError):
        return _tls_cause(failed, network.host, network)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Cause("no connection in time" if way.unsent(error) else "no answer in time")
    if unknown := _find(error, socket.gaierror):
        return Cause(f"the name {network.host} cannot be resolved: {unknown.strerror}", "Check the host in its url.")
    if isinstance(error, httpx.RemoteProtocolError):
        if _NOT_TEXT in str(error) and not network.tls:
            return Cause("the server seems to speak TLS there", 'Write "https://" in its url.', lasting=True)
        if "illegal status line" in str(error):
            return Cause("what answers there does not speak HTTP", "Check host and port of its url.")
        if not str(error).startswith(_ENDED):
            return Cause("what came is no whole HTTP answer")  # h11 would show a piece of it
    lost = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
    return Cause(_words(error), lost=lost)


def _about_server(way: Way) -> bool:
    """Whether it failed behind the proxy, in the TLS with the server itself."""
    return way.failed in ("proxy.start_tls", "socks.start_tls")


def _proxy_cause(error: Exception, way: Way, network: Network) -> Cause:
    proxy = network.proxy
    assert proxy is not None
    aside = f"To reach {network.host} without a proxy, name it in NO_PROXY."
    check = f"Check {proxy.variable}. {aside}"
    if isinstance(error, httpx.ProxyError):
        return _refusal(str(error), network, check)
    if way.failed == "connection.start_tls" and (failed := _find(error, ssl.SSLError)):
        return _tls_cause(failed, str(proxy), network)
    if way.failed in _STEPS_TO_PROXY:
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return Cause(f"{proxy} cannot be reached: no connection in time", check)
        if unknown := _find(error, socket.gaierror):
            return Cause(f"the name of {proxy} cannot be resolved: {unknown.strerror}", check)
        return Cause(f"{proxy} cannot be reached: {_words(error)}", check)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Cause(f"{proxy} did not connect to {network.host}:{network.port} in time", check)
    kind = "SOCKS 5" if proxy.scheme == "socks5" else "HTTP"
    return Cause(f"what answers as {proxy} ended the connection or does not speak {kind}", check)


def _refusal(said: str, network: Network, check: str) -> Cause:
    """A proxy that said no: `407 …` of one of HTTP, or the words of httpcore for one of SOCKS."""
    proxy = network.proxy
    assert proxy is not None
    place = f"{network.host}:{network.port}"
    status = int(said[:3]) if said[:3].isdigit() else 0
    if status == _ASKS_CREDENTIAL or said.startswith(("Requested", "Invalid username")):
        what = "refused its user or password" if proxy.auth else "asks for a user and a password"
        return Cause(f"{proxy} {what}", f"Set {proxy.variable} to {proxy.scheme}://USER:PASSWORD@HOST:PORT.", True)
    if status:
        lasting = status < 500
        return Cause(f"{proxy} refused to connect to {place} (it answered {status})", check, lasting)
    reason = plain(said.partition(": ")[2], 80)
    lasting = "not allowed" in reason
    return Cause(f"{proxy} did not connect to {place}" + (f": {reason}" if reason else ""), check, lasting)


def _tls_cause(error: ssl.SSLError, whose: str, network: Network) -> Cause:
    """Return why TLS failed: it refused the connection, and would again, unless the connection just ended."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"):
            return Cause(f"{whose} does not speak TLS there", "Check scheme and port of its url.", True)
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or _EOF in str(error):
            hint = f"Check scheme, host and port of its url, and that {whose} is up."
            return Cause(f"the connection with {whose} ended during TLS", hint, lost=True)
        reason = plain((error.reason or str(error)).replace("_", " ").lower(), 80)
        return Cause(f"TLS with {whose} failed: {reason}", "Check scheme, host and port of its url.", True)
    reason = plain(error.verify_message, 200)
    if error.verify_code in _EXPIRED:
        hint = "Its operator has to renew it, or the clock of this machine is wrong."
        return Cause(f"the certificate of {whose} is out of its time: {reason}", hint, True)
    if error.verify_code in _OTHER_HOST:
        return Cause(f"the certificate of {whose} is for another host: {reason}", "Check the host in its url.", True)
    if error.verify_code == _REVOKED:
        return Cause(f"the certificate of {whose} is revoked", "Its operator has to replace it.", True)
    return Cause(f"the certificate of {whose} is not trusted: {reason}", _trust(network), True)


def _trust(network: Network) -> str:
    """How a certificate comes to be trusted."""
    variable = next((name for name in (certificates.FILE, certificates.FOLDER) if os.environ.get(name)), "")
    if variable:
        hint = f"Its authority is not among those that {variable} names ({plain(os.environ[variable], 120)})."
    else:
        hint = f"If an authority of your own issued it, name a file of certificates in {certificates.FILE}."
    if network.proxy:
        hint += " A proxy that looks into TLS has such an authority."
    others = [name for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE") if os.environ.get(name)]
    if others and not variable:
        hint += f" {others[0]} is not read."
    return hint


def _words(error: Exception) -> str:
    """The message of the operating system, or else of the error itself."""
    for inner in _chain(error):
        if isinstance(inner, OSError) and inner.strerror:
            if inner.errno and inner.strerror.startswith("Connect call failed"):
                return os.strerror(inner.errno)  # asyncio says the port in its place
            return inner.strerror
    return plain(str(error)) or type(error).__name__


def _find(error: BaseException, kind: type[_Found]) -> _Found | None:
    return next((inner for inner in _chain(error) if isinstance(inner, kind)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it came from; of several addresses that failed, the first."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        inner = inner.exceptions[0] if isinstance(inner, BaseExceptionGroup) else inner.__cause__ or inner.__context__
