"""Wherever a secret stands in a log, and however the log's bytes are cut up: it does not leave the classifier."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from classifiers.builtin import builtin_rules
from classifiers.classify import classify
from classifiers.model import Classification, JobFacts
from classifiers.redaction import redact
from tests.pure.classifiers.test_redaction import SECRETS

RULES = builtin_rules()
FACTS = JobFacts(workflow="CI", job="test", conclusion="failure", branch="main")
LONGEST_PIECE = 10
"""Of a secret that a cut splits: no longer run of its characters may show."""
KINDS = st.sampled_from(sorted(SECRETS))
SEPARATORS = st.sampled_from(
    [" ", "'", '"', "=", ": ", "\t", ";", ",", "(", ")", "\n", "/", "?", "&", "[", "]", "<", ">"]
)
AROUND = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x1b"), max_size=60)
STAMP = "2026-11-20T10:00:04.0000000Z "
slow_ok = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def said(verdict: Classification) -> str:
    """Everything of a verdict that is stored or shown."""
    found = (verdict.message, verdict.excerpt, *verdict.suggestions, *verdict.reasons)
    others = [repr(finding) for finding in verdict.findings]
    return "\n".join((*found, *others))


def pieces_of(secret: str) -> list[str]:
    """Every run of the secret's characters that would be too much, its public beginning left out."""
    start = next((len(known) for known in ("github_pat_", "dckr_pat_", "sk_live_") if secret.startswith(known)), 4)
    return [secret[at : at + LONGEST_PIECE] for at in range(start, len(secret) - LONGEST_PIECE + 1)]


def log_with(line: str, before: int = 3) -> bytes:
    """A failing pytest run whose deciding line is given."""
    lines = [f"tests/test_{number}.py::test_it PASSED" for number in range(before)]
    lines += ["=== FAILURES ===", "    def test_total():", line, "FAILED tests/test_cart.py::test_total"]
    return (
        "".join(f"{STAMP}{each}\n" for each in lines).encode()
        + f"{STAMP}##[error]Process completed with exit code 1.\n".encode()
    )


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The bytes in pieces, cut at those places."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(KINDS, AROUND, SEPARATORS, SEPARATORS, AROUND)
def test_a_secret_is_masked_whatever_stands_around_it(
    kind: str, before: str, left: str, right: str, after: str
) -> None:
    text = redact(before + left + SECRETS[kind] + right + after)
    assert SECRETS[kind] not in text
    assert SECRETS[kind][-12:] not in text


@given(
    KINDS, st.lists(st.tuples(st.integers(0, 200), st.sampled_from(["\x1b[0m", "\x1b[1;31m", "\x1b[K"])), max_size=4)
)
def test_a_secret_is_masked_however_it_is_coloured(kind: str, colours: list[tuple[int, str]]) -> None:
    secret = SECRETS[kind]
    painted = secret
    # From the end, so that no colour comes to stand inside another.
    for at, colour in sorted(((place % (len(secret) + 1), colour) for place, colour in colours), reverse=True):
        painted = painted[:at] + colour + painted[at:]
    assert secret[-12:] not in redact(f"error: {painted} here")


@given(AROUND)
def test_masking_twice_is_masking_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@slow_ok
@given(KINDS, st.lists(st.integers(0, 100_000), max_size=12), st.integers(0, 40))
def test_a_secret_over_the_border_of_two_chunks_is_masked_and_the_verdict_is_the_same(
    kind: str, places: list[int], before: int
) -> None:
    data = log_with(f"E       AssertionError: token {SECRETS[kind]} was refused", before)
    whole, pieces = classify([data], FACTS, RULES), classify(cut(data, places), FACTS, RULES)
    assert pieces == whole
    assert not any(piece in said(pieces) for piece in pieces_of(SECRETS[kind]))


@pytest.mark.parametrize("kind", sorted(SECRETS))
@pytest.mark.parametrize("cut_at", [400, 1000, 1600, 4096])
def test_a_secret_that_begins_somewhere_before_the_cut_of_a_long_line_is_masked(kind: str, cut_at: int) -> None:
    secret, leaks = SECRETS[kind], []
    for room in range(1, 80, 5):
        pad = ("x " * 4096)[: cut_at - len("E       AssertionError: ") - room]
        verdict = classify([log_with(f"E       AssertionError: {pad[:-1]} {secret} was refused")], FACTS, RULES)
        if any(piece in said(verdict) for piece in pieces_of(secret)):
            leaks.append(room)
    assert leaks == []


@slow_ok
@given(KINDS, st.integers(0, 5_000))
@example("github classic", 960)
@example("sendgrid", 936)
def test_a_secret_is_masked_wherever_in_its_line_it_stands(kind: str, at: int) -> None:
    line = f"E       AssertionError: {('word ' * 1_000)[:at]} {SECRETS[kind]} was refused"
    verdict = classify([log_with(line)], FACTS, RULES)
    assert not any(piece in said(verdict) for piece in pieces_of(SECRETS[kind]))


@pytest.mark.parametrize("state", [100, 5000])
@pytest.mark.parametrize("over", [0, 9, 2020, 2030, 3000, 4080, 70_000])
def test_a_long_line_of_many_states_is_not_cut_inside_a_secret(over: int, state: int) -> None:
    token = SECRETS["github classic"]
    end = "x " * (over // 2)
    line = ("step " * (state // 5) + "\r") * 40 + f"error: could not log in with {token} {end}"
    for size in (1000, 65_536):
        log = log_with(line)
        verdict = classify([log[at : at + size] for at in range(0, len(log), size)], FACTS, RULES)
        assert not [piece for piece in pieces_of(token) if piece in said(verdict)]
