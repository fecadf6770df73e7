"""Declared x Live x Record -> Plan: the steps, their reasons and their cost. Nothing is sent from here.

Drift is this same plan, rendered and not applied.
"""

from trueup.engine.match import by_reference, target_of
from trueup.engine.plan.build import build
from trueup.engine.plan.price import price
from trueup.engine.plan.safety import Limit, blind, forbid, judge
from trueup.engine.plan.steps import (
    FORMAT_VERSION,
    Action,
    Budget,
    Cost,
    Learned,
    Left,
    Plan,
    Policy,
    Reading,
    Step,
    Unverifiable,
)

__all__ = [
    "FORMAT_VERSION",
    "Action",
    "Budget",
    "Cost",
    "Learned",
    "Left",
    "Limit",
    "Plan",
    "Policy",
    "Reading",
    "Step",
    "Unverifiable",
    "blind",
    "build",
    "by_reference",
    "forbid",
    "judge",
    "price",
    "target_of",
]
