"""Requests of a plan of that organisation with --max-age, when fifteen things changed since it was seen whole."""

from __future__ import annotations

import dataclasses

from bench.figure import Figure
from bench.imported import imported
from bench.servers import Servers, serving
from trueup.core.kinds import Declared
from trueup.core.tasks import blocking
from trueup.engine.loop import Options, apply, load, plan
from trueup.engine.plan import Plan
from trueup.manifest import Manifest

GOAL = 18
FLOOR = 1 + 1 + 10 + 5
"""The accounts, the organisation, the pages of the instances, and the targets below five of them."""
OUTSIDE, DECLARED = 10, 5
BUDGET = 50


def measure() -> Figure:
    """Seen whole once; then ten instances are disabled by hand and five targets declared otherwise."""
    from datetime import timedelta

    with serving("large") as servers:
        desired = load(imported(servers, "targets", "access"))
        report = blocking(apply(desired, servers.options()))  # whose ids are from now on known
        assert report.exit_code == 0, report.exit_code
        assert not blocking(plan(desired, servers.options())).has_changes
        instances = [one for one in desired.resources if one.kind.name == "ConnectorInstance"]
        outside = {one.address for one in instances[:: len(instances) // OUTSIDE][:OUTSIDE]}
        for address in sorted(outside):
            servers.disable(next(str(one.spec["name"]) for one in instances if one.address == address))
        desired, declared = _otherwise(desired)
        aged = servers.options(max_age=timedelta(hours=24))
        sent, found = _planned(servers, desired, aged)
        differing = {step.address for step in found.pending}
        assert differing == outside | declared, sorted(map(str, differing ^ (outside | declared)))
        more, found = _planned(servers, desired, dataclasses.replace(aged, max_requests=BUDGET))
        assert {step.address for step in found.pending} == differing, found.summary()
        assert more - sent == BUDGET, (more, sent)
    detail = f"all {OUTSIDE} and {DECLARED} found; with --max-requests {BUDGET} it sent {more - sent} more"
    return Figure("requests-aged", sent, FLOOR, GOAL, "requests", "figure", detail)


def _planned(servers: Servers, desired: Manifest, options: Options) -> tuple[int, Plan]:
    servers.fresh_window()
    servers.forget()
    found = blocking(plan(desired, options))
    return servers.sent(), found


def _otherwise(desired: Manifest) -> tuple[Manifest, set[object]]:
    """The manifests with another branch for five targets of as many instances; the addresses of those."""
    resources: list[Declared] = []
    changed: dict[str, object] = {}
    for one in desired.resources:
        parent = one.spec.get("connectorInstance", "")
        if one.kind.name == "ConnectorTarget" and parent not in changed and len(changed) < DECLARED:
            changed[parent] = one.address
            one = dataclasses.replace(one, spec={**one.spec, "externalTargetRef": "next"})
        resources.append(one)
    return dataclasses.replace(desired, resources=resources), set(changed.values())
