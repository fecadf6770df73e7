"""Faults of inputs, as Check and Invoke return them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A fault in an input. The property is empty for a fault of the resource as a whole."""

    property: str
    reason: str
