"""Text for people, as wide as their terminal."""

from trueup.report.format import Format

FORMAT = Format(
    "text",
    "text/plain",
    {
        "plan": "trueup.report.planned:render",
        "drift": "trueup.report.drift:render",
        "applied": "trueup.report.applied:render",
        "valid": "trueup.report.faults:render_sound",
        "failure": "trueup.report.failure:render",
        "imported": "trueup.report.imported:render",
        "ledger": "trueup.report.ledger:render",
        "locks": "trueup.report.ledger:render_locks",
        "forgotten": "trueup.report.ledger:render_forgotten",
        "events": "trueup.report.events:render",
        "event": "trueup.report.events:render_line",
        "sync": "trueup.report.syncs:render",
        "retried": "trueup.report.syncs:render_retried",
    },
    for_people=True,
)
