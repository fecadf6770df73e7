"""Saved plans: no secret is in them, they are written whole or not at all, and refused when they were touched."""

from __future__ import annotations

import base64
import errno
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from commands import TRUEUP, inside, parsed, trueup
from sandboxes import PATIENCE
from saving import ACCOUNT, CRM, INSTANCE, Desk, told
from world import World

from trueup.core.documents import dumps
from trueup.core.errors import PlanFileError
from trueup.engine import saved
from trueup.sandbox.presets import DEMO_CONNECTORS

SECRETS: Final = {
    "env": "env-secret/of docs+1",
    "file": 'file-secret "of" docs-2',
    "exec": "exec-secret-of-docs-3",
    "crm": "crm-password:4?ä",
}
THEIRS: Final = {
    "undeclared": "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
    "live in place of ours": "xoxb-their-token-of-docs-5",
    "auth in clear": "their-crm-password-6",
    "removed with it": "sk-live-of-old-7",
}


@pytest.fixture
def desk(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An account and the instance `docs`, declared and not there yet; a plan is saved in another folder."""
    return Desk(world, tmp_path, monkeypatch)


# No secret is in it


def forms(value: str) -> Iterator[str]:
    """How a value may read in a file."""
    raw = value.encode()
    yield from (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1])
    yield from (quote(value), quote(value, safe=""), raw.hex())
    for start in range(3):  # wherever it stands among other bytes
        yield base64.b64encode(b"x" * start + raw).decode()[4 if start else 0 : -4]


@pytest.mark.parametrize("settled", [False, True], ids=["created", "changed"])
def test_no_secret_is_in_it(desk: Desk, settled: bool) -> None:
    (desk.manifests / "secret.txt").write_text(SECRETS["file"])
    program = desk.manifests / "program"
    program.write_text(f"#!/bin/sh\necho {SECRETS['exec']}\n")
    program.chmod(0o700)
    tokens = (
        "    one: {valueFrom: {env: ONE}}\n    two: {valueFrom: {file: secret.txt}}\n"
        "    three: {valueFrom: {exec: [./program]}}\n"
    )
    desk.write("den.yaml", ACCOUNT + INSTANCE.replace("NAME", "docs") + tokens)
    old = INSTANCE.replace("NAME", "old").replace("  status", "  deletionPolicy: remove\n  status")
    environment = {"ONE": SECRETS["env"], "CRM_PASSWORD": SECRETS["crm"]}
    desk.write("wexa.yaml", CRM)
    if settled:
        desk.write("more.yaml", old)
        first = {"ONE": THEIRS["live in place of ours"], "CRM_PASSWORD": "the-first-password"}
        assert desk.settled(**first)
        (desk.manifests / "more.yaml").unlink()
        docs = {"branch": "x", "theirs": THEIRS["undeclared"], "one": THEIRS["live in place of ours"]}
        desk.world.person("docs", config={**docs, "two": {"deep": [THEIRS["undeclared"]]}})
        desk.world.person("old", config={"token": THEIRS["removed with it"]})
    auth = {"password": THEIRS["auth in clear"], "more": THEIRS["undeclared"]}
    loader = {"source": "mongodb", "batch_size": 1, "auth": auth}
    crm = {"system": "wexa", "connectorID": DEMO_CONNECTORS["crm"]}
    desk.world.upstream("config-changed", **crm, data_loader_config=loader)
    desk.world.upstream("status-changed", **crm, status="inactive")
    shown = parsed(desk.plan(*(["--prune"] if settled else []), "-o", "json", **environment))
    actions = {one["name"]: one["change"]["actions"] for one in shown["resource_changes"]}
    assert actions["docs"] == (["update"] if settled else ["create"])
    assert settled == ("old" in actions)
    text = desk.saved.read_text()
    key = desk.world.sandbox.ready["den"]["apiKey"]
    for secret in (*SECRETS.values(), *THEIRS.values(), key):
        for form in forms(secret):
            assert form not in text, form
    assert '"theirs"' not in text
    assert '"deep"' not in text
    assert desk.apply(**environment).returncode == 0
    assert desk.world.instance("docs")["instanceConfigJson"]["one"] == SECRETS["env"]


def test_the_key_is_not_in_it(desk: Desk) -> None:
    key = "the-shared-key-of-all-machines"
    assert desk.plan(TRUEUP_FINGERPRINT_KEY=key).returncode == 0
    assert all(form not in desk.saved.read_text() for form in forms(key))


# Whose it is, and how it is written


def test_another_machine_needs_the_shared_key(desk: Desk, tmp_path: Path) -> None:
    """Another state folder stands for another machine."""
    key = {"TRUEUP_FINGERPRINT_KEY": "the-shared-key-of-all-machines"}
    elsewhere = ("apply", str(desk.saved), "--state", str(tmp_path / "elsewhere"))
    assert desk.plan(**key).returncode == 0
    without = inside(*elsewhere)
    assert (without.returncode, desk.world.writes()) == (1, [])
    assert "error[E403]: the saved plan cannot be used: there is no key" in told(without)
    wrong = inside(*elsewhere, TRUEUP_FINGERPRINT_KEY="another")
    assert "edited, or made with the key of another ledger" in told(wrong)
    done = inside(*elsewhere, **key)
    assert done.returncode == 0, done.stderr
    assert desk.world.instance("docs")["status"] == "active"


def test_without_a_ledger_it_takes_the_shared_key(desk: Desk) -> None:
    done = desk.plan(TRUEUP_LEDGER="off")
    assert (done.returncode, desk.world.asked(), desk.saved.exists()) == (1, 0, False)
    assert "error[E001]" in done.stderr
    assert "Set TRUEUP_FINGERPRINT_KEY" in told(done)
    assert parsed(desk.plan("-o", "json", TRUEUP_LEDGER="off"))["error"]["code"] == "E001"
    alone = {"TRUEUP_LEDGER": "off", "TRUEUP_FINGERPRINT_KEY": "the-shared-key-of-all-machines"}
    assert desk.plan(**alone).returncode == 0
    for command in (desk.apply, desk.show):
        refused = command(TRUEUP_LEDGER="off")
        assert (refused.returncode, desk.world.writes()) == (1, [])
        assert "error[E403]" in refused.stderr
    assert desk.apply(**alone).returncode == 0


def test_a_plan_of_another_ledger_is_refused(desk: Desk, tmp_path: Path) -> None:
    assert desk.plan().returncode == 0
    other = ("--state", str(tmp_path / "other"))
    assert inside("apply", "-f", str(desk.manifests), *other, "--auto-approve").returncode == 0
    desk.world.forget()
    done = inside("apply", str(desk.saved), *other)
    assert (done.returncode, desk.world.asked()) == (1, 0)
    assert "made with the key of another ledger" in told(done)


def test_an_older_file_is_replaced_and_its_mode_with_it(desk: Desk) -> None:
    desk.saved.write_text("old")
    desk.saved.chmod(0o644)
    assert desk.plan().returncode == 0
    assert stat.S_IMODE(desk.saved.stat().st_mode) == 0o600
    assert desk.show().returncode == 0


def test_what_a_link_leads_to_is_replaced(desk: Desk) -> None:
    real = desk.away / "real.json"
    desk.saved.symlink_to(real)
    for _ in range(2):  # where it leads to is missing at first
        assert desk.plan().returncode == 0
        assert desk.saved.is_symlink()
        assert real.is_file()
    assert desk.show().returncode == 0


@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "in no folder", "below a file", "too long"])
def test_what_cannot_be_a_plan_is_refused_before_anything_is_read(desk: Desk, kind: str) -> None:
    path = str(desk.saved)
    if kind == "folder":
        desk.saved.mkdir()
    elif kind == "fifo":
        os.mkfifo(desk.saved)
    elif kind == "device":
        desk.saved.symlink_to("/dev/null")
    elif kind == "in no folder":
        path = str(desk.away / "missing" / "plan.json")
    elif kind == "below a file":
        path = str(desk.manifests / "den.yaml" / "plan.json")
    else:
        path = "a" * 300
    done = desk.run("plan", "--out", path)
    assert done.returncode == 1, done
    assert "error[E403]: the plan cannot be written to" in done.stderr
    if kind != "too long":
        assert desk.world.asked() == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_folder_that_takes_no_file_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr("tempfile.mkstemp", refused)  # a mode would not stop root
    done = desk.plan("-o", "json")
    assert done.returncode == 1
    assert parsed(done)["error"]["code"] == "E403"
    assert "Permission denied" in parsed(done)["error"]["message"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_older_file_and_nothing_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    desk.saved.write_text("old")
    before = sorted(desk.saved.parent.iterdir())
    monkeypatch.setattr(os, call, full)
    done = desk.plan()
    monkeypatch.undo()
    assert done.returncode == 1
    assert "No space left on device" in told(done)
    assert desk.saved.read_text() == "old"
    assert [one for one in sorted(desk.saved.parent.iterdir()) if one != desk.world.folder] == [
        one for one in before if one != desk.world.folder
    ]


def test_one_that_is_killed_while_it_writes_leaves_the_older_file(desk: Desk) -> None:
    desk.saved.write_text("old")
    kill = "import os, signal, sys\nos.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
    start = f"{kill}from trueup.cli import main\nsys.exit(main(sys.argv[1:]))"
    words = ["plan", "-f", str(desk.manifests), "--state", str(desk.world.folder), "--out", str(desk.saved)]
    done = subprocess.run([sys.executable, "-c", start, *words], capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == -signal.SIGKILL
    assert desk.saved.read_text() == "old"
    assert desk.plan().returncode == 0
    assert desk.show().returncode == 0


# It was touched


def refused(desk: Desk, content: bytes | str | None = None) -> str:
    """What apply, show and their JSON say of a file that cannot be used; nothing is asked of a server."""
    if content is not None:
        desk.saved.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    desk.world.forget()
    said = set()
    for command in (desk.apply, desk.show):
        done = command()
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith("error[E403]: "), done.stderr
        said.add(told(done))
        error = parsed(command("-o", "json"))["error"]
        assert error["code"] == "E403"
    assert desk.world.asked() == 0
    (words,) = said
    return words


KEY: Final = b"a key of the test's own"


def plan_text(desk: Desk) -> str:
    done = desk.plan(TRUEUP_FINGERPRINT_KEY=KEY.decode())
    assert done.returncode == 0, done.stderr
    return desk.saved.read_text()


def rejected(text: str) -> str:
    """Why the text is no plan."""
    with pytest.raises(PlanFileError) as caught:
        saved.load(text, KEY)
    return caught.value.message


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of everything in it that is no mapping and no list with something inside."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


def another(value: Any) -> Any:
    """A value that is not this one, and reads as much alike as can be."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return float(value)
    if isinstance(value, float):
        return value + 1
    if isinstance(value, str):
        return value + " "
    return "" if value is None else None


def test_every_leaf_that_is_changed_is_noticed(desk: Desk) -> None:
    desk.write("more.yaml", INSTANCE.replace("NAME", "old"))
    assert desk.settled()
    (desk.manifests / "more.yaml").unlink()
    desk.world.person("docs", config={"branch": "x"}, status="disabled")
    done = desk.plan("--prune", TRUEUP_FINGERPRINT_KEY=KEY.decode())
    assert done.returncode == 0, done.stderr
    text = desk.saved.read_text()
    assert saved.load(text, KEY).plan.count("delete") == 1
    paths = list(leaves(json.loads(text)))
    assert len(paths) > 150
    for path in paths:
        content = json.loads(text)
        holder = content
        for part in path[:-1]:
            holder = holder[part]
        holder[path[-1]] = another(holder[path[-1]])
        changed = dumps(content) + "\n"  # as this trueup writes it, but for that leaf
        assert changed != text
        assert "it was edited" in rejected(changed) or path == ("trueup_plan",), path
        if isinstance(holder, dict):
            del holder[path[-1]]
            rejected(dumps(content) + "\n")


def test_one_that_is_cut_off_anywhere_is_refused(desk: Desk) -> None:
    text = plan_text(desk)
    for length in range(0, len(text), 10):
        rejected(text[:length])
    assert "not JSON, or was cut off" in refused(desk, text[: len(text) // 2])
    rejected(text[:-1])


@pytest.mark.parametrize("mac", [None, 1, True, [], {}, "", "ä" * 64, "\ud800", "0" * 64, "0" * 63])
def test_one_with_another_digest_is_refused(desk: Desk, mac: Any) -> None:
    content = json.loads(plan_text(desk))
    for changed in ({**content, "mac": mac}, {name: one for name, one in content.items() if name != "mac"}):
        assert "it was edited" in rejected(dumps(changed) + "\n")


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (3, "it has version 3, and this trueup knows 2"),
        (0, "it has version 0"),
        (10**30, "it has version 10000000000000000000,"),
        ("1", "a version that is no number"),
        (True, "a version that is no number"),
        (1.0, "a version that is no number"),
        (None, "a version that is no number"),
        ([1], "a version that is no number"),
        ("\x1b[2J", "a version that is no number"),
    ],
)
def test_one_of_another_version_is_refused(desk: Desk, version: Any, words: str) -> None:
    content = json.loads(plan_text(desk))
    text = dumps({**content, "trueup_plan": version}) + "\n"
    assert words in rejected(text)
    assert words in refused(desk, text)


def test_one_that_reads_alike_is_refused(desk: Desk) -> None:
    text = plan_text(desk)
    content = json.loads(text)
    alike = [
        json.dumps(content),
        json.dumps(content, indent=2) + "\n",
        text + "\n",
        text + " ",
        text.replace("\n", "\r\n"),
        text.replace("trueup_plan", "\\u0074rueup_plan", 1),
        text.replace('"desired": ', '"desired": "0", "desired": ', 1),  # the last of two is the one that counts
        text.replace('"declared": 2', '"declared": 2.0', 1),
        dumps(dict(reversed(content.items()))) + "\n",
    ]
    for one in alike:
        assert one != text
        assert "it was edited" in rejected(one), one[:200]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"null",
        b"1",
        b'"plan"',
        b"[]",
        b'[{"trueup_plan": 1}]',
        b"{}",
        b'{"trueup_plan": 1}',
        b'{"trueup_plan": 1, "x": NaN}',
        b'{"trueup_plan": 1, "x": -Infinity}',
        b'{"trueup_plan": 1, "x": 1e999}',
        b'{"trueup_plan": 1, "x": ' + b"9" * 5000 + b"}",
        b'{"trueup_plan": ' + b"9" * 4000 + b"}",
        b'{"trueup_plan": 1, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"trueup_plan": ' + b"[" * 900 + b"]" * 900 + b"}",
        b'{"trueup_plan": 1, "x": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
        b'{"trueup_plan": 1, "mac": "\\ud800"}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{}",
        b'{"trueup_plan": 1, "\x00": 1}',
        b"trueup_plan: 1\n",
        b"PK\x03\x04" + bytes(range(256)),
    ],
    ids=range(23),
)
def test_what_is_no_plan_at_all_is_refused(desk: Desk, content: bytes) -> None:
    assert desk.settled()  # there is a key
    refused(desk, content)


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "missing", "sparse", "link in a circle"])
def test_what_is_no_file_of_that_size_is_refused_at_once(desk: Desk, kind: str) -> None:
    assert desk.settled()
    words = "is not a regular file"
    if kind == "fifo":
        os.mkfifo(desk.saved)
    elif kind == "folder":
        desk.saved.mkdir()
        words = "Is a directory"
    elif kind == "device":
        desk.saved.symlink_to("/dev/zero")
    elif kind == "sparse":
        with desk.saved.open("wb") as file:
            file.truncate(300 << 20)
        words = "is larger than any saved plan"
    elif kind == "missing":
        words = "No such file or directory"
    else:
        desk.saved.symlink_to(desk.saved)
        words = "symbolic links"
    assert words in refused(desk)


