"""The additions of Desk to the command line: `trueup cards`, and its part of the help."""

from trueup.systems.command_line import CommandLine, SystemArgument, SystemCommand, SystemOption

COMMAND_LINE = CommandLine(
    "desk",
    "Desk",
    variable=("WORKSPACE", "the workspace that the token has to belong to, when no Connection is declared"),
    kinds=("boards", "cards"),
    address="desk/Board/roadmap",
    examples={"get": ("trueup get cards --below roadmap",), "import": ("trueup import desk -o boards",)},
    by_default="boards",
    below="for cards a board",
    along="Also write cards of the boards.",
    commands=(
        SystemCommand(
            "cards",
            "List the cards of a board of Desk.",
            """List the cards of a board of Desk.

            BOARD is its name. Nothing is changed.
            """,
            run="desk_trueup.commands:cards",
            shows="cards",
            renders={
                "text": {"cards": "desk_trueup.commands:render"},
                "json": {"cards": "desk_trueup.commands:render_json"},
            },
            arguments=(SystemArgument("board", "BOARD"),),
            options=(SystemOption(("--done",), "Only those that are done.", type="flag"),),
            examples="trueup cards roadmap --done",
        ),
    ),
)
