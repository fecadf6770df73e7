"""Den's part of the command line: `events`, `sync`, and its additions to the help."""

from trueup.systems.command_line import CommandLine, SystemArgument, SystemCommand, SystemOption
from trueup.systems.den.sync_words import STATUSES, TYPES

_COMMANDS = "trueup.systems.den.commands"
_EVENTS = f"{_COMMANDS}.events"
_SYNC = f"{_COMMANDS}.sync"
_LINE = f"{_COMMANDS}.events_report:render_line"
_LINE_JSON = f"{_COMMANDS}.events_report:render_line_json"

_EVENTS_EXAMPLES = """\
trueup events
trueup events --status failed --since 3d
trueup events --instance docs --target acme/docs --limit 10
trueup events --instance docs --follow
trueup events -o json | jq -r '.events[] | select(.status == "failed") | .id'
trueup events retry cse_01m81v3twxe7h8v31twm11s4tc"""

_RETRY_EXAMPLES = """\
trueup events retry cse_01m81v3twxe7h8v31twm11s4tc
trueup events retry $(trueup events --status failed -o json | jq -r '.events[].id')"""

_SYNC_EXAMPLES = """\
trueup sync docs
trueup sync docs --wait
trueup sync docs --target acme/docs --wait --timeout 30m
trueup sync cin_01m81v3ease06trjtbs5xy81nx -o json"""

_RETRY = SystemCommand(
    "retry",
    "",
    """Queue sync events again.

    Works from any status, including a sync that hangs while running and blocks its target. Requires the role editor for
    the instance of the event.
    """,
    run=f"{_EVENTS}:retry",
    check=f"{_EVENTS}:check_retry",
    shows="retried",
    renders={
        "text": {"retried": f"{_COMMANDS}.sync_report:render_retried"},
        "json": {"retried": f"{_COMMANDS}.sync_report:render_retried_json"},
    },
    arguments=(SystemArgument("ids", "ID…", several=True),),
    examples=_RETRY_EXAMPLES,
)

_EVENT_LIST = SystemCommand(
    "events",
    "List Den's sync events, newest first, or retry some.",
    """List Den's sync events, newest first, or retry some.

    Each row has the start time of a sync, its status, instance, type, id and outcome. With --follow, the oldest event
    comes first, and with -o json each event is one line. Nothing is changed, except by retry.
    """,
    run=f"{_EVENTS}:events",
    check=f"{_EVENTS}:check",
    shows="events",
    renders={
        "text": {
            "events": f"{_COMMANDS}.events_report:render",
            "event": _LINE,
        },
        "json": {
            "events": f"{_COMMANDS}.events_report:render_json",
            "event": _LINE_JSON,
        },
    },
    options=(
        SystemOption(("--instance",), "Only events of this instance of Den.", metavar="NAME_OR_ID"),
        SystemOption(
            ("--target", "--target-id"),
            "Only events of this target: its remote id within --instance, or its id (ctg_…).",
            metavar="REMOTE_ID_OR_ID",
        ),
        SystemOption(("--type",), "Only events of this type.", name="kind", choices=TYPES),
        SystemOption(("--status",), "Only events in this status.", choices=STATUSES),
        SystemOption(
            ("-q", "--query"),
            "Only events whose delivery or commit contains this text, in any case.",
            name="text",
            metavar="TEXT",
        ),
        SystemOption(
            ("--since",),
            "Only events since then: 90m, 2h, 3d, a day such as 2026-11-20 (from 00:00 UTC), or a time in RFC 3339.",
            type="time",
            metavar="WHEN",
        ),
        SystemOption(
            ("--limit",), "Only the newest N events. Default: 50, or all with --since.", type="count", metavar="N"
        ),
        SystemOption(
            ("--follow",),
            "Keep running, and print each new event and each change of a status, until Ctrl-C.",
            type="flag",
            section="How",
        ),
    ),
    examples=_EVENTS_EXAMPLES,
    subcommands=(_RETRY,),
    stray="Pass an instance with --instance, and files and folders with -f.",
)

_SYNC_NOW = SystemCommand(
    "sync",
    "Start a sync of an instance in Den.",
    """Start a sync of an instance in Den.

    INSTANCE is its name in Den, or its id (cin_…). Den skips busy targets; --wait waits for those as well. Exits with 0
    if all syncs were completed, or ignored because auto-import is off, and with 1 if one failed, was partial, or did
    not end in time.
    """,
    run=f"{_SYNC}:sync",
    check=f"{_SYNC}:check",
    shows="sync",
    renders={
        "text": {"sync": f"{_COMMANDS}.sync_report:render", "event": _LINE},
        "json": {
            "sync": f"{_COMMANDS}.sync_report:render_json",
            "event": _LINE_JSON,
        },
    },
    arguments=(SystemArgument("instance", "INSTANCE"),),
    options=(
        SystemOption(
            ("--target",),
            "Only this target: its remote id, or its id (ctg_…); even if another sync of it is running.",
            metavar="REMOTE_ID_OR_ID",
        ),
        SystemOption(("--wait",), "Wait until each sync has ended, and print its outcome.", type="flag", section="How"),
        SystemOption(
            ("--timeout",),
            "The longest wait: 90s, 10m, 2h. Default: 10m",
            name="at_most",
            type="duration",
            metavar="TIME",
            section="How",
        ),
    ),
    examples=_SYNC_EXAMPLES,
)

COMMAND_LINE = CommandLine(
    "den",
    "Den",
    variable=("ORGANIZATION", "the organisation that the key must belong to, if no Connection is declared"),
    kinds=("accounts", "instances", "targets", "mappings", "access"),
    address="den/ConnectorInstance/docs",
    examples={
        "get": (
            "trueup get instances",
            "trueup get instances --filter status=disabled --filter account=acme",
            "trueup get instance docs -o yaml",
            "trueup get targets --below docs",
            "trueup get mappings --below docs/acme/docs",
        ),
        "import": (
            "trueup import den -o connectors",
            "trueup import den -o connectors --filter account=acme --filter status=active",
            "trueup import den -o connectors --with targets,mappings,access --include-config",
        ),
    },
    by_default="accounts and instances",
    below="for targets and access an instance, by name or id; for mappings a target, by id or INSTANCE/REMOTEID",
    along="Also write targets, mappings or access of the instances, separated by commas. Takes one request per "
    "instance, and for mappings one per target as well.",
    include_config="Include config and metadata of Den, except what looks like a secret.",
    commands=(_EVENT_LIST, _SYNC_NOW),
)
