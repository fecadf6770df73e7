"""Count the inputs of `tests/failing`, each of which failed once, that still fail."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import grpc
import httpx

from bench.failing_provider import CHECKS as PROVIDER_CHECKS
from bench.figure import Figure
from bench.servers import Servers, serving

INPUTS = Path(__file__).parents[1] / "tests" / "failing"
CANARY = "canary"
GOAL = 0.0
_PATIENCE = 60.0
_LINEAR = 7.0
"""Allowed CPU time for four times the documents, as a factor; quadratic time takes sixteen."""


class Case:
    """An input in a folder of its own, with fresh servers."""

    def __init__(self, servers: Servers, folder: Path) -> None:
        self.servers = servers
        self.folder = folder
        self.url = servers.ready["den"]["url"]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "TRUEUP_DEN_URL": self.url,
            "TRUEUP_DEN_API_KEY": servers.ready["den"]["apiKey"],
            "TRUEUP_WEXA_URL": servers.ready["wexa"]["url"],
            "TRUEUP_WEXA_API_KEY": servers.ready["wexa"]["apiKey"],
            "CONTROL": str(servers.control.base_url).rstrip("/"),
        }

    def run(self, *words: str, stdin: bytes = b"", more: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Return the exit code of `trueup` and its whole output."""
        done = subprocess.run(
            [sys.executable, "-m", "trueup", *words],
            cwd=self.folder,
            env={**self.environment, **(more or {})},
            input=stdin,
            capture_output=True,
            timeout=_PATIENCE,
        )
        return done.returncode, (done.stdout + done.stderr).decode()

    def fault(self, *faults: Any) -> None:
        """Inject faults into the servers."""
        self.servers.control.post("/faults", json=list(faults)).raise_for_status()

    def instances(self) -> dict[str, Any]:
        """Return the instances in Den by id."""
        found: dict[str, Any] = self.servers.state()["tables"].get("den.connectorInstances", {})
        return found

    def crm(self) -> Any:
        """Return the configuration that Wexa received."""
        rows = self.servers.state()["tables"]["wexa.connectors"].values()
        return next(row["data_loader_config"] for row in rows if row["sourceName"] == "crm")


def measure() -> Figure:
    """Try every folder; an input that cannot be tried here counts as failed."""
    wrong = {name: why for name, check in CHECKS.items() if (why := _tried(name, check))}
    missing = {path.name for path in INPUTS.iterdir() if path.is_dir()} - set(CHECKS)
    detail = "; ".join(f"{name}: {why}" for name, why in sorted(wrong.items())) or f"all of {len(CHECKS)} are right"
    assert not missing, missing
    return Figure("failing", len(wrong), 0, GOAL, "inputs", "figure", detail)


