"""The embedded servers of `url: sandbox`: one process a state folder, shared, and gone with its last user."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from declare import DEN, account, declared_connection, instance, manifest
from sandboxes import PATIENCE
from waiting import wait_until

from trueup.core.errors import SandboxError
from trueup.core.values import ConnectionId
from trueup.engine.loop import Options, Session
from trueup.transport import embedded
from trueup.transport.embedded import Embedded

COMMAND = ("trueup.sandbox", "--preset", "demo")
SANDBOX = declared_connection(DEN, "default", url="sandbox")


def running(folder: Path) -> AbstractAsyncContextManager[Embedded]:
    return embedded.running(folder, COMMAND)


def answers(control: str) -> bool:
    where = urlsplit(control)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=5)
    try:
        connection.request("GET", "/clock")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def leaves(control: str) -> bool:
    """Return once the process has noticed that no one uses it, and has ended. Raises AssertionError."""
    wait_until(lambda: not answers(control), lambda: "it still answers")
    return True


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRUEUP_DEN_URL", "TRUEUP_DEN_API_KEY", "TRUEUP_LEDGER"):
        monkeypatch.delenv(name, raising=False)


async def used(folder: Path) -> Embedded:
    async with running(folder) as servers:
        assert answers(servers.control)
        return servers


# Sharing


async def test_users_of_one_folder_share_one_process_and_it_leaves_after_the_last(tmp_path: Path) -> None:
    async with running(tmp_path / "sandbox") as first:
        async with running(tmp_path / "sandbox") as second:
            assert first == second
        other = await used(tmp_path / "other")
        assert await asyncio.to_thread(leaves, other.control)  # by then the first would have left too, if it were to
        assert answers(first.control), "one user is left"
    assert await asyncio.to_thread(leaves, first.control)


async def test_users_who_come_at_the_same_moment_share_one_process(tmp_path: Path) -> None:
    found = await asyncio.gather(*(used(tmp_path / "sandbox") for _ in range(4)))
    assert len({servers.control for servers in found}) == 1


async def test_folders_have_processes_of_their_own(tmp_path: Path) -> None:
    async with running(tmp_path / "one") as one, running(tmp_path / "two") as two:
        assert one.control != two.control
        assert one.systems["den"]["apiKey"] != two.systems["den"]["apiKey"]


USER = """
import asyncio, sys
from pathlib import Path
from trueup.transport.embedded import running

async def main():
    async with running(Path(sys.argv[1]), ("trueup.sandbox", "--preset", "demo")) as servers:
        print(servers.control, flush=True)
        await asyncio.sleep(60)  # until the test ends it

asyncio.run(main())
"""


def test_a_user_that_is_killed_holds_nobody(tmp_path: Path) -> None:
    user = subprocess.Popen([sys.executable, "-c", USER, str(tmp_path / "sandbox")], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    control = user.stdout.readline().strip()
    assert answers(control)
    user.send_signal(signal.SIGKILL)
    user.communicate(timeout=PATIENCE)
    assert leaves(control)


def test_ctrl_c_of_the_command_is_not_one_for_the_servers(tmp_path: Path) -> None:
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(tmp_path / "sandbox")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert user.stdout is not None
    control = user.stdout.readline().strip()
    os.killpg(user.pid, signal.SIGINT)
    user.communicate(timeout=PATIENCE)
    assert answers(control), "it has its grace, and whoever is in flight can finish"
    assert leaves(control)


# State


async def test_the_state_is_kept_from_run_to_run(tmp_path: Path) -> None:
    wanted = [account(), instance("docs", config={"a": 1})]
    state = Options(state=tmp_path / ".trueup")
    async with Session(manifest(*wanted, connections=(SANDBOX,)), state) as session:
        report = await session.apply(await session.plan())
        assert report.exit_code == 0
        url = session.settings[ConnectionId("den", "default")].url
    control = json.loads((tmp_path / ".trueup" / "sandbox" / "ready.json").read_text())["control"]
    assert await asyncio.to_thread(leaves, control)
    async with Session(manifest(*wanted, connections=(SANDBOX,)), state) as session:
        assert session.settings[ConnectionId("den", "default")].url != url, "another process, on another port"
        assert not (await session.plan()).has_changes
        shorter = manifest(account(), instance("docs"), connections=(SANDBOX,))
        async with Session(shorter, state) as other:
            plan = await other.plan()
            assert [change.name for change in plan.steps[0].changes] == ["config.a"], (
                "the ledger knows it by its folder"
            )


async def test_what_holds_keys_is_for_its_owner_alone(tmp_path: Path) -> None:
    async with running(tmp_path / "sandbox"):
        folder = tmp_path / "sandbox"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        for name in ("ready.json", "state.db", "log"):
            assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name


# What was left behind


@pytest.mark.parametrize(
    "left",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"control": "http://127.0.0.1:9", "den": {}, "wexa": {}}',
        '{"control": "nonsense", "den": {}, "wexa": {}}',
        '{"control": "http://127.0.0.1:99999", "den": {}, "wexa": {}}',
        '{"control": 7, "den": {}, "wexa": {}}',
        "\udce9",
    ],
)
async def test_a_note_that_leads_nowhere_is_not_followed(tmp_path: Path, left: str) -> None:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    (folder / "ready.json").write_bytes(left.encode("utf-8", "surrogateescape"))
    servers = await used(folder)
    assert json.loads((folder / "ready.json").read_text())["control"] == servers.control


async def test_a_note_that_leads_to_the_servers_of_another_folder_is_not_followed(tmp_path: Path) -> None:
    """After a restart of the machine another sandbox may listen on the port that this one had."""
    async with running(tmp_path / "other") as other:
        folder = tmp_path / "sandbox"
        folder.mkdir()
        note = json.loads((tmp_path / "other" / "ready.json").read_text())
        note["den"]["apiKey"] = "den_of_a_process_that_is_no_more"
        (folder / "ready.json").write_text(json.dumps(note))
        assert (await used(folder)).control != other.control


# What cannot be


async def test_a_place_that_cannot_hold_state_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(SandboxError, match="cannot keep its state"):
            await used(folder)


async def test_servers_that_do_not_start_say_why(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    folder.mkdir()
    (folder / "state.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(SandboxError, match="holds no state") as raised:
        await used(folder)
    assert str(folder / "log") in str(raised.value)


async def test_a_start_that_takes_for_ever_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setattr("trueup.transport.embedded.sys.executable", str(script))
    monkeypatch.setattr("trueup.transport.embedded._START", 0.5)
    with pytest.raises(SandboxError, match="did not start"):
        await used(tmp_path / "sandbox")


async def test_a_key_of_the_connection_is_used_in_place_of_the_sandboxes_own(tmp_path: Path) -> None:
    other = declared_connection(DEN, "default", url="sandbox", apiKey="x" * 70)
    async with Session(manifest(account(), connections=(other,)), Options(state=tmp_path)) as session:
        with pytest.raises(Exception, match="does not exist or has expired"):
            await session.plan()
