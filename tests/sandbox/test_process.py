"""The sandbox as a process: how it starts, what it prints, what it keeps, and when it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import httpx
import pytest
from sandboxes import PATIENCE, launch, running
from waiting import wait_until

from trueup.sandbox.clock import MovableClock
from trueup.sandbox.den import Den
from trueup.sandbox.presets import DEMO_CONNECTORS, DEMO_PROJECT, apply
from trueup.sandbox.store import Store
from trueup.sandbox.wexa import Wexa


def refused(*commands: tuple[str, ...]) -> list[str]:
    """The one sentence with which each process leaves at once."""
    sentences = []
    for process in [launch(*options) for options in commands]:
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (1, "")
        assert err.startswith("trueup sandbox: ")
        assert err.count("\n") == 1, err
        sentences.append(err)
    return sentences


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_prints_one_line_and_leaves_in_order(number: signal.Signals) -> None:
    with running() as sandbox:
        assert set(sandbox.ready) == {"den", "wexa", "control"}
        assert set(sandbox.ready["den"]) == {"url", "apiKey"}
        assert set(sandbox.ready["wexa"]) == {"url", "apiKey", "projectId"}
        assert sandbox.den.get("/health").json()["ok"] is True
        project = sandbox.ready["wexa"]["projectId"]
        assert sandbox.wexa.get(f"/connectors/{project}").status_code == 200
        address = httpx.URL(sandbox.ready["wexa"]["url"])
        with socket.create_connection((address.host, address.port or 0)) as halfway:
            key = sandbox.ready["wexa"]["apiKey"]
            halfway.sendall(
                b"POST /connectors/change_status HTTP/1.1\r\nhost: sandbox\r\n"
                b"x-api-key: %s\r\ncontent-length: 99\r\n\r\n{" % key.encode()
            )
        wait_until(lambda: sandbox.control.get("/requests").json()["total"] >= 3)
        assert sandbox.leave(number) == (0, "", ""), "a client that leaves while it sends is nothing to tell"


def test_a_signal_before_anything_runs_is_heeded() -> None:
    process = launch("--preset", "thousand")
    caught = 1 << (signal.SIGTERM - 1)
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        process.kill()
        process.communicate()
        pytest.skip("this system does not tell which signals a process handles")
    wait_until(lambda: int(status.read_text().split("SigCgt:")[1].split()[0], 16) & caught)
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0


def test_a_second_signal_and_open_requests_change_nothing() -> None:
    with running() as sandbox:
        sandbox.control.post("/faults", json={"delay": 300})
        url = sandbox.ready["den"]["url"] + "/health"
        outcome: list[object] = []

        def hang() -> None:
            try:
                outcome.append(httpx.get(url, timeout=PATIENCE).status_code)
            except httpx.HTTPError as error:
                outcome.append(type(error))

        waiting = threading.Thread(target=hang)
        waiting.start()
        wait_until(lambda: sandbox.control.get("/faults").json()["faults"][0]["fired"])
        sandbox.process.send_signal(signal.SIGINT)
        assert sandbox.leave(signal.SIGTERM) == (0, "", "")
        waiting.join()
        assert outcome != [200]
        assert outcome != [httpx.ReadTimeout], "the request was ended, one way or the other"


def test_listens_where_it_is_told_and_says_when_it_cannot() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        taken.listen()
        assert f"Port {port} of 127.0.0.1 cannot be used for wexa" in refused(("--wexa", str(port)))[0]
    with running("--wexa", str(port)) as sandbox:
        assert sandbox.ready["wexa"]["url"] == f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("content", [b"no database", b"", "row"])
def test_says_what_is_wrong_with_a_state(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "state.db"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE rows (tab TEXT, key TEXT, row TEXT, PRIMARY KEY (tab, key))")
        db.execute("INSERT INTO rows VALUES ('wexa.connectors', 'x', '{\"connectorID\": \"x\"}')")
        db.commit()
        db.close()
    if content == b"":
        with running("--state", str(path)) as sandbox:  # an empty file is an empty state
            assert "is in use by another sandbox" in refused(("--state", str(path)))[0]
            assert sandbox.leave(signal.SIGTERM)[0] == 0
    else:
        assert f"The state file {path} holds no state of a sandbox" in refused(("--state", str(path)))[0]


def test_says_where_a_state_cannot_be(tmp_path: Path) -> None:
    nowhere = tmp_path / "missing"
    folder, directory, lock = refused(
        ("--state", str(nowhere / "state.db")), ("--state", str(tmp_path)), ("--users-lock", str(nowhere / "users"))
    )
    assert "there is no folder" in folder
    assert "Is a directory" in directory
    assert "The lock file" in lock


def test_state_clock_and_switches_outlive_the_process(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with running("--state", str(path), "--preset", "demo") as sandbox:
        first = sandbox.ready
        sandbox.control.post("/clock", json={"advanceSeconds": 3600})
        sandbox.control.put("/wexa", json={"config": "masked"})
        sandbox.control.post(
            "/upstream",
            json={
                "system": "wexa",
                "type": "status-changed",
                "connectorID": DEMO_CONNECTORS["crm"],
                "status": "failed",
            },
        )
        before = sandbox.control.get("/state").json()
        sandbox.process.kill()
        sandbox.process.wait()
    assert path.stat().st_mode & 0o077 == 0, "it holds keys"
    with running("--state", str(path), "--preset", "thousand") as sandbox:
        assert sandbox.ready["den"]["apiKey"] == first["den"]["apiKey"]
        assert sandbox.ready["wexa"]["apiKey"] == first["wexa"]["apiKey"]
        after = sandbox.control.get("/state").json()
        assert after["clock"] == {"advanced": 3600}
        assert after["wexa"]["config"] == "masked"
        assert after["tables"]["wexa.connectors"] == before["tables"]["wexa.connectors"]
        assert len(after["tables"]["den.connectorInstances"]) == 2, (
            "the preset was not applied to a state that is there"
        )


def test_a_filling_that_was_interrupted_is_begun_again() -> None:
    store, clock = Store(":memory:"), MovableClock()
    den, wexa = Den(store, clock), Wexa(store, clock)
    apply("demo", store, den, wexa, clock)
    marks = store.table("sandbox.preset")
    marks.put("preset", {"name": "demo", "complete": False})
    apply("golden", store, den, wexa, clock)
    assert len(store.table("wexa.connectors")) == 0
    assert len(store.table("wexa.projects")) == len(store.table("den.organizations")) == 2
    before = store.dump()
    apply("demo", store, den, wexa, clock)
    assert store.dump() == before, "a complete one stays"


def seeded(preset: str) -> tuple[Store, Den]:
    store, clock = Store(":memory:"), MovableClock()
    den, wexa = Den(store, clock), Wexa(store, clock)
    apply(preset, store, den, wexa, clock)
    return store, den


def test_a_whole_organisation_is_the_same_in_every_state() -> None:
    """But for ids and times: two stores hold the same names, statuses, configs and roles."""
    ours, theirs = (plain(seeded("organisation")[0]) for _ in range(2))
    assert ours == theirs
    assert (len(ours["den.connectorInstances"]), len(ours["den.connectorTargets"])) == (200, 400)
    instances = [json.loads(row) for row in ours["den.connectorInstances"]]
    statuses = Counter(row["status"] for row in instances)
    assert statuses == {"active": 188, "disabled": 7, "archived": 5}
    assert instances[0]["name"] == "billing-admin"
    assert [json.loads(row)["name"] for row in ours["den.plugins"]] == ["acme-skills", "acme-agents"]
    assert len(ours["den.connectorMappings"]) == 150
    target = json.loads(ours["den.connectorTargets"][1])
    assert (target["remoteId"], target["externalTargetRef"]) == ("acme/billing-admin-plugins", "release")
    assert target["targetConfigJson"]["discoveryCache"]["tree"]
    grants = [json.loads(row) for row in ours["den.accessGrants"]]
    assert Counter(row["role"] for row in grants) == {"manager": 240, "editor": 40, "viewer": 120}
    assert sum("orgWide" in row for row in grants) == sum("removedAt" in row for row in grants) == 20


def plain(store: Store) -> dict[str, list[str]]:
    """Tables of what an organisation is, each row as text without what is new in every state."""
    moving = re.compile(r"Id$|^id$|At$|Ids$")
    return {
        name: [
            json.dumps({key: key == "removedAt" or value for key, value in row.items() if value and keeps(moving, key)})
            for row in rows.values()
        ]
        for name, rows in store.dump().items()
        if name.startswith(("den.connector", "den.access", "den.plugins", "den.teams"))
    }


def keeps(moving: re.Pattern[str], key: str) -> bool:
    return key in ("remoteId", "removedAt") or not moving.search(key)


def test_a_large_one_has_a_grant_an_instance_and_three_targets() -> None:
    store, _ = seeded("large")
    instances, targets = store.table("den.connectorInstances"), store.table("den.connectorTargets")
    assert (len(instances), len(targets)) == (1000, 3000)
    assert len({row["name"] for row in instances.values()}) == len({row["updatedAt"] for row in instances.values()})
    creators = Counter(row["connectorInstanceId"] for row in store.table("den.accessGrants").values())
    assert set(creators.values()) == {2}, "one beside that of its creator"
    others = [row for row in store.table("den.accessGrants").values() if row["role"] != "manager"]
    assert Counter(bool(row["teamId"]) for row in others) == {True: 500, False: 500}


@pytest.mark.parametrize("preset", ["demo", "thousand", "organisation", "large"])
def test_people_may_do_what_their_grants_say(preset: str) -> None:
    with running("--preset", preset) as sandbox:
        principals = sandbox.control.get("/principals").json()
        org = sandbox.den.get("/v1/org").json()
        emails = {row["id"]: row["user"]["email"] for row in org["members"]}
        assert {row["name"]: [emails[one] for one in row["memberIds"]] for row in org["teams"]} == {
            "Platform": ["owner@example.test", "editor@example.test"],
            "Support": ["editor@example.test", "viewer@example.test"],
        }
        seen = {}
        for name in ("member", "viewer", "editor"):
            url, path = sandbox.ready["den"]["url"], "/v1/connector-instances"
            with httpx.Client(base_url=url, headers=principals[f"{name}-api-key"]) as client:
                assert client.get("/v1/org").json()["currentMember"]["role"] == "member"
                seen[name] = client.get(path).json()["items"]
                for row in seen[name][:1]:
                    if preset in ("demo", "thousand"):
                        answer = client.post(f"{path}/{row['id']}/enable")
                        assert answer.status_code == (200 if name == "editor" else 403)
            assert "authorization" in principals[f"{name}-session"]
        counts = {name: len(rows) for name, rows in seen.items()}
        few, many = {"member": 0, "viewer": 1, "editor": 1}, {"member": 0, "viewer": 50, "editor": 50}
        everybody = {"member": 20, "viewer": 50, "editor": 50}
        assert counts == {"organisation": everybody, "large": many}.get(preset, few)


@pytest.mark.parametrize("preset", ["empty", "golden", "demo", "thousand"])
def test_presets_hold_what_they_promise(preset: str) -> None:
    store, clock = Store(":memory:"), MovableClock()
    den, wexa = Den(store, clock), Wexa(store, clock)
    apply(preset, store, den, wexa, clock)
    assert bool(len(store.table("den.teams"))) == (preset not in ("empty", "golden"))
    accounts = list(store.table("den.connectorAccounts").values())
    instances = list(store.table("den.connectorInstances").values())
    connectors = list(store.table("wexa.connectors").values())
    assert len(store.table("den.organizations")) == 2
    assert {"owner-api-key", "owner-session", "member-session", "other-org-api-key"} <= den.principals().keys()
    assert wexa.principals().keys() == {"wexa-api-key", "wexa-other-api-key"}
    if preset in ("empty", "golden"):
        assert (accounts, instances, connectors) == ([], [], [])
    elif preset == "demo":
        assert wexa.project_id() == DEMO_PROJECT
        assert {row["sourceName"]: row["connectorID"] for row in connectors} == DEMO_CONNECTORS
        assert {row["sourceName"]: row["status"] for row in connectors}["archive"] == "inactive"
        assert "1001" not in {row["remoteId"] for row in accounts}
    else:
        assert [(row["remoteId"], row["displayName"]) for row in accounts] == [("1001", "acme")]
        assert {row["name"]: row["remoteId"] for row in instances} == {
            f"repo-{number:04d}": f"acme/repo-{number:04d}" for number in range(1000)
        }
        assert {json.dumps(row["instanceConfigJson"], sort_keys=True) for row in instances} == {
            '{"branch": "main", "path": "docs"}'
        }
        assert {row["status"] for row in instances} == {"active"}
        assert len({row["updatedAt"] for row in instances}) == 1000


def test_leaves_when_nobody_shares_the_lock_any_more(tmp_path: Path) -> None:
    lock, other = tmp_path / "users", tmp_path / "users of another"
    hold = (
        "import fcntl, sys; held = open(sys.argv[1], 'a'); "
        "fcntl.flock(held, fcntl.LOCK_SH); print(flush=True); sys.stdin.read()"
    )
    users = [
        subprocess.Popen(
            [sys.executable, "-c", hold, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for held in (lock, lock, other)
    ]
    try:
        for user in users:
            assert user.stdout is not None
            user.stdout.readline()
        with running("--users-lock", str(lock)) as sandbox, running("--users-lock", str(other)) as another:
            users[0].kill()
            users[2].kill()
            another.process.communicate(timeout=PATIENCE)  # by then the first would have left too, if it were to
            assert users[1].poll() is None
            assert sandbox.process.poll() is None, "somebody still shares the lock"
            assert sandbox.control.get("/").status_code == 200
            users[1].kill()
            assert sandbox.process.communicate(timeout=PATIENCE) == ("", "")
            assert sandbox.process.returncode == 0
    finally:
        for user in users:
            user.kill()
            user.communicate()
