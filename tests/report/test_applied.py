"""The end of an apply: a truthful account of what was done, what was not, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from plans import PASSWORD, sample

from trueup.core.errors import ApiError, Refused
from trueup.core.reasons import Reason
from trueup.core.secrets import Secret
from trueup.engine.apply import Outcome, Report
from trueup.report import applied
from trueup.report.applied import Applied
from trueup.report.page import Page


def account_of(*results: str, **more: Any) -> Report:
    """A report of the sample plan's steps that are not no-ops, in the plan's order, with those results."""
    steps = [step for step in sample().steps if step.action != "no-op"]
    assert [step.address.name for step in steps] == ["docs", "handbook", "legacy"]
    report = Report(requests=5, seconds=1.1, **more)
    for step, result in zip(steps, results, strict=True):
        outcome = Outcome(step, result)  # type: ignore[arg-type]
        if result in ("done", "contended"):
            outcome.made = [call.verb for call in step.calls]
            outcome.live, outcome.verified = step.live, result == "done"
        report.outcomes.append(outcome)
    return report


def shown(report: Report) -> str:
    return applied.render(Applied(report, sample(), "trueup plan"), Page(100))


def test_what_went_well_is_only_counted() -> None:
    report = account_of("done", "done", "refused")
    report.outcomes.pop()
    assert shown(report) == "Applied: 1 created, 1 changed, all verified. 5 requests, 1.1 s."
    assert report.exit_code == 0


def test_a_failure_tells_how_far_it_came_and_the_request() -> None:
    report = account_of("failed", "done", "refused")
    report.outcomes[0].made = ["patch"]
    report.outcomes[0].error = Refused("POST /x answered 400: no.", request_id="req_1", status=400)
    text = shown(report)
    assert "! den/ConnectorInstance/docs  failed after patch" in text
    assert "POST /x answered 400: no. (request req_1)" in text
    assert "Not sent, 1 (refused; see the plan for the reasons):\n    den/ConnectorInstance/legacy" in text
    assert text.splitlines()[-2:] == [
        "Next: trueup plan",
        "Applied in part: 1 created, 0 changed, 1 failed, 1 refused, all verified. 5 requests, 1.1 s.",
    ]
    (docs, handbook, legacy) = json.loads(applied.render_json(Applied(report, sample())))["outcomes"]
    assert (docs["result"], docs["verbs"], docs["error"]["request_id"]) == ("failed", ["patch"], "req_1")
    assert (handbook["result"], handbook["verified"]) == ("done", True)
    assert legacy["refused"].startswith("an instance cannot change its account")


def test_a_stop_lists_what_was_not_sent() -> None:
    report = account_of("done", "stopped", "refused", stopped=True, unverified=Reason("stopped-before-verification"))
    report.outcomes[0].verified = False
    text = shown(report)
    assert "Not sent, 1 (stopped):\n    den/ConnectorInstance/handbook" in text
    assert "Unverified: stopped before the changes were verified" in text
    assert text.splitlines()[-1].startswith("Stopped: 0 created, 1 changed, 1 refused, 1 not done, 0 verified.")
    assert json.loads(applied.render_json(Applied(report, sample())))["exit_code"] == 4


def test_what_depends_on_a_failure_is_told_with_it() -> None:
    report = account_of("failed", "skipped", "refused")
    report.outcomes[0].error = ApiError("it broke.")
    report.outcomes[1].error = ApiError("it depends on den/ConnectorInstance/docs, which was not applied.")
    assert "(it depends on den/ConnectorInstance/docs, which was not applied):" in shown(report)
    assert shown(report).splitlines()[-1].startswith("Not applied:")


def test_what_somebody_undid_is_contended_with_both_values() -> None:
    text = shown(account_of("contended", "done", "refused"))
    assert "! den/ConnectorInstance/docs  changed by someone else during the apply, twice" in text
    assert 'config.branch  declared "release", live "main"' in text
    assert "1 contended" in text


def test_a_ledger_that_does_not_know_is_told() -> None:
    assert "Not in the ledger: the disk is full" in shown(
        account_of("done", "done", "refused", unrecorded=Reason("not-recorded", error="the disk is full"))
    )


def test_no_secret_is_told() -> None:
    Secret(PASSWORD)
    report = account_of(
        "failed", "done", "refused", unverified=Reason("not-verified", error=f"x {PASSWORD}", remedy=None)
    )
    report.outcomes[0].error = ApiError(f"it said {PASSWORD}")
    assert PASSWORD not in shown(report)
    assert PASSWORD not in applied.render_json(Applied(report, sample()))


def test_what_was_refused_alone_is_not_sent_to_plan_again() -> None:
    plan = sample()
    plan = replace(plan, steps=tuple(step for step in plan.steps if step.action == "refuse"))
    report = Report([Outcome(plan.steps[0], "refused")])
    text = applied.render(Applied(report, plan, "trueup plan"), Page(100))
    assert "Next: " not in text
    assert "Not sent, 1 (refused; see the plan for the reasons)" in text


def test_many_that_were_not_sent_are_not_all_listed() -> None:
    report = account_of("stopped", "stopped", "refused", stopped=True)
    report.outcomes = [report.outcomes[0]] * 50
    assert "    and 30 more" in shown(report).splitlines()
