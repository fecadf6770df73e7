"""Wexa's part of the command line: the option `--project`, and its additions to the help."""

from trueup.systems.command_line import CommandLine

_PROJECT = "68063653fc2e1fb859700001"

COMMAND_LINE = CommandLine(
    "wexa",
    "Wexa",
    variable=("PROJECT", "the only project that may be managed, if no Connection is declared"),
    option=(
        "project",
        "A project of Wexa (24 hex digits); may be repeated. Default: the projects in the manifests.",
    ),
    kinds=("connectors",),
    address="wexa/Connector/crm",
    examples={
        "get": (f"trueup get connectors --project {_PROJECT} -o json",),
        "import": (f"trueup import wexa -o connectors --project {_PROJECT}",),
    },
    by_default="connectors",
    below="for connectors a project",
    include_config="Wexa's configuration is never shown.",
)