def _tried(name: str, check: Callable[[Case], None]) -> str:
    with serving("demo") as servers, tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        if (INPUTS / name).is_dir():
            shutil.copytree(INPUTS / name, where, dirs_exist_ok=True)
        try:
            began = time.monotonic()
            check(Case(servers, where))
            print(f"bench: {name} is right, {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError, httpx.HTTPError, grpc.RpcError) as error:
            return " ".join(f"{type(error).__name__} {error}".split())[:300]
    return ""


def _joined(case: Case) -> None:
    both = (case.folder / "one.yaml").read_bytes() + (case.folder / "two.yaml").read_bytes()
    code, said = case.run("validate", "-f", "-", stdin=both)
    assert code == 0, said


def _marked_secret(case: Case) -> None:
    code, said = case.run("apply", "-f", "wexa.yaml", "--auto-approve")
    assert code == 0, said
    assert case.crm()["auth"] == {"password": "canary-of-a-password"}
    (case.folder / "password.txt").write_bytes("canary-of-a-password\r\n".encode("utf-16"))
    code, said = case.run("apply", "-f", "wexa.yaml", "--auto-approve")
    assert (code, "UTF-16" in said, "UTF-8" in said) == (1, True, True), said


def _dangling(case: Case) -> None:
    def took(count: int) -> float:
        made = subprocess.run([sys.executable, "make.py", str(count)], cwd=case.folder, capture_output=True, check=True)
        (case.folder / "den.yaml").write_bytes(made.stdout)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        assert case.run("validate", "-f", "den.yaml")[0] == 1
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before

    small, large = took(2500), took(10_000)
    assert large < _LINEAR * small, (small, large)


def _disk_full(case: Case) -> None:
    with _small_disk(case.folder / "disk") as disk:
        words = ("-f", "den.yaml", "--state", str(disk / "state"))
        document = "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
        (case.folder / "den.yaml").write_text(document + 'spec: {remoteId: "1001", displayName: acme}\n')
        assert case.run("apply", *words, "--auto-approve")[0] == 0
        with contextlib.suppress(OSError), (disk / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        code, said = case.run("plan", *words)
        assert "Move it aside" not in said, said
        assert code == 0 or "disk is full" in said, said


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True)
    assert done.returncode == 0, "no small disk can be mounted here"
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def _feff(case: Case) -> None:
    code, said = case.run("apply", "-f", "den.yaml", "--auto-approve")
    if code == 1:
        assert "E105" in said, said
        return
    assert code == 0, said
    assert case.run("plan", "-f", "den.yaml", "--detailed-exitcode")[0] == 0


def _paused(case: Case) -> None:
    done = subprocess.run(
        ["sh", "try.sh"], cwd=case.folder, env=case.environment, capture_output=True, text=True, timeout=5 * _PATIENCE
    )
    assert done.stdout.strip().splitlines()[-1] == "0", done.stdout + done.stderr


def _proxies(case: Case) -> None:
    document = "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
    (case.folder / "den.yaml").write_text(document + 'spec: {remoteId: "1001", displayName: acme}\n')
    remote = {"TRUEUP_DEN_URL": "https://den.example.test", "TRUEUP_DEN_API_KEY": "x"}
    for variables in (
        {"ALL_PROXY": "socks5://127.0.0.1:9"},
        {"all_proxy": "socks://127.0.0.1:9"},
        {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "localhost,[::1]"},
        {"HTTPS_PROXY": "http://127.0.0.1:port"},
        {"SSL_CERT_FILE": "/nonexistent.pem"},
        {"SSL_CERT_FILE": "/etc/hostname"},
        {"SSLKEYLOGFILE": "/nonexistent/x", "HTTPS_PROXY": "http://127.0.0.1:9"},
        {"HTTPS_PROXY": "http://user:sw0rd#fish99@127.0.0.1:9"},
    ):
        code, said = case.run("plan", "-f", "den.yaml", more={**remote, **variables})
        assert (code, "E999" in said, "sw0rd" in said, "fish99" in said) == (1, False, False, False), (variables, said)
        assert any(name in said for name in variables), (variables, said)
        code, said = case.run("plan", "-f", "den.yaml", more=variables)
        assert code == 0, (variables, said)


def _read_only(case: Case) -> None:
    with _small_disk(case.folder / "disk") as disk:
        words = ("-f", str(_account(case)), "--state", str(disk))
        assert case.run("apply", *words, "--auto-approve")[0] == 0
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for command in (("plan", *words), ("drift", *words), ("ledger", "show", "--state", str(disk))):
            code, said = case.run(*command)
            assert code == 0, (command, said)


def _account(case: Case) -> Path:
    path = case.folder / "den.yaml"
    document = "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: acme}\n"
    path.write_text(document + 'spec: {remoteId: "1001", displayName: acme}\n')
    path.chmod(0o644)
    return path


def _rename_chain(case: Case) -> None:
    for chain in ("chain.yaml", "chain-by-annotation.yaml"):
        state = case.servers.state()
        assert case.run("apply", "-f", "before.yaml", "--auto-approve", "--state", chain + ".d")[0] == 0
        before = {row["name"]: key for key, row in case.instances().items()}
        code, said = case.run("apply", "-f", chain, "--auto-approve", "--state", chain + ".d")
        assert code == 0, said
        after = {key: (row["name"], row["remoteId"]) for key, row in case.instances().items()}
        assert after[before["a"]] == ("b", "acme/a"), after
        assert after[before["b"]] == ("c", "acme/b"), after
        assert len(after) == len(before)
        case.servers.restore(state)


def _clock_skew(case: Case) -> None:
    for hours in (1, -1):
        now = datetime.now(UTC) + timedelta(hours=hours)
        headers = {
            "date": format_datetime(now, usegmt=True),
            "retry-after": format_datetime(now + timedelta(seconds=3), usegmt=True),
        }
        case.fault({"system": "den", "status": 429, "times": 1, "headers": headers})
        began = time.monotonic()
        code, said = case.run("plan", "-f", str(_account(case)))
        assert code == 0, said
        assert 1.5 < time.monotonic() - began < 30, (hours, said)


def _secret_by_lines(case: Case) -> None:
    for name in ("fault-lf.json", "fault-one-line.json"):
        for words in ((), ("-o", "json"), ("-vv",)):
            faults = (case.folder / name).read_bytes()
            case.servers.control.delete("/faults")
            case.servers.control.post("/faults", content=faults).raise_for_status()
            code, said = case.run("apply", "-f", "wexa.yaml", "--auto-approve", *words)
            assert (code, CANARY in said) == (1, False), said


def _surrogates(case: Case) -> None:
    code, said = case.run("validate", "-f", "den.yaml")
    assert code == 0, said


def _utf16_lengths(case: Case) -> None:
    for name in ("den.yaml", "blank.yaml"):
        code, said = case.run("validate", "-f", name)
        assert (code, "E105" in said) == (1, True), (name, said)


def _tilde(case: Case) -> None:
    (case.folder / "home").mkdir()
    home = {"HOME": str(case.folder / "home")}
    path = str(_account(case))
    code, said = case.run(
        "apply", "-f", path, "--auto-approve", more={**home, "TRUEUP_LEDGER": "~/ledger.db", "TRUEUP_STATE": "~/st"}
    )
    assert (code == 0 and (case.folder / "home" / "ledger.db").exists()) or code == 1, said
    case.run("import", "den", "-o", "~/conn", more=home)
    assert not (case.folder / "~").exists()


def _waits(case: Case) -> None:
    path = str(_account(case))
    code, said = case.run("plan", "-f", path, "-v", more={"TRUEUP_DEN_URL": "http://127.0.0.1:9"})
    assert (code, "den asks to wait" in said) == (1, False), said
    code, said = case.run(
        "plan", "-f", path, more={"TRUEUP_DEN_URL": "https://den.example.test", "HTTPS_PROXY": "http://127.0.0.1:9"}
    )
    assert (code, "HTTPS_PROXY" in said) == (1, True), said
    code, said = case.run("plan", "-f", path, more={"TRUEUP_DEN_URL": f"{case.url}/v1"})
    assert (code, "url" in said.lower()) == (1, True), said


def _whole_float(case: Case) -> None:
    case.servers.control.put("/wexa", json={"config": "absent"}).raise_for_status()
    document = (case.folder / "wexa.yaml").read_text()
    (case.folder / "wexa.yaml").write_text(
        document.replace("{username: reader}", "{username: {valueFrom: {env: SOME_USER}}}")
    )
    user = {"SOME_USER": "reader-of-all"}
    (case.folder / "whole.yaml").write_text((case.folder / "wexa.yaml").read_text().replace("200.0", "200"))
    assert case.run("apply", "-f", "whole.yaml", "--auto-approve", more=user)[0] == 0
    code, said = case.run("plan", "-f", "wexa.yaml", "--detailed-exitcode", more=user)
    assert code == 0, said
    assert type(case.crm()["batch_size"]) is int


def _yaml12(case: Case) -> None:
    code, said = case.run("validate", "-f", "den.yaml")
    assert (code, said.count("E113")) == (1, 5), said


def _of_provider(name: str) -> Callable[[Case], None]:
    return lambda case: PROVIDER_CHECKS[name](case.environment, case.folder)


CHECKS: dict[str, Callable[[Case], None]] = {
    "bom-between-documents": _joined,
    "bom-in-secret-file": _marked_secret,
    "dangling-references-quadratic": _dangling,
    "disk-full-hint": _disk_full,
    "grpc-behind-http-proxy": _of_provider("grpc-behind-http-proxy"),
    "name-ends-in-feff": _feff,
    "paused-run-writes-on": _paused,
    "proxy-and-ca-variables": _proxies,
    "pulumi-name-double-colon": _of_provider("pulumi-name-double-colon"),
    "pulumi-number-loses-digits": _of_provider("pulumi-number-loses-digits"),
    "readonly-ledger": _read_only,
    "rename-chain": _rename_chain,
    "retry-after-clock-skew": _clock_skew,
    "secret-by-lines": _secret_by_lines,
    "surrogates-in-json": _surrogates,
    "text-longer-in-utf16": _utf16_lengths,
    "tilde-in-variables": _tilde,
    "waits-in-dens-name": _waits,
    "whole-float": _whole_float,
    "yaml12-numbers": _yaml12,
}
