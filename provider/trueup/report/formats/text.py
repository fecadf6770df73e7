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
    },
    for_people=True,
)
