"""No cookies: a server that gets one beside a refused key may take the request for that of the cookie's owner."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy


def none_kept() -> CookieJar:
    """Return a jar that takes no cookie and gives none."""
    return CookieJar(DefaultCookiePolicy(allowed_domains=()))
