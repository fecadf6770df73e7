"""A Pulumi program in Python that declares what `program.json` says, in the words of a YAML program.

Copied beside a Pulumi.yaml as `__main__.py`, so that the same tests run programs of both languages.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pulumi

_REFERENCE = re.compile(r"\$\{([\w-]+)(\.id)?\}")


class Declared:
    """The resources so far, by name, and each made when it is first referred to."""

    def __init__(self, program: dict[str, Any]) -> None:
        self._program = program["resources"]
        self._made: dict[str, pulumi.Resource] = {}

    def made(self, name: str) -> Any:
        """The resource of that name."""
        if name not in self._made:
            one = self._program[name]
            properties = {key: self.value(value) for key, value in one.get("properties", {}).items()}
            options = self._options(one.get("options", {}))
            if one["type"].startswith("pulumi:providers:"):
                self._made[name] = pulumi.ProviderResource(one["type"].rpartition(":")[2], name, properties, options)
            else:
                self._made[name] = pulumi.CustomResource(one["type"], name, properties, options)
        return self._made[name]

    def value(self, given: Any) -> Any:
        """A value with references as outputs, and secrets as such."""
        if isinstance(given, dict) and "fn::secret" in given:
            return pulumi.Output.secret(self.value(given["fn::secret"]))
        if isinstance(given, dict):
            return {key: self.value(one) for key, one in given.items()}
        if isinstance(given, list):
            return [self.value(one) for one in given]
        if not isinstance(given, str) or not _REFERENCE.search(given):
            return given
        names = _REFERENCE.findall(given)
        if _REFERENCE.fullmatch(given):
            return self.made(names[0][0]).id
        return pulumi.Output.format(_REFERENCE.sub("{}", given), *(self.made(name).id for name, _ in names))

    def _options(self, given: dict[str, Any]) -> pulumi.ResourceOptions:
        def resource(text: str) -> Any:
            return self.made(text[2:-1])

        return pulumi.ResourceOptions(
            import_=given.get("import"),
            protect=given.get("protect"),
            ignore_changes=given.get("ignoreChanges"),
            retain_on_delete=given.get("retainOnDelete"),
            delete_before_replace=given.get("deleteBeforeReplace"),
            replace_on_changes=given.get("replaceOnChanges"),
            aliases=[pulumi.Alias(name=one["name"]) for one in given.get("aliases", ())],
            depends_on=[resource(one) for one in given.get("dependsOn", ())],
            provider=resource(given["provider"]) if "provider" in given else None,
        )


def main() -> None:
    """Declares everything."""
    program = json.loads(Path("program.json").read_text())
    declared = Declared(program)
    for name in program["resources"]:
        declared.made(name)
    for name, given in program["outputs"].items():
        pulumi.export(name, declared.value(given))


if __name__ == "__main__":
    main()
