"""Measured duration of requests, by kind of call, with concurrency."""

from __future__ import annotations

import pytest

from trueup.core.progress import OTHER, PAGE, Pace
from trueup.transport.pace import Meter, sort_of


@pytest.mark.parametrize(
    ("method", "route", "query", "sort"),
    [
        ("GET", "/v1/connector-instances", {"limit": "100"}, "page"),
        ("GET", "/v1/connector-instances/{id}/targets", {"limit": "100"}, "get"),
        ("GET", "/v1/connector-instances/{id}", {}, "get"),
        ("GET", "/v1/org", {}, "get"),
        ("POST", "/v1/connector-instances", {}, "write"),
        ("DELETE", "/v1/connector-mappings/{id}", {}, "write"),
    ],
)
def test_calls_by_kind(method: str, route: str, query: dict[str, str], sort: str) -> None:
    assert sort_of(method, route, query) == sort


def test_what_is_under_way_side_by_side_shares_its_time() -> None:
    meter = Meter()
    for _ in range(800):
        meter.started("write", 10.0)
    for _ in range(800):
        meter.ended("write", 18.0)
    meter.started("write", 20.0)
    meter.ended("write", 20.5)
    assert meter.pace.write == pytest.approx(8.5 / 801, rel=0.01)
    assert meter.pace.page == PAGE


def test_a_single_one_may_have_been_the_first_of_its_connection() -> None:
    meter = Meter()
    meter.started("get", 0.0)
    meter.ended("get", 0.1)
    assert meter.pace.get == pytest.approx((0.1 + 4 * OTHER) / 5)
    assert meter.pace.write == pytest.approx(meter.pace.get), "a write takes about as long"


def test_before_anything_was_measured_sound_figures_stand_in() -> None:
    meter = Meter()
    assert meter.pace == Pace(PAGE, OTHER, OTHER)
    meter.started("page", 0.0)
    meter.ended("page", 4.0)
    assert meter.pace == Pace(4.0, 0.2, 0.2), "a distant server is slow in both"
    fast = Meter()
    fast.started("page", 0.0)
    fast.ended("page", 0.01)
    assert fast.pace == Pace(0.01, OTHER, OTHER)
