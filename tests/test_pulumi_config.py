"""The provider's configuration: rows 11 and 12 of what the Pulumi engine expects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_rpc import Rpc, account, fails, serving
from engine_rpc import rpc as rpc
from pulumi.runtime.proto import provider_pb2
from world import World

from trueup.plugin.codec import UNKNOWN, Sealed, decode, encode

SOME = provider_pb2.DiffResponse.DIFF_SOME


async def test_row_11_an_unknown_configuration_waits(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        await rpc.configure(denUrl=UNKNOWN)
        await fails(account(rpc), "configuration is not known yet")
        await rpc.configure(allowDisconnect="true")
        assert (await account(rpc)).id


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"denApiKey": "no-such-key"}, "refused"),
        ({"denUrl": "http://den.example.com"}, "denUrl: the URL"),
        ({"denUrl": "https://127.0.0.1:9"}, "127.0.0.1:9"),
    ],
)
async def test_row_11_a_wrong_configuration_is_told_in_one_sentence(
    world: World, tmp_path: Path, args: dict[str, Any], words: str
) -> None:
    async with serving(tmp_path) as rpc:
        await fails(rpc.configure(**args), words)
        await fails(account(rpc), "configuration")


async def test_row_11_without_any_key(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DEN_URL", "DEN_API_KEY", "WEXA_URL", "WEXA_API_KEY"):
        monkeypatch.delenv(f"TRUEUP_{name}")
    async with serving(tmp_path) as rpc:
        await fails(rpc.configure(), "nothing says how to reach Den or Wexa", "trueup:denApiKey")


async def test_row_11_check_config_seals_keys_and_names_what_is_wrong(rpc: Rpc) -> None:
    async def check(**news: Any) -> Any:
        return await rpc.stub.CheckConfig(provider_pb2.CheckRequest(urn="x", news=encode(news)))

    assert decode((await check(denApiKey="a-key")).inputs) == {"denApiKey": Sealed("a-key")}
    answer = await check(denUrl="http://den.example.com", apiKey="x", denApiKey="a key\n", allowDisconnect="perhaps")
    assert {one.property for one in answer.failures} == {"denUrl", "apiKey", "denApiKey", "allowDisconnect"}
    assert not any("a key" in one.reason for one in answer.failures)


# 12. DiffConfig


async def test_row_12_another_key_replaces_nothing(rpc: Rpc) -> None:
    request = provider_pb2.DiffRequest(
        olds=encode({"denApiKey": Sealed("a")}),
        old_inputs=encode({"denApiKey": Sealed("a")}),
        news=encode({"denApiKey": Sealed("b"), "denUrl": "https://den.example.com"}),
    )
    found = await rpc.stub.DiffConfig(request)
    assert (found.changes, list(found.diffs), list(found.replaces)) == (SOME, ["denUrl", "denApiKey"], [])


async def test_a_key_that_was_accepted_today_is_not_asked_about_again(world: World, tmp_path: Path) -> None:
    async with serving(tmp_path) as rpc:
        await rpc.configure()
    world.forget()
    async with serving(tmp_path) as rpc:
        await rpc.configure()
    assert world.asked() == 0