def test_a_name_that_is_none_is_refused(desk: Desk) -> None:
    for name in ("a" * 300, "/dev/stdin/x"):
        done = inside("apply", name, "--state", str(desk.world.folder))
        assert done.returncode == 1
        assert "error[E403]" in done.stderr


def test_a_content_that_only_its_key_vouches_for_is_refused_all_the_same() -> None:
    """Written by another trueup of this version number, say."""
    contents: list[dict[str, Any]] = [{}, {"plan": 1}, {"plan": {"steps": [[]]}}, {"plan": {"steps": []}}]
    for content in contents:
        text = saved._sealed({"trueup_plan": 1, **content}, KEY)
        assert "it is not what this trueup writes" in rejected(text)


def test_an_edited_one_is_refused_by_the_command_itself(desk: Desk) -> None:
    assert desk.plan().returncode == 0
    desk.saved.write_text(desk.saved.read_text().replace("acme/docs", "acme/dogs"))
    done = trueup(*desk.words())
    assert (done.returncode, done.stdout) == (1, "")
    assert "it was edited" in told(done)


def test_it_is_whole_although_nobody_reads_what_plan_prints(desk: Desk) -> None:
    words = [*TRUEUP, "plan", "-f", str(desk.manifests), "--state", str(desk.world.folder), "--out", str(desk.saved)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(PATIENCE) == 0
    assert desk.show().returncode == 0
