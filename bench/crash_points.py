"""Applies killed at each of their requests in three ways, and run again: how many end otherwise than they should."""

from __future__ import annotations

import sys
from itertools import islice

from bench import crashes, manifests_crash
from bench.figure import Figure
from bench.servers import serving

GOAL = 0
SHOWN = 5


def measure() -> Figure:
    """Every request of the apply, before its effect, after it, and with the answer delivered."""
    bad: list[str] = []
    tries = 0
    with serving("demo") as servers:
        upstreams = {system: servers.ready[system]["url"] for system in ("den", "wexa")}
        keys = {system: servers.ready[system]["apiKey"] for system in ("den", "wexa")}
        with crashes.proxied(upstreams) as proxy:
            written = manifests_crash.write(servers.folder)
            trial = crashes.Trial(servers.control, proxy, keys, servers.folder, *written)
            trial.prepare()
            trial.restore()
            assert trial.apply() == 0, trial.said()
            good, requests = crashes.Picture.of(trial), proxy.passed
            for at in range(1, requests + 1):
                for phase in crashes.PHASES:
                    tries += 1
                    if wrong := crashes.killed(trial, at, phase, good):
                        bad.append(f"{phase} {at}")
                        print(f"{phase} {at}: {wrong}", file=sys.stderr, flush=True)
    detail = f"{tries:,} tries: {requests} requests, killed before, after and answered; the floor is that none is bad"
    if bad:
        detail += f"; the first bad ones: {', '.join(islice(bad, SHOWN))}"
    return Figure("crash-points", len(bad), 0, GOAL, "points", "figure", detail)
