"""One JSON document, in Terraform's names where it has them."""

from trueup.report.format import Format

FORMAT = Format(
    "json",
    "application/json",
    {
        "plan": "trueup.report.planned:render_json",
        "drift": "trueup.report.drift:render_json",
        "applied": "trueup.report.applied:render_json",
        "valid": "trueup.report.faults:render_sound_json",
        "failure": "trueup.report.failure:render_json",
        "imported": "trueup.report.imported:render_json",
        "live": "trueup.report.got:render_json",
        "ledger": "trueup.report.ledger:render_json",
        "locks": "trueup.report.ledger:render_locks_json",
        "forgotten": "trueup.report.ledger:render_forgotten_json",
    },
)
