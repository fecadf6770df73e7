"""Narrowing a run to some of the declared resources, with what they refer to."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from trueup.errors import UsageError
from trueup.plan import target_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trueup.model import Address, Declared


def select(resources: Iterable[Declared], targets: Iterable[str]) -> list[Declared]:
    """The resources with those addresses, and what they refer to. Raises UsageError, which lists near addresses."""
    by_address = {one.address: one for one in resources}
    by_text = {str(address): address for address in by_address}
    chosen: set[Address] = set()
    for target in targets:
        if target not in by_text:
            near = difflib.get_close_matches(target, by_text, n=3, cutoff=0.4)
            hint = f"Near: {', '.join(near)}." if near else "An address is system/Kind/name, as plan shows it."
            raise UsageError(f"no declared resource has the address {target}.", hint=hint)
        chosen.add(by_text[target])
    queue = list(chosen)
    for address in queue:
        one = by_address[address]
        for trait in one.kind.fields:
            if trait.reference and trait.name in one.spec:
                needed = target_of(one, trait.name)
                if needed in by_address and needed not in chosen:
                    chosen.add(needed)
                    queue.append(needed)
    return [one for address, one in by_address.items() if address in chosen]
