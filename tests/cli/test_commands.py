"""The commands as processes against a real sandbox: what they print, where they print it, and how they end."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import TRUEUP, inside, parsed, trueup
from folders import ACCOUNT, INSTANCE, Folder
from repository import ROOT
from sandboxes import PATIENCE
from world import World

from trueup.cli.console import Console
from trueup.cli.progress import Lines
from trueup.cli.sandbox import exports

PASSWORD = "the-password-of-the-crm-7c1"
TOKEN = "the-token-of-the-handbook-9e2"
SECRETS = """
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: handbook}
spec:
  connectorAccount: acme
  config:
    token: {valueFrom: {env: HANDBOOK_TOKEN}}
---
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: crm}
spec:
  projectId: 68063653fc2e1fb859700001
  status: active
  dataLoaderConfig:
    source: mongodb
    batchSize: 50
    auth:
      password: {valueFrom: {env: CRM_PASSWORD}}
---
"""


@pytest.fixture
def folder(world: World, tmp_path: Path) -> Folder:
    """One account and one instance, declared and not there yet."""
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    return Folder(world, manifests)


def test_plan_apply_plan_drift_and_heal(folder: Folder) -> None:
    plan = folder.process("plan", "--detailed-exitcode")
    assert (plan.returncode, plan.stderr) == (2, "")
    assert plan.stdout.startswith("2 of 2 declared resources differ.\n")
    assert f"Next: trueup apply -f {folder.path} --state {folder.world.folder}\n" in plan.stdout
    applied = folder.process("apply", "--auto-approve")
    assert applied.returncode == 0, applied.stderr
    assert "  + den/ConnectorInstance/docs  create  " in applied.stdout
    assert applied.stdout.splitlines()[-1].startswith("Applied: 2 created, 0 changed, all verified. 4 requests, ")
    plan = folder.process("plan", "--detailed-exitcode")
    assert (plan.returncode, plan.stdout.count("\n")) == (0, 1)
    assert plan.stdout.startswith("In sync: 2 of 2, 3 unmanaged. 2 requests, ")
    folder.world.person("docs", status="disabled")
    drift = folder.process("drift")
    assert drift.returncode == 2
    assert drift.stdout.startswith("1 of 2 drifted, ")
    assert "declared active, live disabled" in drift.stdout
    assert f"{folder.path}/den.yaml:14" in drift.stdout
    assert folder.apply().returncode == 0
    drift = folder.run("drift")
    assert (drift.returncode, drift.stdout.count("\n")) == (0, 1)


def test_json_is_all_that_standard_output_holds(folder: Folder) -> None:
    plan = parsed(folder.run("plan", "-o", "json"))
    assert [one["change"]["actions"] for one in plan["resource_changes"]] == [["create"], ["create"]]
    applied = folder.apply("-o", "json")
    assert applied.stderr == ""
    report = parsed(applied)
    assert [(one["result"], one["verified"]) for one in report["outcomes"]] == [("done", True), ("done", True)]
    assert (report["summary"]["created"], report["exit_code"]) == (2, 0)
    drift = parsed(folder.run("drift", "-o", "json"))
    assert (drift["drifted"], drift["summary"]["unchanged"]) == (False, 2)
    plan = parsed(folder.run("plan", TRUEUP_OUTPUT="json"))
    assert plan["resource_changes"][1]["change"]["after"]["connectorAccount"].startswith("cac_")
    assert plan["summary"]["unchanged"] == 2
    assert parsed(folder.apply("-o", "json"))["outcomes"] == []


def test_apply_without_a_terminal_asks_for_auto_approve_and_sends_nothing(folder: Folder) -> None:
    done = folder.process("apply")
    assert done.returncode == 1
    assert "+ den/ConnectorInstance/docs" in done.stdout
    assert "error[E002]" in done.stderr
    assert "--auto-approve" in done.stderr
    assert folder.world.writes() == []
    assert parsed(folder.run("apply", "-o", "json"))["error"]["code"] == "E002"


def test_a_plan_that_asks_for_what_cannot_be_is_printed_in_full_and_fails(folder: Folder) -> None:
    folder.write(
        "wexa.yaml",
        "apiVersion: wexa.trueup.dev/v1\nkind: Connector\nmetadata: {name: evnts}\n"
        "spec: {projectId: 68063653fc2e1fb859700001, status: active}\n",
    )
    plan = folder.run("plan")
    assert plan.returncode == 1
    assert "Near: events" in plan.stdout
    assert "+ den/ConnectorInstance/docs" in plan.stdout
    assert parsed(folder.run("plan", "-o", "json"))["errored"] is True
    applied = folder.apply()
    assert applied.returncode == 4  # the rest was made
    assert folder.world.instance("docs")["status"] == "active"


def test_what_is_refused_for_safety_exits_with_3(folder: Folder) -> None:
    assert folder.apply().returncode == 0
    folder.write("den.yaml", ACCOUNT.replace("displayName: acme", "displayName: other"))
    assert folder.run("plan").returncode == 0
    applied = folder.apply()
    assert applied.returncode == 3
    assert "would delete every instance" in " ".join(applied.stdout.split())
    assert "Not applied: 0 created, 0 changed, 1 refused." in applied.stdout
    folder.write(
        "connection.yaml",
        "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: default}\n"
        f"spec:\n  url: {folder.world.sandbox.ready['den']['url']}\n"
        "  apiKey: {valueFrom: {env: TRUEUP_DEN_API_KEY}}\n  organization: org_01m80000000000000000000000\n",
    )
    guarded = folder.run("plan", "-o", "json")
    assert guarded.returncode == 3
    assert parsed(guarded)["error"]["code"] == "E401"


def test_a_failed_step_leaves_the_others_and_exits_with_4(folder: Folder) -> None:
    folder.write("more.yaml", INSTANCE.replace("NAME", "blog") + INSTANCE.replace("NAME", "shop"))
    folder.world.fault(system="den", method="POST", route="/v1/connector-instances", status=400, nth=1)
    applied = folder.apply("--parallelism", "1")
    assert applied.returncode == 4
    assert "  failed" in applied.stdout
    assert applied.stdout.count("POST /v1/connector-instances answered 400") == 1  # not while it happens as well
    assert "Applied in part: 3 created, 0 changed, 1 failed, all verified." in applied.stdout
    folder.world.forget()
    folder.world.calm()
    folder.world.fault(system="den", method="POST", route="/v1/connector-instances", status=400)
    folder.write("again.yaml", INSTANCE.replace("NAME", "wiki"))
    fast = folder.apply("--fail-fast", "--parallelism", "1")
    assert fast.returncode == 1
    assert len(folder.world.writes()) == 1
    assert "--fail-fast is set" in fast.stdout


def test_manifest_faults_are_told_all_at_once_and_nothing_is_sent(folder: Folder) -> None:
    folder.write("bad.yaml", INSTANCE.replace("status: active", "status: enabled").replace("remoteId", "remotId"))
    for command in ("validate", "plan", "apply", "drift"):
        done = folder.run(command) if command != "validate" else trueup("validate", "-f", str(folder.path))
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{folder.path}/bad.yaml:7:3: error[E101]" in done.stderr
        assert 'did you mean "active"?' in done.stderr
        assert done.stderr.splitlines()[-1] == "2 errors in 1 of 2 files. Nothing was sent."
    assert folder.world.asked() == 0
    document = parsed(inside("validate", "-f", str(folder.path), "-o", "json"))
    assert [fault["code"] for fault in document["faults"]] == ["E101", "E104"]


def test_validate_says_what_there_is(folder: Folder) -> None:
    done = trueup("validate", "-f", str(folder.path))
    assert (done.returncode, done.stdout) == (0, "Valid: 2 resources and 0 connections in 1 file. Nothing was sent.\n")
    assert parsed(inside("validate", "-f", "-", "-o", "json", stdin=ACCOUNT))["resources"] == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plan", "--frob"], "there is no option --frob."),
        (["plan", "manifests/"], "Pass files and folders with -f."),
        (["plna"], 'Did you mean "plan"?'),
        (["plan", "--tagret", "x"], "there is no option --tagret. Did you mean --target"),
        (["plan", "--parallelism", "0"], "--parallelism must be a whole number from 1 to 64."),
        (["plan", "-o", "xml"], "--output must be text or json."),
        (["plan", "--state", __file__], "--state: Directory"),
        (["drift", "--resend"], "there is no option --resend."),
        (["schema", "everything"], "WHAT must be manifest, docs or pulumi."),
        (["completion"], "SHELL is missing. Use bash, zsh or fish."),
    ],
)
def test_a_wrong_command_line_exits_with_1_since_2_means_differences(arguments: list[str], words: str) -> None:
    done = inside(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Usage: trueup ")
    assert words in done.stderr
    assert ' --help"' in done.stderr


def test_an_option_without_its_value_is_told() -> None:
    assert inside("plan", "-f").stderr == "error[E001]: -f needs a value.\n"


def test_a_wrong_variable_is_named_with_its_option() -> None:
    done = inside("plan", TRUEUP_PARALLELISM="abc")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "--parallelism (from the environment variable TRUEUP_PARALLELISM) "
        'must be a whole number from 1 to 64, not "abc".'
    ) in done.stderr


def test_a_wrong_command_line_is_json_for_a_program() -> None:
    done = trueup("plan", "--frob", "-o", "json")
    assert done.returncode == 1
    assert parsed(done)["error"]["code"] == "E001"


def test_options_may_stand_before_the_command(folder: Folder) -> None:
    done = inside("-f", str(folder.path), "--state", str(folder.world.folder), "-o", "json", "plan")
    assert parsed(done)["summary"]["create"] == 2


def test_a_target_narrows_the_run_to_itself_and_what_it_needs(folder: Folder) -> None:
    folder.write("more.yaml", INSTANCE.replace("NAME", "blog"))
    done = folder.run("plan", "--target", "den/ConnectorInstance/blog", "-o", "json")
    assert [one["name"] for one in parsed(done)["resource_changes"]] == ["acme", "blog"]
    assert "% managed" not in folder.run("plan", "--target", "den/ConnectorInstance/blog").stdout
    wrong = folder.run("plan", "--target", "den/ConnectorInstance/blgo")
    assert wrong.returncode == 1
    assert "Near: den/ConnectorInstance/blog" in wrong.stderr


def test_another_connection_by_name(folder: Folder) -> None:
    assert "there is no Connection named staging" in folder.run("plan", "--connection", "staging").stderr
    folder.write(
        "connection.yaml",
        "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: staging}\n"
        f"spec:\n  url: {folder.world.sandbox.ready['den']['url']}\n  apiKey: {{valueFrom: {{env: STAGING_KEY}}}}\n",
    )
    key = folder.world.sandbox.ready["den"]["apiKey"]
    done = folder.run("plan", TRUEUP_CONNECTION="staging", STAGING_KEY=key, TRUEUP_DEN_API_KEY="")
    assert "+ den:staging/ConnectorInstance/docs" in done.stdout
    assert "Next: trueup apply -f" in done.stdout
    wrong = folder.run("plan", "--connection", "staging", STAGING_KEY="x" * 40)
    assert wrong.returncode == 1
    assert 'error[E301]: Den refused the API key of connection "staging"' in wrong.stderr
    assert "(request req_" in wrong.stderr


def test_secrets_are_in_no_output_whatever_happens(folder: Folder) -> None:
    folder.write("secrets.yaml", SECRETS)
    secrets = {"HANDBOOK_TOKEN": TOKEN, "CRM_PASSWORD": PASSWORD}
    key = folder.world.sandbox.ready["den"]["apiKey"]
    said = []
    for body in (f"no: {TOKEN}", {"error": "invalid", "message": f"bad {PASSWORD} {key}"}):
        folder.world.fault(system="den", method="POST", route="/v1/connector-instances", status=400, body=body, times=1)
    folder.world.fault(system="wexa", method="POST", status=422, body={"detail": f"auth {PASSWORD}"}, times=1)
    for arguments in (["plan"], ["apply", "--auto-approve"], ["apply", "--auto-approve", "-o", "json"], ["drift"]):
        done = folder.run(*arguments, "-vv", TRUEUP_DEBUG="1", **secrets)
        said.append(" ".join((done.stdout + done.stderr).split()))
    assert "(sensitive)" in said[0]
    assert "its own words are not shown, since a secret took part" in said[1]
    folder.world.person("handbook", config={"token": "another-token-entirely"})
    for output in ("text", "json"):
        for command in ("plan", "drift"):
            done = folder.run(command, "-o", output, **secrets)
            said.append(done.stdout + done.stderr)
            assert "config.token" in said[-1]
    for text in said:
        for secret in (TOKEN, PASSWORD, key, "another-token-entirely"):
            assert secret not in text
    missing = folder.run("plan", HANDBOOK_TOKEN=TOKEN)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert f"{folder.path}/secrets.yaml:20: the environment variable CRM_PASSWORD is not set" in missing.stderr


def test_a_secret_that_reads_like_json_breaks_none(folder: Folder) -> None:
    folder.write("secrets.yaml", SECRETS)
    plan = parsed(folder.process("plan", "-o", "json", HANDBOOK_TOKEN="true", CRM_PASSWORD="null"))
    found = {one["name"]: one["change"] for one in plan["resource_changes"]}
    assert found["handbook"]["after"]["config"] == {"token": "(sensitive)"}
    assert found["handbook"]["after_sensitive"] == {"config": {"token": True}}


def test_v_logs_requests_and_vv_decisions_on_standard_error(folder: Folder) -> None:
    quiet = folder.run("plan")
    assert quiet.stderr == ""
    loud = folder.run("plan", "-v")
    assert sorted(line.split()[:3] for line in loud.stderr.splitlines()) == [
        ["GET", "/v1/connector-accounts", "200"],
        ["GET", "/v1/connector-instances", "200"],
        ["GET", "/v1/org", "200"],
    ]
    assert "req_" in loud.stderr
    folder.world.fault(system="den", route="/v1/connector-accounts", status=503, times=1)
    louder = folder.run("plan", TRUEUP_VERBOSE="2")
    assert "-- reading" in louder.stderr
    assert "-- again in " in louder.stderr
    assert louder.stdout.splitlines()[0] == loud.stdout.splitlines()[0]


def test_a_wait_for_the_window_is_one_line_in_a_log(folder: Folder) -> None:
    limited = {"code": "RATE_LIMITED", "details": {"tryAgainIn": 1700}}
    folder.world.fault(system="den", route="/v1/connector-accounts", status=401, times=1)
    folder.world.fault(system="den", route="/api/auth/get-session", status=429, body=limited)
    done = folder.run("plan")
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    assert re.fullmatch(
        r"Den's window for this key is spent \([1-9] of 600 requests by this run\)\. "
        r"Waiting until \d\d:\d\d:\d\d UTC: 2 s \(Ctrl-C is safe\)",
        line,
    )


@pytest.mark.parametrize("arguments", [[], ["-o", "json"]])
def test_those_who_wait_side_by_side_are_told_of_once(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(Console(arguments), 0, results=True)
    for seconds in (1.0, 30.0, 29.0, 30.1, 120.0):
        lines.waiting("Den asks for patience", seconds)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "Den asks for patience: 30 s (Ctrl-C is safe)",
        "Den asks for patience: 120 s (Ctrl-C is safe)",
    ]


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_reports_fit_the_width_that_is_said(folder: Folder, columns: str) -> None:
    for command in ("plan", "drift"):
        with contextlib.chdir(folder.path.parent):
            shown = inside(command, "-f", "manifests", "--state", "s", COLUMNS=columns).stdout.splitlines()
        pasted = ("Next: ", "      -> ")  # commands stay whole
        assert max(len(line) for line in shown if not line.startswith(pasted)) <= int(columns)


def test_colours_are_for_terminals_or_whoever_asks(folder: Folder) -> None:
    assert "\x1b" not in folder.run("plan").stdout
    assert "\x1b[32m" in folder.run("plan", FORCE_COLOR="1").stdout
    assert "\x1b[32m" in folder.run("plan", CLICOLOR_FORCE="1").stdout
    assert "\x1b" not in folder.run("plan", FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b" not in folder.run("plan", "--no-color", FORCE_COLOR="1").stdout


def test_a_locale_without_unicode_gets_ascii(folder: Folder) -> None:
    folder.write("more.yaml", INSTANCE.replace("NAME", "größe").replace("main", "x" * 1300))
    done = folder.process("plan", PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "..." in done.stdout
    assert "gr\\xf6\\xdfe" in done.stdout


def test_a_reader_who_leaves_stops_nothing(folder: Folder) -> None:
    command = [*TRUEUP, *folder.words("apply", "--auto-approve")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert (process.wait(PATIENCE), said) == (0, "")
    assert folder.world.instance("docs")["status"] == "active"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_an_error(folder: Folder) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*TRUEUP, *folder.words("plan")],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert done.stderr == "Cannot write to standard output: No space left on device.\n"


@pytest.mark.parametrize("debug", ["", "1"])
def test_an_error_of_ours_says_so_and_hides_secrets(debug: str, folder: Folder) -> None:
    """Makes the planner fail with a secret in its message, from outside of the program."""
    folder.write("secrets.yaml", SECRETS)
    script = (
        "import sys, trueup.engine.plan, trueup.engine.session\n"
        "def draft(*_): raise ValueError('no room for ' + sys.argv.pop() + chr(27))\n"
        "trueup.engine.session.draft = draft\n"
        "from trueup.cli import main\n"
        "sys.exit(main(sys.argv[1:-1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *folder.words("plan"), TOKEN],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "TRUEUP_DEBUG": debug, "HANDBOOK_TOKEN": TOKEN, "CRM_PASSWORD": PASSWORD},
    )
    assert done.returncode == 1
    assert "error[E999]: this is a bug in trueup " in done.stderr
    assert "ValueError: no room for (sensitive)\\x1b." in done.stderr
    assert ("Traceback" in done.stderr) is bool(debug)
    assert TOKEN not in done.stderr


def test_the_sandbox_serves_and_leaves_in_order() -> None:
    process = subprocess.Popen([*TRUEUP, "sandbox", "--preset", "golden"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready: dict[str, Any] = json.loads(process.stdout.readline())
        assert sorted(ready) == ["control", "den", "wexa"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()


def test_the_lines_of_the_sandbox_are_ready_to_paste() -> None:
    ready = {"den": {"url": "http://127.0.0.1:1", "apiKey": "a key"}, "wexa": {"url": "http://127.0.0.1:2"}}
    ready["wexa"]["apiKey"] = "wexa"
    assert exports(ready).splitlines() == [
        "export TRUEUP_DEN_URL=http://127.0.0.1:1 TRUEUP_DEN_API_KEY='a key'",
        "export TRUEUP_WEXA_URL=http://127.0.0.1:2 TRUEUP_WEXA_API_KEY=wexa",
    ]


def test_the_embedded_servers_start_with_the_command(tmp_path: Path) -> None:
    connection = "apiVersion: den.trueup.dev/v1\nkind: Connection\nmetadata: {name: default}\nspec: {url: sandbox}\n"
    (tmp_path / "den.yaml").write_text(f"{connection}---\n{ACCOUNT}")
    state = tmp_path / "state"
    done = trueup("apply", "-f", str(tmp_path), "--auto-approve", TRUEUP_STATE=str(state))
    assert done.returncode == 0, done.stderr
    assert (state / "ledger.db").exists()
    assert (state / "sandbox").is_dir()


def test_schema_is_what_is_committed() -> None:
    committed = ROOT / "schemas" / "manifest.schema.json"
    assert inside("schema").stdout == committed.read_text(encoding="utf-8")
    ascii_only = subprocess.run(
        [*TRUEUP, "schema"], capture_output=True, timeout=PATIENCE, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert ascii_only.stdout == committed.read_bytes()
