"""Secrets never pass; hashes, identifiers and plain words do."""

from __future__ import annotations

import pytest

from classifiers.redaction import redact

SECRETS = {
    "github classic": "ghp_" + "a1B2" * 9,
    "github fine-grained": "github_pat_" + "11ABCDEFG0" * 8,
    "github installation": "ghs_123456_eyJhbGciOiJSUzI1NiJ9." + "eyJpc3MiOiIx" * 30 + "." + "x-Y_9" * 20,
    "gitlab": "glpat-" + "aB3dE6gH9jK2mN5pQ8sT",
    "aws key": "AKIA" + "IOSFODNN7EXAMPLE",
    "google": "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "slack": "xoxb-" + "123456789012-abcdefGHIJKL",
    "npm": "npm_" + "aB3" * 12,
    "pypi": "pypi-" + "AgEIcHlwaS5vcmcCJDAwMDAwMDAw",
    "docker": "dckr_pat_" + "aB3dE6gH9jK2mN5pQ8sTaB3dE6",
    "stripe": "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc",
    "twilio": "SK" + "0123456789abcdef" * 2,
    "sendgrid": "SG." + "aB3dE6gH9jK2mN5pQ8sT.aB3dE6gH9jK2mN5pQ8sTaB3dE6gH9jK2mN5pQ8sT",
    "jwt": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_token_of_each_provider_is_masked_wherever_it_stands(kind: str) -> None:
    secret = SECRETS[kind]
    for text in (secret, f"error: bad '{secret}' here", f"https://x/{secret}?a", f"a={secret};b"):
        assert secret not in redact(text)
        assert secret[-12:] not in redact(text)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("password=hunter2", "hunter2"),
        ("DB_PASSWORD: s3cr3t-value", "s3cr3t-value"),
        ('{"api_key": "abcdef123456"}', "abcdef123456"),
        ("Authorization: Bearer abcdef123456", "abcdef123456"),
        ("curl -H 'Authorization: Basic dXNlcjpwYXNz'", "dXNlcjpwYXNz"),
        ("https://user:pa55word@example.org/x", "pa55word"),
        ("postgres://app:pa55word@db:5432/app", "pa55word"),
        ("mysql --password=pa55word", "pa55word"),
        ("curl -s -u user:pa55word https://example.org", "pa55word"),
        ("export secretKey=pa55word", "pa55word"),
        ("DB_PWD=pa55word", "pa55word"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
        ("token: 9xK2mQ7vL4nR8tW1", "9xK2mQ7vL4nR8tW1"),
    ],
)
def test_assignments_headers_and_urls_lose_their_values(text: str, secret: str) -> None:
    assert secret not in redact(text)


def test_a_private_key_over_several_lines_is_masked() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\nabcdef\n-----END RSA PRIVATE KEY-----"
    assert redact(f"before\n{key}\nafter") == "before\n-----BEGIN RSA PRIVATE KEY-----***\nafter"


def test_a_private_key_without_its_end_is_masked_to_the_end() -> None:
    assert "MIIEp" not in redact("-----BEGIN OPENSSH PRIVATE KEY-----\nMIIEpAIBAAKC\nMIIEpXYZ")


def test_a_token_split_by_colours_is_masked() -> None:
    assert "a1B2a1B2" not in redact("ghp_a1B2\x1b[0m" + "a1B2" * 8)


@pytest.mark.parametrize(
    "text",
    [
        "commit 3f2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "id 123e4567-e89b-12d3-a456-426614174000",
        "SyntaxError: Unexpected token } in JSON at position 3",
        "error: expected token ';' before 'int'",
        "secrets.DEPLOY_TOKEN is missing",
        "Error: Input required and not supplied: token",
        "https://github.com/a/b/actions/runs/123456789",
        "src/auth/password_reset.py:10: error: bad",
        "FAILED tests/test_token.py::test_password_is_checked",
        "token=$GITHUB_TOKEN",
        "password: ***",
        "mkdir -p /builds/worker/workspace/logs",
        "Downloading ghp_import2-1.0.1-py2.py3-none-any.whl",
        "cargo clippy -p app -p core --all-targets",
        "+ MOZHARNESS_PATH=/builds/worker/workspace",
        "'PWD': '/opt/worker'",
        "grant_token = JWTGrantToken(value)",
        "max_num_batched_tokens=8192, tokenizer='gpt2'",
        "server-password: GITHUB_TOKEN",
        "docker run -u 1000:1000 -p 8080:8080 app",
        'asyncpg.exceptions.InvalidPasswordError: password authentication failed for user "app"',
        "integrity sha512-"
        + "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text
