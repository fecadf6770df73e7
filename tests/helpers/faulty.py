"""Manifests with one fault each: its place, its code, the message and the advice that are expected."""

from __future__ import annotations

import io
from typing import NamedTuple

import pytest

from trueup.core.errors import Fault, ManifestError
from trueup.manifest import load

ACCOUNT = """\
apiVersion: den.trueup.dev/v1
kind: ConnectorAccount
metadata: {name: acme}
spec: {remoteId: "1001", displayName: acme}
---
"""
INSTANCE = (
    ACCOUNT
    + """\
apiVersion: den.trueup.dev/v1
kind: ConnectorInstance
metadata: {name: docs}
spec:
  connectorAccount: acme
"""
)
"""Ends on line 10; what a row adds begins on line 11."""
CONNECTION = """\
apiVersion: den.trueup.dev/v1
kind: Connection
metadata: {name: default}
spec:
"""
"""Ends on line 4."""
ACCESS = """\
apiVersion: den.trueup.dev/v1
kind: ConnectorAccess
metadata: {name: ann}
spec:
  connectorInstance: cin_01m81v3dzpec9b6q80jhy1r3kd
  role: viewer
"""
"""Ends on line 6."""
CONNECTOR = """\
apiVersion: wexa.trueup.dev/v1
kind: Connector
metadata: {name: crm}
spec:
  projectId: 68063653fc2e1fb8597c7700
"""
"""Ends on line 5."""


class Row(NamedTuple):
    """A manifest with one fault."""

    text: str
    place: str
    code: str
    message: str
    hint: str
    excerpt: bool = True


def instance(lines: str = "", **changed: str) -> str:
    """An instance with further lines, and with parts of it changed."""
    text = INSTANCE + lines
    for old, new in changed.items():
        before = {"name": "{name: docs}", "account": "connectorAccount: acme", "kind": "kind: ConnectorInstance"}[old]
        assert before in text
        text = text.replace(before, new)
    return text


