"""An apply that is killed at a request of its own loses nothing and repeats nothing, wherever that is.

Here every seventh request is one to be killed at, in each of three ways; `script/bench crash-points` takes all of them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import crashes, manifests_crash
from trials import tried

STRIDE = 7


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[crashes.Trial]:
    folder = tmp_path_factory.mktemp("crash")
    with tried(folder, manifests_crash.write(folder)) as trial:
        yield trial


@pytest.mark.timeout(300)
@pytest.mark.parametrize("phase", crashes.PHASES)
def test_a_kill_at_a_request(trial: crashes.Trial, phase: crashes.Phase) -> None:
    trial.restore()
    assert trial.apply() == 0, trial.said()
    good, requests = crashes.Picture.of(trial), trial.proxy.passed
    assert requests > 100
    assert good.owned["open"] == good.owned["locks"] == 0
    assert good.owned["gone"] == []
    first = 1 + crashes.PHASES.index(phase) * 2
    for at in range(first, requests + 1, STRIDE):
        wrong = crashes.killed(trial, at, phase, good)
        assert not wrong, (at, phase, wrong, trial.said())


def test_what_was_found_out_is_told(trial: crashes.Trial) -> None:
    trial.restore()
    assert trial.apply(60, "after") == -9
    assert trial.owned()["open"] > 0
    assert trial.run("plan", "-f", str(trial.after)) == 0
    assert "was interrupted with" in trial.said()
    assert trial.owned()["open"] > 0  # a plan changes nothing
    assert trial.apply() == 0
    assert trial.owned()["open"] == 0


def test_what_is_open_and_declared_no_more_is_ours_all_the_same(trial: crashes.Trial, tmp_path: Path) -> None:
    """The kill comes right after an instance was made; then its document goes, and --prune has to find it."""
    trial.restore()
    for at in range(20, 60):
        trial.restore()
        assert trial.apply(at, "after") == -9
        made = [row for row in trial.live()["servers"]["den.connectorInstances"] if '"new-0"' in row]
        owned = trial.owned()["addresses"]
        if made and "den/ConnectorInstance/new-0" not in owned:
            break
    else:
        pytest.skip("no request of this run was the one")
    less = [part for part in trial.after.read_text().split("---\n") if "new-0" not in part and "n-0" not in part]
    shorter = tmp_path / "less.yaml"
    shorter.write_text("---\n".join(less))
    command = ("apply", "-f", str(shorter), "--prune", "--max-delete-percent", "60", "--auto-approve")
    assert trial.run(*command) == 0, trial.said()
    (row,) = [row for row in trial.live()["servers"]["den.connectorInstances"] if '"new-0"' in row]
    assert '"archived"' in row


INTERRUPTED = re.compile(r"Run r-\S+ \(.*, started .* UTC\) was interrupted with ([\d,]+) calls? open: (.*?)\.\s")


def told(trial: crashes.Trial) -> tuple[int, int, int]:
    """Return the calls that a plan reports as open, as having taken effect, and as not having taken effect."""
    assert trial.run("plan", "-f", str(trial.after)) == 0, trial.said()
    said = " ".join(trial.said().split()) + " "
    found = INTERRUPTED.search(said)
    assert found is not None, said
    effects = re.fullmatch(r"(\d+) had taken effect, (\d+) had not", found[2])
    assert effects is not None, found[2]
    return int(found[1]), int(effects[1]), int(effects[2])


HEAD = "apiVersion: den.trueup.dev/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n---\n"
MANY = 12


def account_and(instances: str) -> str:
    return HEAD.format("ConnectorAccount", "many", '{remoteId: "4711", displayName: many}') + instances


@pytest.mark.timeout(300)
@pytest.mark.parametrize("phase", crashes.PHASES)
def test_calls_are_counted_one_by_one(trial: crashes.Trial, phase: crashes.Phase, tmp_path: Path) -> None:
    """A creation and the verb of its status are two calls, and several steps are in flight at once."""
    spec = "{connectorAccount: many, status: disabled, config: {branch: main}}"
    file = tmp_path / "many.yaml"
    file.write_text(account_and("".join(HEAD.format("ConnectorInstance", f"many-{n}", spec) for n in range(MANY))))
    one = dataclasses.replace(trial, after=file)
    seen = set()
    for at in (6, 9, 12, 17, 22):
        one.restore()
        assert one.run("apply", "-f", str(file), "--auto-approve", at=at, phase=phase) == -9
        (made, disabled, _), (calls, happened, absent) = at_rest(one)
        done = made + disabled
        noted = finished(one)
        assert (happened + noted, calls) == (done, happened + absent), (at, one.said())
        seen.add((made, disabled))
    assert any(made > disabled > 0 for made, disabled in seen)  # otherwise the test shows nothing
    one.restore()


def at_rest(trial: crashes.Trial) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return how many of those instances are created, disabled and without `depth`, and the counts of a plan.

    Calls that were in flight when the run was killed take effect afterwards.
    """
    for _ in range(10):
        before, said = effects(trial), told(trial)
        if effects(trial) == before:
            return before, said
    raise AssertionError("the servers do not come to rest")


