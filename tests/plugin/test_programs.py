"""The examples in each language on the real engine, with the SDKs that are committed, and that these are fresh."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from engine import BUILT, PROVIDER, Stack, path
from repository import ROOT
from world import INSTANCES, World, names

pytestmark = pytest.mark.timeout(400)  # each starts the engine several times, and one asks npm
EXAMPLES = ROOT / "examples"
KEPT = ("pulumi:pulumi:Stack", "pulumi:providers:trueup", "trueup:index:ConfigFile")


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python SDK, installed as pip does it: the folder for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("sdk")
    source = shutil.copytree(ROOT / "sdk" / "python", folder / "source")
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder / "installed"), str(source)]
    subprocess.run([sys.executable, *words], check=True, timeout=100)
    return str(folder / "installed")


def example(name: str, folder: Path, runtime: str, **environment: str) -> Stack:
    """A copy of an example as a stack, against the sandbox of the test rather than the embedded one."""
    stack = Stack(folder / name, runtime=runtime, **environment)
    for source in (EXAMPLES / name).iterdir():
        if source.name != "node_modules":
            shutil.copy(source, stack.folder)
    return stack


def provided(stack: Stack) -> None:
    """The example's own Pulumi.yaml, with the provider of this clone and the servers of the test."""
    program = yaml.safe_load((stack.folder / "Pulumi.yaml").read_text())
    (provider,) = program["plugins"]["providers"]
    assert provider["path"].endswith("provider/bin")
    provider["path"] = str(PROVIDER)
    assert program.pop("config") == {f"trueup:{system}Url": {"value": "sandbox"} for system in ("den", "wexa")}
    (stack.folder / "Pulumi.yaml").write_text(yaml.safe_dump(program, sort_keys=False))
    stack.run("stack", "select", "--create", stack.name)


def lives(stack: Stack, world: World, count: int) -> None:
    """Up, no changes, an outside change that is healed, destroy."""
    said = stack.run("up", "--yes", "--skip-preview")
    assert len([one for one in stack.export().values() if one["type"] not in KEPT]) == count, said
    stack.run("preview", "--expect-no-changes")
    stack.run("refresh", "--preview-only", "--expect-no-changes")
    world.person("runbooks", instanceConfigJson={"branch": "hotfix", "path": "docs"})
    assert '~ branch: "hotfix" => "main"' in stack.run("preview", "--refresh", "--diff")
    stack.run("up", "--yes", "--skip-preview", "--refresh")
    assert world.instance("runbooks")["instanceConfigJson"]["branch"] == "main"
    assert "made-up-for-the-sandbox" not in stack.run("stack", "export")
    stack.run("destroy", "--yes", "--skip-preview")
    assert world.instance("runbooks")["status"] == "archived"


@pytest.mark.parametrize("folder", ["examples/pulumi-yaml", "."])
def test_the_program_in_yaml(world: World, tmp_path: Path, folder: str) -> None:
    stack = Stack(tmp_path / "yaml")
    shutil.copy(ROOT / folder / "Pulumi.yaml", stack.folder)
    provided(stack)
    lives(stack, world, 7)


def test_the_program_in_python(world: World, tmp_path: Path, sdk: str) -> None:
    stack = example("pulumi-python", tmp_path, "python", PYTHONPATH=sdk)
    provided(stack)
    lives(stack, world, 7)


def test_manifests_in_a_program(world: World, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES / "organisation", tmp_path / "organisation")
    stack = example("pulumi-manifests", tmp_path, "python")
    provided(stack)
    said = stack.run("up", "--yes", "--skip-preview")
    assert "exclusive, which Pulumi does not see to" in said
    lives(stack, world, 15)


def test_the_automation_api_with_an_inline_program(world: World, tmp_path: Path, sdk: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """
import sys
import pulumi
from pulumi import automation
from pulumi_trueup import den

def program():
    account = den.ConnectorAccount("acme", remote_id="1001", display_name="acme")
    made = den.ConnectorInstance("inline", connector_account=account.id, config={"branch": sys.argv[1]})
    found = den.get_connector_instance_output(id=made.id)
    pulumi.export("name", found.name)

stack = automation.create_or_select_stack("dev", "inline", program)
done = stack.up()
print(done.summary.resource_changes, done.outputs["name"].value)
again = stack.preview()
print({str(getattr(key, "value", key)): count for key, count in again.change_summary.items()})
"""
    )
    stack = Stack(tmp_path / "inline", PYTHONPATH=sdk)
    environment = {**stack.environment, "PATH": f"{PROVIDER}{os.pathsep}{stack.environment['PATH']}"}
    for branch, change in (("main", "'create': 3"), ("next", "'update': 1")):
        done = subprocess.run(
            [sys.executable, str(program), branch], env=environment, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == 0, done.stderr
        assert change in done.stdout
        assert "inline" in done.stdout
        assert "{'same': 3}" in done.stdout
    assert world.instance("inline")["instanceConfigJson"] == {"branch": "next"}


@pytest.mark.slow
def test_the_program_in_typescript(world: World, tmp_path: Path) -> None:
    places = path()
    npm, host = shutil.which("npm"), shutil.which("pulumi-language-nodejs", path=places)
    if npm is None or host is None:
        pytest.skip("there is no Node.js here, or no host for it; script/bootstrap --pulumi builds the host")
    stack = example("pulumi-typescript", tmp_path, "nodejs")
    provided(stack)
    sdk = shutil.copytree(ROOT / "sdk" / "nodejs", tmp_path / "sdk")

    def run(folder: Path, *words: str) -> None:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=110)
        assert done.returncode == 0, done.stdout + done.stderr

    package = json.loads((stack.folder / "package.json").read_text())
    package["dependencies"]["@trueup/pulumi"] = f"file:{sdk}/bin"
    (stack.folder / "package.json").write_text(json.dumps(package))
    run(sdk, npm, "install", "--no-audit", "--no-fund")
    run(sdk, "node_modules/.bin/tsc", "--strict")
    shutil.copy(sdk / "package.json", sdk / "bin")
    run(stack.folder, npm, "install", "--install-links", "--no-audit", "--no-fund")
    run(stack.folder, "node_modules/.bin/tsc", "--strict", "--noEmit")
    lives(stack, world, 7)
    assert "pricing" in names(world.rows(INSTANCES))


def test_the_sdks_are_those_of_the_schema(tmp_path: Path) -> None:
    if not (BUILT / "trueup-generate-sdk").exists():
        pytest.skip("the SDK generator is not built; script/bootstrap --pulumi builds it")
    command = [ROOT / "tools" / "pulumi" / "generate.sh", ROOT / "schemas" / "pulumi.schema.json", tmp_path]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    for language in ("python", "nodejs"):
        tracked = subprocess.run(
            ["git", "ls-files", f"sdk/{language}"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split()
        made = sorted(str(one.relative_to(tmp_path)) for one in (tmp_path / language).rglob("*") if one.is_file())
        assert sorted(one.removeprefix("sdk/") for one in tracked) == made
        for name in made:
            assert filecmp.cmp(tmp_path / name, ROOT / "sdk" / name, shallow=False), name
