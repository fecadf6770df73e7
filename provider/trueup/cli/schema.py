"""`trueup schema`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.cli.options import Command

if TYPE_CHECKING:
    from trueup.cli.console import Console

_EXAMPLES = """\
trueup schema > manifest.schema.json
trueup schema docs > reference.md
trueup schema pulumi > schema.json

# first line of a manifest, for editors with the YAML language server:
# yaml-language-server: $schema=manifest.schema.json"""


@click.command("schema", cls=Command, examples=_EXAMPLES)
@click.argument("what", type=click.Choice(["manifest", "docs", "pulumi"]), default="manifest")
@click.pass_obj
def command(console: Console, what: str) -> int:
    """Print the manifest schema, the Pulumi schema, or the reference of all kinds.

    `manifest` is JSON Schema (draft 7) for one document; `docs` is a Markdown page; `pulumi` is the package schema that
    SDKs are generated from.
    """
    if what == "pulumi":
        from trueup.plugin.schema import schema_text as pulumi_schema

        console.out.document(pulumi_schema())
    elif what == "docs":
        from trueup.report import reference
        from trueup.systems.registry import KINDS

        console.out.print(reference.render(KINDS))
    else:
        from trueup.manifest.schema import schema_text

        console.out.document(schema_text())
    return 0
