"""Time of a plan over a server that takes 300 ms a page, against bare httpx and the same requests."""

from __future__ import annotations

import asyncio
import time

import httpx

from bench.figure import Figure, alternating, middle
from bench.thousand import COUNT, Thousand, thousand
from trueup.core.tasks import blocking
from trueup.engine.loop import load, plan

GOAL = 1.15
PAIRS = 5
DELAY = 0.3


def measure() -> Figure:
    """From reading the manifests to the plan, against the bare requests; both in this process, all imports done."""
    with thousand() as servers:
        _planned(servers)  # whatever is imported only when it is needed is imported here
        servers.delay(DELAY)
        pairs, detail = alternating(PAIRS, lambda: _planned(servers), lambda: _bare(servers))
    figure, floor = middle(pairs)
    return Figure("wall-plan", figure, floor, GOAL, "seconds", "ratio", f"{detail}; loading included")


def _planned(servers: Thousand) -> float:
    began = time.perf_counter()
    found = blocking(plan(load(servers.manifests), servers.options))
    seconds = time.perf_counter() - began
    assert found.unchanged == COUNT + 1, found.summary()
    return seconds


def _bare(servers: Thousand) -> float:
    began = time.perf_counter()
    seen = asyncio.run(_requests(servers))
    seconds = time.perf_counter() - began
    assert seen == COUNT, seen
    return seconds


async def _requests(servers: Thousand) -> int:
    """The accounts beside ten pages of instances, and the head once more: what the plan sends, as it sends it."""
    headers = {"x-api-key": servers.key}
    async with httpx.AsyncClient(base_url=servers.den, headers=headers, timeout=60, trust_env=False) as client:
        ids: set[str] = set()

        async def pages() -> None:
            query: dict[str, str | int] = {"limit": 100}
            while True:
                body = (await client.get("/v1/connector-instances", params=query)).raise_for_status().json()
                ids.update(item["id"] for item in body["items"])
                if body["nextCursor"] is None:
                    break
                query["cursor"] = body["nextCursor"]
            (await client.get("/v1/connector-instances", params={"limit": 100})).raise_for_status().json()

        async def accounts() -> None:
            (await client.get("/v1/connector-accounts", params={"limit": 100})).raise_for_status().json()

        await asyncio.gather(pages(), accounts())
    return len(ids)