YAML = {
    "syntax": Row(
        instance("  a: b: c\n"), "11:7", "E110", "mapping values are not allowed", 'Quote a value that holds ": "'
    ),
    "tab": Row(instance("\tstatus: active\n"), "11:1", "E110", "a tab character", "Indent with blanks"),
    "at sign": Row(instance("  name: @docs\n"), "11:9", "E110", "cannot start any token", 'none begins with "@"'),
    "open quote": Row(instance("  name: 'docs\n"), "12:1", "E110", "begins on line 11", "Close the quote"),
    "open bracket": Row(instance("  config: {a: [1\n"), "12:1", "E110", "begins on line 11", "Close the bracket"),
    "indentation": Row(instance("   status: active\n"), "11:10", "E110", "mapping values", "indentation"),
    "escape": Row(instance('  name: "\\q"\n'), "11:10", "E110", "unknown escape", "Double the backslash"),
    "directive": Row("%YAML 3.0\n---\n" + ACCOUNT, "1:1", "E110", "incompatible", 'Leave the "%YAML" line out'),
    "control character": Row(instance("  name: a\x1bb\n"), "11:10", "E110", "U+001B is not allowed", "\\u001b"),
    "duplicate key": Row(
        instance("  status: active\n  status: disabled\n"), "12:3", "E111", "first given on line 11", "Remove one"
    ),
    "two documents in one": Row(
        ACCOUNT.replace("---\n", "") * 2, "5:1", "E111", "a second apiVersion", 'Put a line "---" before it'
    ),
    "duplicate merge": Row(
        instance("  config: {<<: {a: 1}, <<: {b: 2}}\n"), "11:24", "E111", 'duplicate key "<<"', "Remove one"
    ),
    "number as key": Row(instance("  config: {1: a}\n"), "11:12", "E112", "the number 1", 'Quote it: "1".'),
    "word as key": Row(instance("  config: {on: a}\n"), "11:12", "E112", "the boolean true", 'Quote it: "on".'),
    "null as key": Row(instance("  config: {~: a}\n"), "11:12", "E112", "null", 'Quote it: "~".'),
    "mapping as key": Row(instance("  config: {{a: 1}: b}\n"), "11:12", "E112", "must be a text", 'Write "key: value"'),
    "tag of Python": Row(
        instance("  config: !!python/object:os.system {}\n"), "11:11", "E114", "python/object", "without a tag"
    ),
    "own tag": Row(instance("  name: !x docs\n"), "11:9", "E114", '"!x" is not allowed', "without a tag"),
    "binary": Row(instance("  name: !!binary aGVsbG8=\n"), "11:9", "E114", "binary", "without a tag"),
    "unknown alias": Row(
        instance("  config: {a: &one 1, b: *onee}\n"), "11:26", "E115", '"*onee" has no anchor', 'did you mean "*one"?'
    ),
    "recursive alias": Row(instance("  config: &a {b: *a}\n"), "11:18", "E115", "stands inside", "Write out"),
    "anchor twice": Row(instance("  config: {a: &a 1, b: &a 2}\n"), "11:24", "E115", "given twice", "Rename"),
    "depth": Row(instance("  config: " + "[" * 60 + "]" * 60), "11:59", "E116", "more than 50", "Flatten"),
    "merge of a number": Row(instance("  config: {<<: 5}\n"), "11:16", "E117", "only a mapping", "<<: *anchor"),
    "infinite": Row(instance("  config: {a: .inf}\n"), "11:15", "E118", "not a finite number", 'Quote it: ".inf".'),
    "not a number": Row(instance("  config: {a: .NaN}\n"), "11:15", "E118", "not a finite number", "Quote it"),
    "too exact": Row(
        instance("  config: {a: 12345678901234567890}\n"), "11:15", "E118", "loses digits", 'Quote it: "123456'
    ),
}
TRAPS = {
    "name no": Row(instance(name="{name: no}"), "8:18", "E113", "reads no as the boolean false", 'Quote it: "no".'),
    "name on": Row(instance(name="{name: on}"), "8:18", "E113", "reads on as the boolean true", 'Quote it: "on".'),
    "name 1.0": Row(instance(name="{name: 1.0}"), "8:18", "E103", "reads 1.0 as the number 1.0", 'Quote it: "1.0".'),
    "name 010": Row(instance(name="{name: 010}"), "8:18", "E113", "the octal number 8", 'Quote it: "010".'),
    "name date": Row(instance(name="{name: 2024-01-01}"), "8:18", "E113", "as a date", 'Quote it: "2024-01-01".'),
    "name true": Row(instance(name="{name: true}"), "8:18", "E103", "the boolean true", 'Quote it: "true".'),
    "name null": Row(instance(name="{name: ~}"), "8:18", "E103", "reads ~ as null", "Quote it"),
    "name empty": Row(instance(name="{name: }"), "8:18", "E103", "an empty value as null", "Give it"),
    "sexagesimal": Row(instance("  remoteId: 1:30\n"), "11:13", "E113", "the sexagesimal number 90", '"1:30"'),
    "moment": Row(instance("  remoteId: 2024-01-01 10:00:00\n"), "11:13", "E113", "a point in time", "Quote it"),
    "underscores": Row(instance("  remoteId: 1_000\n"), "11:13", "E113", "the number 1000", '"1_000"'),
    "binary number": Row(instance("  remoteId: 0b11\n"), "11:13", "E113", "the binary number 3", '"0b11"'),
    "label": Row(instance(name="{name: docs, labels: {tier: 1}}"), "8:39", "E103", "the number 1", 'Quote it: "1".'),
    "yes in config": Row(instance("  config: {a: yes}\n"), "11:15", "E113", "the boolean true", "Write true, or quote"),
    "date in config": Row(instance("  config: {a: 2024-01-01}\n"), "11:15", "E113", "as a date", "Quote it"),
    "exponent": Row(
        instance("  config: {a: 1e3}\n"), "11:15", "E113", "a text, YAML 1.2 as the number 1000", "Write 1000, or quote"
    ),
    "exponent in a list": Row(instance("  config: {a: [1.5e3]}\n"), "11:16", "E113", "the number 1500", '"1.5e3"'),
    "tiny": Row(instance("  config: {a: 1e-7}\n"), "11:15", "E113", "the number 1e-07", "Write 1.0e-07, or"),
    "octal of YAML 1.2": Row(instance("  config: {a: 0o17}\n"), "11:15", "E113", "the number 15", "Write 15, or"),
    "octal of YAML 1.1": Row(instance("  config: {a: 017}\n"), "11:15", "E113", "the number 17", "Write 15 or 17, or"),
    "month": Row(instance("  config: {a: 08}\n"), "11:15", "E113", "YAML 1.2 as the number 8", "Write 8, or quote"),
    "signed point": Row(instance("  config: {a: -.5}\n"), "11:15", "E113", "the number -0.5", "Write -0.5, or quote"),
    "commit": Row(
        instance("  remoteId: 12e4567\n"), "11:13", "E113", "a number without bounds", 'Quote it: "12e4567".'
    ),
    "exponent as key": Row(instance("  config: {1e3: a}\n"), "11:12", "E112", "the number 1000", 'Quote it: "1e3".'),
    "sexagesimal fraction": Row(instance("  config: {a: 1:30.5}\n"), "11:15", "E113", "number 90.5", "Write 90.5, or"),
    "digits": Row(instance("  config: {a: 0.1234567890123456789}\n"), "11:15", "E118", "loses digits", "Quote it"),
    "nothing left": Row(instance("  config: {a: 1.0e-400}\n"), "11:15", "E118", "loses digits", "Quote it"),
    "too large": Row(instance("  config: {a: 1.0e+400}\n"), "11:15", "E118", "not a finite number", "Quote it"),
    "yes as boolean": Row(
        instance("  autoImportNewPlugins: yes\n"), "11:25", "E113", "must be true or false", "Write true:"
    ),
    "off as boolean": Row(
        instance("  autoImportNewPlugins: off\n"), "11:25", "E113", "must be true or false", "Write false:"
    ),
}
SHAPE = {
    "list": Row("- a\n- b\n", "1:1", "E108", "this is a list", "Begin each document with apiVersion"),
    "text": Row("hello\n", "1:1", "E108", "a single value", "Begin each document with apiVersion"),
    "no manifest": Row("services: {}\n", "1:1", "E102", "neither apiVersion nor kind", "leave the file out"),
    "no apiVersion": Row("kind: Connector\n", "1:1", "E102", "lacks apiVersion", "Add apiVersion: wexa.trueup.dev/v1."),
    "no kind": Row(
        "apiVersion: wexa.trueup.dev/v1\n", "1:1", "E102", "lacks kind", "Add kind: Connection or Connector"
    ),
    "apiVersion": Row(
        "apiVersion: den.trueup.dev/v2\nkind: Connection\n", "1:13", "E106", '"den.trueup.dev/v2"', "den.trueup.dev/v1"
    ),
    "apiVersion a number": Row("apiVersion: 1\nkind: Connection\n", "1:13", "E103", "must be text", "Quote it"),
    "kind a list": Row("apiVersion: den.trueup.dev/v1\nkind: []\n", "2:7", "E103", "must be text", "one text"),
    "kind": Row(instance(kind="kind: ConectorInstance"), "7:7", "E107", "unknown kind", 'mean "ConnectorInstance"?'),
    "kind of the other": Row(
        instance(kind="kind: Connector"), "7:7", "E107", "belongs to wexa.trueup.dev/v1", "Write apiVersion: wexa"
    ),
    "no metadata": Row(
        instance().replace("metadata: {name: docs}\n", ""),
        "6:1",
        "E102",
        "lacks metadata",
        "Add metadata: {name: NAME}",
    ),
    "no spec": Row(
        "apiVersion: den.trueup.dev/v1\nkind: ConnectorAccount\nmetadata: {name: a}\n",
        "1:1",
        "E102",
        "lacks spec",
        "Add",
    ),
    "metadata a text": Row(instance(name="docs"), "8:11", "E103", "metadata must be a mapping", 'lines "key: value"'),
    "metadata empty": Row(
        instance().replace(" {name: docs}", ""),
        "8:10",
        "E103",
        "metadata must be a mapping",
        "Required below it: name.",
    ),
    "spec empty": Row(
        INSTANCE.rpartition("spec:")[0] + "spec:\n", "9:6", "E103", "spec must", "Required below it: connectorAccount."
    ),
    "key beside the one it is near": Row(
        instance(name="{name: docs, namespace: x}"),
        "8:24",
        "E101",
        '"namespace" in metadata',
        "Known keys are name, labels, annotations.",
    ),
    "key at the top": Row(
        instance("status: active\n"), "11:1", "E101", "at the top of ConnectorInstance", "below spec: spec.status"
    ),
    "key in metadata": Row(
        instance(name="{name: docs, lables: {}}"), "8:24", "E101", "in metadata", 'did you mean "labels"?'
    ),
    "key in spec": Row(
        instance("  stauts: active\n"), "11:3", "E101", 'unknown key "stauts" in spec', 'did you mean "status"?'
    ),
    "labels in spec": Row(instance("  labels: {}\n"), "11:3", "E101", '"labels"', "It belongs below metadata"),
    "key unlike any": Row(instance("  zzz: 1\n"), "11:3", "E101", '"zzz"', "Known keys are connectorAccount, name"),
    "no account": Row(
        instance(account="remoteId: acme/docs"), "9:1", "E102", "lacks connectorAccount", "Add connectorAccount: acme"
    ),
    "account with Id": Row(
        instance(account="connectorAccountId: acme"), "10:3", "E101", '"connectorAccountId"', '"connectorAccount"?'
    ),
}
NAMES = {
    "empty": Row(instance(name="{name: ''}"), "8:18", "E109", "metadata.name is empty", "Give it a name"),
    "slash": Row(instance(name="{name: a/b}"), "8:18", "E109", "holds a slash", 'Write "a-b"'),
    "blank at the end": Row(instance(name="{name: 'a '}"), "8:18", "E109", "blanks at an end", 'Write "a"'),
    "control": Row(instance(name='{name: "a\\eb"}'), "8:18", "E109", '"a\\x1bb" holds a control', "Remove it"),
    "long": Row(instance(name="{name: " + "a" * 254 + "}"), "8:18", "E109", "254 characters", "at most 253"),
}
VALUES = {
    "enum": Row(
        instance("  status: enabled\n"), "11:11", "E104", "active, disabled, archived", 'did you mean "active"?',
    ),
    "case": Row(instance("  status: Disabled\n"), "11:11", "E104", '"Disabled" is not one', 'did you mean "disabled"?'),
    "enum unlike any": Row(instance("  status: zzz\n"), "11:11", "E104", '"zzz"', "Write one of active, disabled"),
    "list for text": Row(instance("  status: [active]\n"), "11:11", "E103", "it is a list", "Write one text"),
    "quoted boolean": Row(
        instance('  autoImportNewPlugins: "true"\n'), "11:25", "E103", 'text "true"', "Remove the quotes",
    ),
    "null mapping": Row(instance("  config:\n"), "11:10", "E103", "config must be a mapping", "Write {}"),
    "list for mapping": Row(instance("  config: []\n"), "11:11", "E103", "it is a list", 'lines "key: value"'),
    "name with a control character": Row(
        instance('  name: "a\\eb"\n'), "11:9", "E105", '"a\\x1bb" holds a control character', "Remove it"
    ),
    "blank name": Row(instance("  name: '  '\n"), "11:9", "E105", "name is blank", "at least one character"),
    "long remoteId": Row(instance(f"  remoteId: {'a' * 256}\n"), "11:13", "E105", "256 characters", "at most 255"),
    "id": Row(instance("  id: cin_01\n"), "11:7", "E133", '"cin_01" is not an id', "Write cin_ and 26"),
    "id of an account": Row(
        instance("  id: cac_01m81v3dzpec9b6q80jhy1r3kd\n"), "11:7", "E133", "not an id of that kind", "Write cin_"
    ),
    "auto-import in config": Row(
        instance("  config: {autoImportNewPlugins: true}\n"),
        "11:12", "E152", "inside config", "spec.autoImportNewPlugins",
    ),
    "member": Row(ACCESS + "  member: not-an-email\n", "7:11", "E105", "not an e-mail address", "Write an e-mail"),
    "id of a member": Row(ACCESS + "  member: om_01\n", "7:11", "E105", '"om_01" is not an e-mail', "om_ and 26"),
    "project": Row(CONNECTOR.replace("68063653fc2e", ""), "5:14", "E133", "is not an id", "24 hexadecimal digits"),
    "project a number": Row(CONNECTOR.replace("68063653fc2e1fb8597c7700", "68"), "5:14", "E103", "number 68", '"68"'),
    "quoted number": Row(
        CONNECTOR + "  dataLoaderConfig:\n    source: a\n    batchSize: '5'\n    auth: {user: me}\n",
        "8:16", "E103", 'it is the text "5"', "Remove the quotes",
    ),
    "small": Row(
        CONNECTOR + "  dataLoaderConfig:\n    source: a\n    batchSize: 0\n    auth: {user: me}\n",
        "8:16", "E105", "batchSize is 0", "Write at least 1",
    ),
    "fraction": Row(
        CONNECTOR + "  dataLoaderConfig:\n    source: a\n    batchSize: 1.5\n    auth: {user: me}\n",
        "8:16", "E103", "a whole number", "Write a whole number",
    ),
    "no auth": Row(
        CONNECTOR + "  dataLoaderConfig:\n    source: a\n    batchSize: 1\n", "6:3", "E102", "lacks auth", "Add auth"
    ),
    "empty auth": Row(
        CONNECTOR + "  dataLoaderConfig:\n    source: a\n    batchSize: 1\n    auth: {}\n",
        "9:11", "E105", "auth is empty", "Give it",
    ),
    "status of the other": Row(CONNECTOR + "  status: disabled\n", "6:11", "E104", '"disabled"', 'mean "inactive"?'),
}  # fmt: skip
KEY = "  apiKey: {valueFrom: {env: KEY}}\n"
CONNECTIONS = {
    "http": Row(CONNECTION + KEY + "  url: http://den.example\n", "6:8", "E150", "in clear", "allowHttp: true"),
    "no scheme": Row(CONNECTION + KEY + "  url: den.example\n", "6:8", "E150", "not a URL", 'Write "https://HOST"'),
    "query": Row(CONNECTION + KEY + "  url: https://den.example?a=b\n", "6:8", "E140", "query", "Leave out", False),
    "port": Row(CONNECTION + KEY + "  url: https://den.example:x\n", "6:8", "E150", "not a URL", "Write"),
    "sandbox misspelt": Row(CONNECTION + KEY + "  url: sanbox\n", "6:8", "E150", '"sanbox"', 'did you mean "sandbox"?'),
    "two credentials": Row(
        CONNECTION + KEY + "  token: {valueFrom: {env: TOKEN}}\n", "6:10", "E151", "apiKey and token", "Remove one"
    ),
    "no credential": Row(
        CONNECTION + "  url: https://den.example\n", "4:1", "E151", "no apiKey and no token", "Add apiKey"
    ),
    "organization": Row(CONNECTION + KEY + "  organization: org_x\n", "6:17", "E133", '"org_x"', "Write org_ and 26"),
    "timeout": Row(CONNECTION + KEY + "  timeout: 0\n", "6:12", "E105", "timeout is 0", "Write more than 0"),
    "timeout as YAML 1.2": Row(
        CONNECTION + KEY + "  timeout: 1e2\n", "6:12", "E113", "reads 1e2 as a text", "Write 100."
    ),
    "concurrency": Row(
        CONNECTION + KEY + "  concurrency: 99\n", "6:16", "E105", "concurrency is 99", "Write at most 64"
    ),
    "connection of a Connection": Row(CONNECTION + KEY + "  connection: a\n", "6:3", "E101", '"connection"', ""),
}
SECRETS = {
    "literal key": Row(CONNECTION + "  apiKey: hunter2\n", "5:11", "E140", "must not be written", "valueFrom", False),
    "number as key": Row(CONNECTION + "  apiKey: 123456\n", "5:11", "E140", "must not be written", "valueFrom", False),
    "empty key": Row(CONNECTION + "  apiKey:\n", "5:10", "E141", "apiKey is a secret and is empty", "valueFrom", False),
    "URL": Row(
        CONNECTION + KEY + "  url: https://me:hunter2@den.example\n",
        "6:8", "E140", "URL with a password", "Leave", False,
    ),
    "URL with a user": Row(
        CONNECTION + KEY + "  url: https://hunter2@den.example\n",
        "6:8", "E140", "a user or a password", "Leave out", False,
    ),
    "password in config": Row(
        instance("  config: {dbPassword: hunter2}\n"), "11:24", "E140", "config.dbPassword", "valueFrom", False
    ),
    "number as password": Row(
        instance("  config: {dbPassword: 123456}\n"), "11:24", "E140", "config.dbPassword", "valueFrom", False
    ),
    "list of tokens": Row(
        instance("  config: {tokens: [hunter2]}\n"), "11:21", "E140", "config.tokens[0]", "valueFrom", False
    ),
    "token by its form": Row(
        instance("  config: {x: ghp_hunter2hunter2}\n"), "11:15", "E140", "the form of a key", "valueFrom", False
    ),
    "private key": Row(
        instance("  config:\n    x: |\n      -----BEGIN RSA PRIVATE KEY-----\n      hunter2\n"),
        "12:8", "E140", "the form of a key", "valueFrom", False,
    ),
    "URL in config": Row(
        instance("  config: {x: 'postgres://me:hunter2@host/db'}\n"),
        "11:15", "E140", "URL with a password", "valueFrom", False,
    ),
    "token in annotations": Row(
        instance(name="{name: docs, annotations: {token: hunter2}}"),
        "8:45", "E140", "annotations.token", "valueFrom", False,
    ),
    "password in auth": Row(
        CONNECTOR + "  dataLoaderConfig:\n    source: a\n    batchSize: 1\n    auth: {user: me, word: hunter2}\n",
        "9:28", "E140", "auth.word is a secret", "valueFrom", False,
    ),
    "deep in auth": Row(
        CONNECTOR + "  dataLoaderConfig:\n    source: a\n    batchSize: 1\n    auth: {user: {x: [hunter2]}}\n",
        "9:23", "E140", "auth.user.x[0] is a secret", "valueFrom", False,
    ),
    "valueFrom misspelt": Row(
        CONNECTION + "  apiKey: {valueForm: {env: X}}\n",
        "5:12", "E141", '"valueForm"', 'did you mean "valueFrom"?', False,
    ),
    "no valueFrom": Row(
        CONNECTION + "  apiKey: {env: X}\n", "5:11", "E141", "lacks valueFrom", "valueFrom: {env", False,
    ),
    "valueFrom of a text": Row(
        CONNECTION + "  apiKey: {valueFrom: hunter2}\n", "5:23", "E141", "must be a mapping", "key: value", False
    ),
    "two sources": Row(
        CONNECTION + "  apiKey: {valueFrom: {env: X, file: y}}\n", "5:23", "E141", "exactly one of", "valueFrom", False
    ),
    "no source": Row(CONNECTION + "  apiKey: {valueFrom: {}}\n", "5:23", "E141", "exactly one of", "valueFrom", False),
    "source misspelt": Row(
        CONNECTION + "  apiKey: {valueFrom: {evn: hunter2}}\n",
        "5:24", "E141", 'key "evn"', 'did you mean "env"?', False,
    ),
    "variable": Row(
        CONNECTION + '  apiKey: {valueFrom: {env: "a b"}}\n', "5:29", "E141", "is not the name of", "letters", False
    ),
    "beside": Row(
        CONNECTION + "  apiKey: {valueFrom: {env: X}, b: 1}\n",
        "5:33", "E141", 'unknown key "b"', "nothing beside", False,
    ),
    "exec as a text": Row(
        CONNECTION + "  apiKey: {valueFrom: {exec: sops -d x}}\n",
        "5:30", "E141", "there is no shell", "[program", False,
    ),
    "exec of a number": Row(
        CONNECTION + "  apiKey: {valueFrom: {exec: [a, 1]}}\n", "5:34", "E141", "must be text", "Quote it", False
    ),
    "exec of nothing": Row(
        CONNECTION + "  apiKey: {valueFrom: {exec: []}}\n", "5:30", "E141", "exec is empty", "Give it", False
    ),
    "exec without command": Row(
        CONNECTION + "  apiKey: {valueFrom: {exec: {timeout: 5}}}\n",
        "5:24", "E141", "lacks command", "Add command", True,
    ),
    "exec too long": Row(
        CONNECTION + "  apiKey: {valueFrom: {exec: {command: [a], timeout: 9999}}}\n",
        "5:54", "E141", "out of range", "Write at most 600", False,
    ),
    "reference in config": Row(
        instance("  config: {x: {valueFrom: {exec: a}}}\n"), "11:34", "E141", "there is no shell", "Write exec", False
    ),
    "reference for a text": Row(
        instance("  remoteId: {valueFrom: {env: X}}\n"), "11:13", "E103", "must be text", "valueFrom is for secrets"
    ),
}  # fmt: skip
ROWS = {
    f"{group}: {name}": row
    for group, rows in (
        ("yaml", YAML),
        ("trap", TRAPS),
        ("shape", SHAPE),
        ("name", NAMES),
        ("value", VALUES),
        ("connection", CONNECTIONS),
        ("secret", SECRETS),
    )
    for name, row in rows.items()
}


def faults_of(text: str) -> list[Fault]:
    """The faults of a text; it has to have some."""
    with pytest.raises(ManifestError) as caught:
        load(["-"], stdin=io.StringIO(text))
    return caught.value.faults