def effects(trial: crashes.Trial) -> tuple[int, int, int]:
    tables = trial.control.get("/state").json()["tables"]
    rows = [row for row in tables["den.connectorInstances"].values() if row["name"].startswith("many-")]
    disabled = sum(row["status"] == "disabled" for row in rows)
    return len(rows), disabled, sum("depth" not in (row["instanceConfigJson"] or {}) for row in rows)


def finished(trial: crashes.Trial) -> int:
    """Return the calls on those instances whose outcome the killed run recorded itself."""
    with contextlib.closing(sqlite3.connect(trial.folder / "ledger.db")) as database:
        query = "select count(*) from intents where state = 'done' and address like '%/many-%'"
        return int(database.execute(query).fetchone()[0])


@pytest.mark.parametrize("phase", crashes.PHASES)
def test_changes_are_counted_by_what_they_wrote(trial: crashes.Trial, phase: crashes.Phase, tmp_path: Path) -> None:
    """A patch, a patch that removes a key, and a verb: the effect of each is determined by comparing values."""
    file = tmp_path / "many.yaml"
    first = "{connectorAccount: many, config: {branch: main, depth: 3}}"
    then = ("{connectorAccount: many, config: {branch: main}}", "{connectorAccount: many, status: disabled}")
    file.write_text(account_and("".join(HEAD.format("ConnectorInstance", f"many-{n}", first) for n in range(4))))
    one = dataclasses.replace(trial, after=file)
    one.restore()
    assert one.run("apply", "-f", str(file), "--auto-approve") == 0, one.said()
    state, kept = one.control.get("/state").json(), (one.folder / "ledger.db").read_bytes()
    file.write_text(account_and("".join(HEAD.format("ConnectorInstance", f"many-{n}", then[n % 2]) for n in range(4))))
    for at in (4, 6, 8, 10, 12):
        assert one.control.put("/state", json=state).status_code == 200
        (one.folder / "ledger.db").write_bytes(kept)
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (one.folder / name).unlink(missing_ok=True)
        if one.run("apply", "-f", str(file), "--auto-approve", at=at, phase=phase) != -9:
            break
        if not one.owned()["open"]:
            continue
        (_, disabled, patched), (calls, happened, absent) = at_rest(one)
        assert (happened + finished(one), calls) == (patched + disabled + 4, happened + absent), (at, one.said())
    one.restore()


@pytest.mark.parametrize("phase", ["before", "after"])
def test_what_is_to_be_replaced_is_not_what_replaces_it(
    trial: crashes.Trial, phase: crashes.Phase, tmp_path: Path
) -> None:
    """The one deleted first has the natural key of the one created then: killed before that, neither had happened."""
    file = tmp_path / "replaced.yaml"
    spec = "{{connectorTarget: t, mappingKind: {}, selector: 'm-{}/**', objectType: skill}}"
    above = account_and(HEAD.format("ConnectorInstance", "many-0", "{connectorAccount: many}"))
    above += HEAD.format("ConnectorTarget", "t", "{connectorInstance: many-0, remoteId: acme/t}")

    def write(how: str) -> None:
        file.write_text(
            above + "".join(HEAD.format("ConnectorMapping", f"m-{n}", spec.format(how, n)) for n in range(6))
        )

    def kinds() -> list[str]:
        tables = one.control.get("/state").json()["tables"]
        return sorted(row["mappingKind"] for row in tables["den.connectorMappings"].values() if "m-" in row["selector"])

    one = dataclasses.replace(trial, after=file)
    one.restore()
    write("path")
    assert one.run("apply", "-f", str(file), "--auto-approve") == 0, one.said()
    write("api")
    words = ("apply", "-f", str(file), "--auto-approve", "--parallelism", "1")
    assert one.run(*words, at=8, phase=phase) == -9
    for _ in range(10):
        before, (calls, happened, absent) = kinds(), told(one)
        if kinds() == before:
            break
    gone, made = 6 - before.count("path"), before.count("api")
    assert 0 < gone < 6, "otherwise the test shows nothing"
    assert (calls, happened) == (happened + absent, gone + made), one.said()
    assert one.run("apply", "-f", str(file), "--auto-approve") == 0, one.said()
    assert kinds() == ["api"] * 6
    one.restore()
