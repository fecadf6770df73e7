"""The demo: from declared YAML to converged, drifted, explained and healed, over real HTTP. Run by `script/demo`.

Every command is shown before it runs, and its exit code and its effect are checked: what a plan says in its JSON, and
what an apply did at the servers themselves. The exit code is 0 only when every step did what it said.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
TRUEUP: Final = os.path.relpath(Path(sys.executable).with_name("trueup"), ROOT)
MANIFESTS: Final = "examples/quickstart/acme"
ADDRESSES: Final = {"docs": "den/ConnectorInstance/docs", "handbook": "den/ConnectorInstance/handbook"}
CONNECTOR: Final = "68063653fc2e1fb859700011"
"""The id of `crm` in the preset `demo`, which reads `ready` when it was set to `active`."""
PATIENCE: Final = 30.0
"""Seconds after which a step that does not end has failed."""


class Failed(Exception):
    """A step did not do what it said."""


class Demo:
    """The story: what was shown and checked so far, and the servers that it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {name: text for name, text in os.environ.items() if not name.startswith("TRUEUP_")}
        self.sandbox: dict[str, Any] = {}

    def tell(self) -> None:
        """All of it."""
        say("Every line that begins with $ can be run by hand, from this folder.")
        title("Den and Wexa, embedded, as a process of their own")
        with self.served():
            title("What is declared")
            self.trueup("validate", "-f", MANIFESTS)
            self.expect("nothing was sent", self.ask("control", "/requests")["total"], 0)

            title("What would be done")
            self.trueup("plan", "-f", MANIFESTS)
            self.expect("6 to create, 1 to change", self.summary(), {"create": 6, "update": 1})

            title("Do it")
            self.trueup("apply", "-f", MANIFESTS, "--auto-approve")
            self.expect(
                "Den has them", self.statuses(), {"docs": "active", "handbook": "active", "pricing": "disabled"}
            )

            self.expect("Wexa has it", self.ask("wexa", f"/connector/{CONNECTOR}")["status"], "ready")

            title("Once more: there is nothing left to do")
            self.trueup("plan", "-f", MANIFESTS, "--detailed-exitcode")
            self.expect("no changes", self.summary(), {"unchanged": 7})

            title("Behind our back: GitHub takes a repository away, and a person disables an instance")
            self.upstream({"type": "repository-removed", "repository": "acme/docs"})
            change = {"kind": "connector-instance", "name": "handbook", "set": {"status": "disabled"}}
            self.upstream({"type": "person", **change})
            disabled = {"docs": "disabled", "handbook": "disabled", "pricing": "disabled"}
            self.expect("both are disabled", self.statuses(), disabled)

            title("What has drifted (exit code 2 says that something has)")
            self.trueup("drift", "-f", MANIFESTS, code=2)
            self.expect("both are found, and nothing else", self.drifted(), sorted(ADDRESSES.values()))

            title("Heal")
            self.trueup("apply", "-f", MANIFESTS, "--auto-approve")
            self.expect(
                "both are active again",
                self.statuses(),
                {"docs": "active", "handbook": "active", "pricing": "disabled"},
            )

            title("In sync again")
            self.trueup("drift", "-f", MANIFESTS)
            self.trueup("plan", "-f", MANIFESTS, "--detailed-exitcode")
            self.expect("no changes", self.summary(), {"unchanged": 7})

            title("Leave")

    @contextmanager
    def served(self) -> Iterator[None]:
        """The servers for as long as the block lasts; they have to leave with exit code 0."""
        ready = self.folder / "sandbox.json"
        command = [TRUEUP, "sandbox", "--preset", "demo"]
        say(f"$ {shlex.join(command)} > {shlex.quote(str(ready))} &")
        with ready.open("wb") as output:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=output)
        try:
            self.sandbox = self._ready(process, ready)
            for name in ("den", "wexa"):
                self._export(f"TRUEUP_{name.upper()}_URL", self.sandbox[name]["url"])
                self._export(f"TRUEUP_{name.upper()}_API_KEY", self.sandbox[name]["apiKey"])
            self._export("TRUEUP_STATE", str(self.folder / "state"))
            yield
            say(f"$ kill {process.pid}")
            process.send_signal(signal.SIGTERM)
            self.expect("the sandbox left in order", process.wait(PATIENCE), 0)
        finally:
            process.kill()
            process.wait()

    def _ready(self, process: subprocess.Popen[bytes], path: Path) -> dict[str, Any]:
        """What the servers print once they answer."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and process.poll() is None:
            text = path.read_text()
            if text.endswith("\n"):
                found: dict[str, Any] = json.loads(text)
                return found
            time.sleep(0.05)
        raise Failed(f"the sandbox did not start (exit code {process.poll()})")

    def _export(self, name: str, value: str) -> None:
        self.environment[name] = value
        say(f"$ export {name}={shlex.quote(value)}")

    def trueup(self, *arguments: str, code: int = 0) -> None:
        """Shows a command, runs it, and checks its exit code."""
        command = [TRUEUP, *arguments]
        say(f"$ {shlex.join(command)}")
        done = subprocess.run(command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, timeout=PATIENCE)
        if done.returncode != code:
            raise Failed(f"{shlex.join(command)} ended with exit code {done.returncode}, and not with {code}")

    def read(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> Any:
        """The JSON that a command prints."""
        command = [TRUEUP, *arguments, "-f", MANIFESTS, "-o", "json"]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE
        )
        if done.returncode not in codes:
            raise Failed(f"{shlex.join(command)}: exit code {done.returncode}: {done.stderr.decode()}")
        return json.loads(done.stdout)

    def summary(self) -> dict[str, int]:
        """What the plan counts, save what nobody declared and what there is none of."""
        counts: dict[str, int] = self.read("plan")["summary"]
        return {name: count for name, count in counts.items() if count and name != "unmanaged"}

    def drifted(self) -> list[str]:
        """The addresses of what has drifted."""
        return sorted(one["address"] for one in self.read("drift", codes=(2,))["resource_drift"])

    def statuses(self) -> dict[str, str]:
        """The status of each instance of ours, as Den itself tells it."""
        items = self.ask("den", "/v1/connector-instances?q=acme/")["items"]
        return {item["name"]: item["status"] for item in items if item["remoteId"].startswith("acme/")}

    def upstream(self, change: dict[str, Any]) -> None:
        """Something happens to the servers from outside."""
        url, body = f"{self.sandbox['control']}/upstream", json.dumps(change)
        say(f"$ curl --silent --show-error {url} --data {shlex.quote(body)}")
        say("  " + json.dumps(self.ask("control", "/upstream", body.encode())))

    def ask(self, server: str, path: str, body: bytes | None = None) -> Any:
        """The JSON that a server answers, asked without trueup and, since it may be missing, without curl."""
        where = self.sandbox[server]
        url, key = (where, "") if isinstance(where, str) else (where["url"], where["apiKey"])
        request = urllib.request.Request(url + path, body, {"content-type": "application/json", "x-api-key": key})
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Says that something is as it should be. Raises Failed when it is not."""
        if found != wanted:
            raise Failed(f"{what}? It is {found}, and should be {wanted}")
        say(f"  checked: {what}")


def say(text: str) -> None:
    """One line, at once: what follows may come from another process."""
    print(text, flush=True)


def title(text: str) -> None:
    """A step of the story begins."""
    say(f"\n# {text}")


def _stopped(number: int, _: object) -> NoReturn:
    raise SystemExit(128 + number)  # unlike the signal itself this lets `finally` end the sandbox


def main() -> int:
    """Tells the story; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stopped)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="trueup-demo-") as folder:
        try:
            Demo(Path(folder)).tell()
        except (Failed, OSError, subprocess.TimeoutExpired) as error:
            print(f"\ndemo: FAILED: {error}", file=sys.stderr)
            return 1
    say(f"\nEvery step did what it said, in {time.monotonic() - began:.0f} s.")
    say("Your turn; `url: sandbox` in this folder starts a sandbox by itself:")
    say(f"$ {TRUEUP} plan -f examples/quickstart")
    return 0


if __name__ == "__main__":
    sys.exit(main())
