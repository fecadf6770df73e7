"""Declared x Live x Record -> Plan: the steps, their reasons and their cost. Nothing is sent from here.

Drift is this same plan, rendered and not applied.
"""

from trueup.engine.match import by_reference, target_of
from trueup.engine.plan.inputs import Budget, Facts, Inputs
from trueup.engine.plan.planning import concluded, draft, plan
from trueup.engine.plan.policy import Limit, Policy
from trueup.engine.plan.steps import (
    ENDS,
    FORMAT_VERSION,
    Action,
    Cost,
    Learned,
    Left,
    Plan,
    Reading,
    Step,
    Unverifiable,
)

__all__ = [
    "ENDS",
    "FORMAT_VERSION",
    "Action",
    "Budget",
    "Cost",
    "Facts",
    "Inputs",
    "Learned",
    "Left",
    "Limit",
    "Plan",
    "Policy",
    "Reading",
    "Step",
    "Unverifiable",
    "by_reference",
    "concluded",
    "draft",
    "plan",
    "target_of",
]
