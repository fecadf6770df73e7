"""The plan as text: what is told, where it stands, how it fits a page, and what it must never show or do."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest
from declare import instance
from plans import (
    ACCOUNT,
    OLD_PASSWORD,
    PASSWORD,
    account,
    live_account,
    live_instance,
    plain,
    planned,
    sample,
)
from rich.cells import cell_len

from trueup.core.changes import MISSING, UNKNOWN, Change
from trueup.core.reasons import Reason
from trueup.core.secrets import Secret
from trueup.core.values import ListKey, Live
from trueup.engine.plan import Plan, Reading
from trueup.report import text
from trueup.report.page import Page, wrapped


def lines(plan: Plan, width: int = 100, **page: bool) -> list[str]:
    return text.render(plan, Page(width, **page), following="trueup apply -f x").splitlines()


def line(found: list[str], word: str) -> str:
    (only,) = [one for one in found if word in one]
    return only


def test_the_first_line_answers_and_the_last_ones_count_and_cost() -> None:
    found = lines(sample(), 120)
    assert found[0] == "3 of 6 declared resources differ."
    assert found[-4:-2] == [
        "1 refused step will not be applied; the rest can be.",
        "Next: trueup apply -f x",
    ]
    assert found[-2] == (
        "Plan: 1 to create, 1 to change, 0 to remove, 1 refused. 2 in sync, 1 unverifiable. "
        "1 unmanaged resource (83 % managed)."
    )
    assert found[-1] == "Cost: 7 requests, about 0.0 s (588 of this key's 600 left). Read with 12 requests, 4.3 s."


def test_each_thing_has_its_symbol_its_place_and_what_is_sent() -> None:
    found = lines(sample(), 120)
    assert line(found, "+ den/ConnectorInstance/handbook").endswith("  handbook.yaml:1")
    assert line(found, "~ den/ConnectorInstance/docs").endswith("  patch, enable (keeps 1 server key)")
    assert "disabled -> active" in line(found, "      status ")
    assert '"main" -> "release"' in line(found, "config.branch")
    assert line(found, "config.branch").endswith("docs.yaml:1")
    assert "! den/ConnectorInstance/legacy" in "\n".join(found)
    assert "acme -> cac_01m8000000000000000000beta" in line(found, "connectorAccount  ")
    assert "refused: an instance cannot change its account" in "\n".join(found)
    assert "? wexa/Connector/crm" in "\n".join(found)
    assert "den/ConnectorInstance stray" in line(found, "Unmanaged")


def test_what_is_unmanaged_below_something_is_told_with_it() -> None:
    place = ListKey("den", "default", "ConnectorTarget")
    lives = [
        Live("ConnectorTarget", f"ctg_{name}", name, {"connectorInstance": parent})
        for name, parent in (("acme/docs", "cin_docs"), ("acme/stray", "cin_stray"), ("acme/else", "cin_else"))
    ]
    plan = sample()
    plan = replace(plan, unmanaged=(*plan.unmanaged, *((place, live) for live in lives)))
    assert "; den/ConnectorTarget acme/docs (of instance docs), acme/else (of instance cin_else), " in (
        said := line(lines(plan, 300), "Unmanaged")
    )
    assert "acme/stray (of instance stray)" in said
    assert "den/ConnectorInstance stray;" in said


def test_a_created_one_is_told_with_its_fields_and_without_what_its_name_says_already() -> None:
    found = "\n".join(lines(sample(), 120))
    assert 'connectorAccount acme, remoteId "acme/handbook", status disabled, autoImportNewPlugins false' in found
    assert "name handbook" not in found


def test_an_account_that_is_still_to_be_made_goes_by_its_name() -> None:
    found = "\n".join(lines(planned([account(), instance("docs")], [])))
    assert "connectorAccount acme" in found


def test_silence_when_there_is_nothing_to_say() -> None:
    plan = planned([account(), instance("docs", status="active")], [live_account(), live_instance("docs")])
    assert lines(plan) == ["In sync: 2 of 2. 12 requests, 4.3 s."]


def test_nothing_declared_is_said_so() -> None:
    assert lines(planned([], [])) == ["No resources are declared. 12 requests, 4.3 s."]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_line_fits_the_page_and_nothing_is_lost_to_the_place(width: int) -> None:
    wide = instance("wide", config={"branch": "日本語のブランチ" * 9, "list": list(range(80)), "text": "a b " * 90})
    plan = sample()
    more = planned([wide], [live_account(), live_instance("wide", config={"branch": "本" * 70, "text": "a b " * 89})])
    plan = replace(plan, steps=plan.steps + more.steps)
    found = lines(plan, width)
    assert max(map(cell_len, found)) <= width
    assert "disabled -> active" in "\n".join(found)
    assert "…" not in "\n".join(found)


@pytest.mark.parametrize("width", [40, 60, 120])
def test_a_long_value_is_broken_over_lines_and_whole(width: int) -> None:
    old, new = "old-words-without-a-space-" * 8, f"{'one word and another, ' * 9}end"
    plan = planned(
        [account(), instance("docs", config={"text": new}), instance("new", config={"text": new})],
        [live_account(), live_instance("docs", config={"text": old})],
    )
    found = lines(plan, width)
    assert max(map(cell_len, found)) <= width
    text = "".join("".join(found).split())
    assert f'"{old}"->"{new.replace(" ", "")}"' in text
    assert text.count(new.replace(" ", "")) == 2
    (field,) = [number for number, one in enumerate(found) if "config.text " in one and one.endswith("docs.yaml:1")]
    assert found[field + 1].startswith('           "old-words')


def test_a_value_of_too_many_lines_is_cut_and_says_where_it_is_whole() -> None:
    plan = planned(
        [account(), instance("docs", config={"text": "declared " * 500})],
        [live_account(), live_instance("docs", config={"text": "live " * 3})],
    )
    found = lines(plan, 80)
    assert len(found) < 30
    assert "        (cut short; `trueup plan -o json` shows it whole)" in found
    assert '           "live live live "' in found
    assert sum("declared declared" in one for one in found) == 10


def test_a_place_on_a_line_of_its_own_is_deeper_than_what_it_belongs_to() -> None:
    plan = planned(
        [account(), instance("docs", config={"text": "x" * 30})],
        [live_account(), live_instance("docs", config={"text": "y" * 30})],
    )
    (step,) = plan.steps
    changes = tuple(replace(one, path=("config", "k" * 40)) for one in step.changes)
    found = lines(replace(plan, steps=(replace(step, changes=changes),)), 60)
    (place,) = [one for one in found if one.endswith("docs.yaml:1")]
    assert place.strip() == "docs.yaml:1"
    assert cell_len(place) - len("docs.yaml:1") > 6


def test_what_stands_for_a_value_is_never_cut() -> None:
    label = ("config", "k" * 44)
    plan = planned(
        [account(), instance("docs", config={"text": "x"})],
        [live_account(), live_instance("docs", config={"text": "y"})],
    )
    for value in (MISSING, UNKNOWN):
        step = replace(plan.steps[0], changes=(Change(label, value, "z" * 60),))
        assert repr(value) in "\n".join(lines(replace(plan, steps=(step,)), 60))


def test_a_part_of_what_is_live_says_nothing_of_what_is_declared_nowhere() -> None:
    plan = replace(sample(), whole=False)
    shown = "\n".join(lines(plan, 120))
    assert "managed" not in shown.lower()
    assert "% managed" not in shown


def test_what_is_refused_alone_is_not_to_be_applied() -> None:
    plan = planned(
        [account(), instance("legacy", connectorAccount="cac_01m8000000000000000000beta")],
        [live_account(), live_instance("legacy")],
    )
    found = lines(plan)
    assert not [one for one in found if one.startswith("Next: ")]
    assert "Nothing can be applied: every step is refused, for the reasons above." in " ".join(found)


def test_a_narrower_page_keeps_what_differs_in_sight() -> None:
    shared = "the same words again and again, " * 60
    plan = planned(
        [account(), instance("docs", config={"text": f"{shared}ONE{shared}"})],
        [live_account(), live_instance("docs", config={"text": f"{shared}TWO{shared}"})],
    )
    found = "\n".join(lines(plan, 80))
    assert "TWO" in found
    assert "ONE" in found
    assert found.count("again") < 200


def test_a_server_cannot_steer_the_terminal() -> None:
    nasty = "\x1b[2J\x1b]0;owned\x07\r\n\u202e\u200b\x9b31m\ud800"
    plan = planned(
        [account(), instance("docs", config={"text": "fine"})],
        [live_account(nasty, "cac_1", "9"), live_account(), live_instance("docs", config={"text": nasty})],
    )
    shown = "\n".join(lines(plan))
    assert shown.replace("\n", "").isprintable()
    assert "\\u001b[2J" in shown
    assert "\\x1b[2J" in line(lines(plan), "Unmanaged")
    shown.encode()


def test_secrets_are_told_to_differ_and_never_shown() -> None:
    plan = planned(
        [account(), instance("docs", config={"token": Secret(PASSWORD), "note": f"it is {PASSWORD}"})],
        [live_account(), live_instance("docs", config={"token": OLD_PASSWORD, "note": ""})],
    )
    shown = "\n".join(lines(plan))
    assert "(sensitive, changed)" in shown
    assert "it is (sensitive)" in shown
    assert PASSWORD not in shown
    assert OLD_PASSWORD not in shown


def test_colours_only_repeat_what_is_there() -> None:
    colored = text.render(sample(), Page(100, color=True))
    assert colored != plain(colored)
    assert plain(colored) == text.render(sample(), Page(100))


def test_without_unicode_there_is_none_of_ours() -> None:
    long = instance("docs", config={"text": "x" * 5000})
    shown = text.render(planned([account(), long], [live_account(), live_instance("docs")]), Page(80, unicode=False))
    assert shown.isascii()
    assert "..." in shown


def test_what_a_run_cannot_do_is_named() -> None:
    plan = replace(sample(), off=(Reason("managed-not-seen", count=1_200),))
    assert line(lines(plan, 120), "Note:") == (
        "Note: 1,200 of the managed resources cannot be seen with this credential, and may exist."
    )


def test_a_key_that_left_the_manifest_is_told_as_removed() -> None:
    from trueup.core.records import Record

    record = Record("den:x", "cin_docs", "den/ConnectorInstance/docs", owned=[["config", "old"]])
    plan = planned(
        [account(), instance("docs", config={"branch": "main"})],
        [live_account(), live_instance("docs", config={"branch": "main", "old": 1})],
        records={"cin_docs": record},
    )
    assert " -> (removed)" in line(lines(plan), "config.old")


def test_few_of_many_unmanaged_are_named() -> None:
    strays = [live_instance(f"stray-{number}") for number in range(30)]
    plan = planned([account(), instance("new")], [live_account(), *strays])
    told = " ".join(lines(plan))
    assert told.count("stray-") == text.NAMED
    assert "30 unmanaged resources (3 % managed)" in told


def test_waits_for_the_window_are_part_of_the_cost() -> None:
    wanted = [account(), *(instance(f"i{number}") for number in range(20))]
    plan = planned(wanted, [live_account()], reading=Reading(2, 0.2, 3, 600, 60.0))
    assert "with waits for the request window (3 of this key's 600 left)" in " ".join(lines(plan))


def test_a_reference_to_what_nobody_declared_goes_by_its_live_name() -> None:
    plan = planned(
        [account(), instance("docs")],
        [
            live_account(),
            live_account("other", "cac_01m800000000000000000other", "2"),
            live_instance("docs", connectorAccount="cac_01m800000000000000000other"),
        ],
    )
    assert ACCOUNT not in "\n".join(lines(plan))
    assert "other -> acme" in "\n".join(lines(plan))


@pytest.mark.parametrize("width", range(8, 70))
def test_a_number_and_its_unit_are_on_one_line(width: int) -> None:
    text = "12 live resources are declared nowhere (68 % managed). Took 1.5 s and 1,234 requests, 3 min for 99 % of it."
    lines = wrapped(text, width)
    assert "".join(lines) == text
    for line, following in itertools.pairwise(lines):
        assert not (re.search(r"(?:^|[ (])[\d.,]*\d $", line) and re.match(r"[a-z%]", following))
