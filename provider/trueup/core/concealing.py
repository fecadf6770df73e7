"""Convert values for display: without secrets, and as valid JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from trueup.core.changes import MISSING
from trueup.core.secret_forms import without_forms
from trueup.core.secrets import REDACTED, Reference, Secret, censored, holds_secret, is_known

if TYPE_CHECKING:
    pass


def conceal(value: Any, *, secret: bool = False, twin: Any = MISSING) -> tuple[Any, Any]:
    """Return the value without secrets, and a mask of the same shape that is true where a secret was removed.

    `twin` is the declared value of the same field: where that is a secret, the live value is treated as one.
    """
    if isinstance(value, Secret | Reference) or isinstance(twin, Secret | Reference):
        return REDACTED, True
    if holds_secret(twin) and not _alike(value, twin):
        return REDACTED, True  # the shapes differ, so the part that holds the secret cannot be located
    if isinstance(value, dict):
        shown, mask = {}, {}
        for key, item in value.items():
            name = censored(str(key))
            inner = twin.get(key, MISSING) if isinstance(twin, dict) else MISSING
            shown[name], hidden = conceal(item, secret=secret, twin=inner)
            if hidden:
                mask[name] = hidden
        return shown, mask or False
    if isinstance(value, list):
        twins = twin if isinstance(twin, list) and _alike(value, twin) else [MISSING] * len(value)
        found = [conceal(item, secret=secret, twin=inner) for item, inner in zip(value, twins, strict=True)]
        masks = [mask for _, mask in found]
        return [item for item, _ in found], masks if any(masks) else False
    if secret:
        return REDACTED, True
    if isinstance(value, str):
        return without_forms(value), False
    if isinstance(value, int | float) and not isinstance(value, bool) and is_known(value):
        return REDACTED, True
    if isinstance(value, float) and not math.isfinite(value):
        return str(value), False  # JSON has no NaN and no infinity
    return value, False


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other)
    return isinstance(one, dict) and isinstance(other, dict)
