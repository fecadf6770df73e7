"""Published forms of keys and tokens, private keys, user and password of a URL: always secret.

A system adds the beginning of its own keys when it is loaded.
"""

from __future__ import annotations

import re
from typing import Final

from trueup.core.redaction import REDACTED, censored

_TOKENS: Final = (
    (("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{8,}"),
    (("github_pat_",), r"github_pat_\w{8,}"),
    (("glpat-",), r"glpat-[\w-]{8,}"),
    (("sk-",), r"sk-(?:\w{16,}|(?=[A-Za-z_-]*\d)[\w-]{16,})"),
    (("sk_live_",), r"sk_live_\w{8,}"),
    (("AKIA", "ASIA"), r"(?:AKIA|ASIA)[0-9A-Z]{12,}"),
    (("xox",), r"xox[abeoprs]-[\w-]{8,}"),
    (("AIza",), r"AIza[\w-]{30,}"),
    (("eyJ",), r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    (("earer ",), r"[Bb]earer [\w.~+/=-]{8,}"),
)
"""A part of every text of a form, and the form of those at the start of a word."""
_OTHERS: Final = (
    ("PRIVATE KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY(?s:.*)"),
    ("@", r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),
)


class SecretForms:
    """The known forms as one pattern, and the texts without any of which nothing matches it."""

    pattern: re.Pattern[str]
    needles: tuple[str, ...]

    def __init__(self) -> None:
        self._prefixes: tuple[str, ...] = ()
        self._build()

    def add(self, prefix: str) -> None:
        """Take every word that begins so, and goes on for 16 characters or more, for a secret."""
        if prefix not in self._prefixes:
            self._prefixes = (*self._prefixes, prefix)
            self._build()

    def _build(self) -> None:
        own = [((prefix,), rf"{re.escape(prefix)}[\w-]{{16,}}") for prefix in self._prefixes]
        tokens = "|".join(form for _, form in (*_TOKENS, *own))
        self.pattern = re.compile("|".join((rf"(?<![A-Za-z0-9])(?:{tokens})", *(form for _, form in _OTHERS))))
        self.needles = (
            *(needle for needles, _ in (*_TOKENS, *own) for needle in needles),
            *(one for one, _ in _OTHERS),
        )


secret_forms: Final = SecretForms()
"""Those of this process."""


def without_forms(text: str) -> str:
    """Return server text without known secrets, and without anything in the published form of one."""
    return secret_forms.pattern.sub(REDACTED, censored(text))
