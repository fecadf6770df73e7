"""Every fault of one document: its exact place, its code, what it says and what it advises."""

from __future__ import annotations

import pytest
from faulty import (
    CONNECTION,
    CONNECTOR,
    ROWS,
    SECRETS,
    faults_of,
    instance,
)


@pytest.mark.parametrize("name", ROWS)
def test_a_fault_is_told_where_it_is_and_with_what_to_do(name: str) -> None:
    row = ROWS[name]
    found = faults_of(row.text)

    assert [(f"{fault.line}:{fault.column}", fault.code) for fault in found] == [(row.place, row.code)]
    (fault,) = found
    assert fault.file == "<stdin>"
    assert row.message in fault.message
    assert row.hint in fault.hint


@pytest.mark.parametrize("name", ROWS)
def test_every_fault_says_what_to_do(name: str) -> None:
    for fault in faults_of(ROWS[name].text):
        assert fault.hint[0].isupper() or fault.hint.startswith("did you mean ")
        assert fault.hint.endswith((".", "?"))
        assert not fault.message.endswith(".")


@pytest.mark.parametrize("name", ROWS)
def test_the_excerpt_is_the_line_and_the_width_is_within_it(name: str) -> None:
    row = ROWS[name]
    lines = [*row.text.split("\n"), ""]
    for fault in faults_of(row.text):
        assert fault.width >= 1
        if fault.excerpt:
            assert fault.excerpt == lines[fault.line - 1][:200].replace("\t", " ").replace("\x1b", " ")
            assert fault.column + fault.width - 1 <= len(fault.excerpt) + 1  # an empty value stands behind its line


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_shown(name: str) -> None:
    row = SECRETS[name]
    for fault in faults_of(row.text):
        assert bool(fault.excerpt) == row.excerpt
        assert "hunter2" not in repr(fault)


@pytest.mark.parametrize(
    "text",
    [
        CONNECTION + "  {apiKey: hunter2, tmieout: 5}\n",
        CONNECTION + "  {tmieout: 5, apiKey: hunter2, timeout: x}\n",
        CONNECTION + "  apiKye: hunter2\n",
        CONNECTION + "  apiKey: 'hunter2\n",
        CONNECTION + "  apiKey: hunter2: b\n",
        CONNECTION + "  apiKey: &a hunter2\n  token: *a\n",
        CONNECTION + "  apiKey: !x hunter2\n",
        CONNECTION + "  apiKey: {valueFrom: {exec: {command: hunter2}}}\n",
        CONNECTION + "  apiKey:\n    - hunter2\n    - b: [hunter2\n",
        instance("  config:\n    password: |\n      hunter2\n      more: hunter2\n    x: [\n"),
        instance("  status: https://a:hunter2@b\n"),
        instance("  ghp_hunter2hunter2: 1\n"),
        instance(account="connectorAccount: ghp_hunter2hunter2"),
        instance("  name: 5\n", name="{name: docs, labels: {password: hunter2}, annotations: {x: 1}}"),
        instance("  password: hunter2\n  password: hunter2\n"),
        CONNECTOR + "  dataLoaderConfig: {source: 5, batchSize: x, auth: {a: hunter2, b: hunter2}}\n",
    ],
)
def test_a_secret_is_not_shown_by_the_faults_around_it(text: str) -> None:
    assert "hunter2" in text
    for fault in faults_of(text):
        assert "hunter2" not in repr(fault)
