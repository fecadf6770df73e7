"""Declared x Live x Record -> Plan: what would be done, why, and at what cost. Nothing is sent from here.

Drift is this same plan, rendered and not applied.
"""

from trueup.plan.build import build, by_reference, price, target_of
from trueup.plan.steps import (
    FORMAT_VERSION,
    Action,
    Cost,
    Learned,
    Place,
    Plan,
    Policy,
    Reading,
    Step,
    Unverifiable,
    place_of,
)

__all__ = [
    "FORMAT_VERSION",
    "Action",
    "Cost",
    "Learned",
    "Place",
    "Plan",
    "Policy",
    "Reading",
    "Step",
    "Unverifiable",
    "build",
    "by_reference",
    "place_of",
    "price",
    "target_of",
]
