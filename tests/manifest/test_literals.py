"""What is taken for a literal secret, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.importing.pruning import pruned
from trueup.manifest.literals import literals, may_hold_secret, needs_a_look, secret_form, secret_name

SECRET = (
    "password dbPassword db_password PASSWORD passwd passphrase secret clientSecret client-secret token authToken "
    "github_token GITHUB_TOKEN tokens apiKey api_key api-key APIKey apikey privateKey private_key accessKey "
    "aws_secret_access_key credentials credential authorization signingKey"
)
PLAIN = (
    "branch path tokenUrl tokenizer maxTokensPerMinute secretName secretary passwordPolicy key keys publicKey "
    "keyboard accessKeyId apiKeyName compass monkey 1 - ü valueFrom"
)


@pytest.mark.parametrize("name", SECRET.split())
def test_a_name_that_says_so(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize("name", PLAIN.split())
def test_a_name_that_does_not(name: str) -> None:
    assert not secret_name(name)


@pytest.mark.parametrize(
    "value",
    [
        "ghp_0123456789abcdef",
        "token ghp_0123456789abcdef",
        "github_pat_0123456789abcdef",
        "glpat-0123456789abcdef",
        "sk-0123456789abcdefghij",
        "sk-proj-0123456789-abcdef",
        "sk-abcdefghijklmnopqrst",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-0123456789-abcdef",
        "AIza" + "0" * 35,
        "den_0123456789abcdefghij",
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln",
        "Bearer 0123456789abcdef",
        "-----BEGIN PRIVATE KEY-----\nabc",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "https://me:word@example.com/a",
        "postgresql+psycopg://me:word@localhost:5432/db",
        "see redis://:word@cache",
    ],
)
def test_a_value_with_the_form_of_one(value: str) -> None:
    assert secret_form(value)
    assert needs_a_look(f"a: {value}")


@pytest.mark.parametrize(
    "value",
    [
        "main",
        "acme/sk-learn",
        "scikit-learn-contrib/sk-dist-examples-of-use",
        "task-0123456789abcdef",
        "garden_0123456789abcdefghij",
        "ghp_",
        "https://example.com/a@b",
        "https://example.com:8080/a",
        "ssh://git@example.com/a",
        "me@example.com",
        "-----BEGIN PUBLIC KEY-----",
        "Bearer of news",
        "AKIA",
    ],
)
def test_a_value_without(value: str) -> None:
    assert not secret_form(value)


@pytest.mark.parametrize(
    "line", ["  password: abc", "{token: abc, a: b}", '"apiKey": "abc"', "API_KEY=abc", "x: ghp_0123456789"]
)
def test_a_line_that_is_not_shown(line: str) -> None:
    assert may_hold_secret(line)


@pytest.mark.parametrize(
    "line", ["  password: {valueFrom: {env: X}}", "token:", "  apiKey:\n    valueFrom:", "status: on"]
)
def test_a_line_that_is_shown(line: str) -> None:
    assert not may_hold_secret(line)


@pytest.mark.parametrize("name", ["password", "pass", "PASS", "dbPin_secret", "minute_token", "apiKey"])
def test_a_number_may_be_a_secret(name: str) -> None:
    for value in (123456, 1.5, 0, [123456]):
        assert [why for _, why in literals({name: value})] == ["name"]


@pytest.mark.parametrize("name", ["tokens", "maxTokens", "MAX_TOKENS", "max_token", "minToken", "passwords"])
def test_a_number_that_counts_secrets_is_none(name: str) -> None:
    assert list(literals({name: 4096})) == []
    assert [why for _, why in literals({name: "hunter2"})] == ["name"]


def test_a_boolean_is_no_secret() -> None:
    assert list(literals({"password": True})) == []


@pytest.mark.parametrize(
    "value",
    [
        {"GITHUB": {"password": {"value": "hunter2"}}},
        {"password": [{"value": "hunter2"}]},
        {"password": {"value": {"text": "hunter2"}}},
        {"apiKey": {"Value": 4711}},
        {"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]},
        {"headers": [{"key": "Authorization", "value": "hunter2"}]},
    ],
    ids=str,
)
def test_a_value_below_the_key_that_names_it(value: Any) -> None:
    assert len(list(literals(value))) == 1
    kept = pruned(value, ("config",))
    assert "hunter2" not in str(kept.value)
    assert "4711" not in str(kept.value)


@pytest.mark.parametrize(
    "value",
    [
        {"password": {"valueFrom": {"env": "PASSWORD"}}},
        {"password": {"value": {"valueFrom": {"env": "PASSWORD"}}}},
        {"maxTokens": {"value": 100}},
        {"token": {"url": "https://example.com", "header": "x-token"}},
        {"branch": {"value": "main"}},
        {"env": [{"name": "BRANCH", "value": "main"}]},
    ],
    ids=str,
)
def test_a_value_below_a_key_that_names_no_secret(value: Any) -> None:
    assert not list(literals(value))
