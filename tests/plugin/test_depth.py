"""Inputs of a resource with the deepest nesting that the engine can send."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.plugin.checking import check
from trueup.plugin.codec import Sealed, decode, encode
from trueup.systems.registry import RESOURCES


@pytest.mark.parametrize("lists", [False, True])
def test_what_is_as_deep_as_can_be_decoded_is_checked(lists: bool) -> None:
    value: Any = Sealed("hunter2")
    for _ in range(197):
        value = [value] if lists else {"k": value}
    inputs = decode(encode({"config": {"k": value}, "dataLoaderConfig": {"auth": {"k": value}}, "name": value}))
    for kind in RESOURCES:
        found, failures = check(kind, inputs)
        assert encode(found)
        assert any(one.property == "name" for one in failures)
