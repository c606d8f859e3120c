"""GitHub's time against ours: what is corrected, and what is not believed."""

from __future__ import annotations

from email.utils import formatdate

import jwt
import pytest

from bot.demo.github.identities import private_key
from bot.github.auth import AppKey
from bot.github.clock import correction, time_of

PEM = private_key("clock").encode()
NOW = 1_795_608_000.0


def date(seconds: float) -> str:
    """A Date header."""
    return formatdate(seconds, usegmt=True)


@pytest.mark.parametrize(
    ("theirs", "wanted"),
    [
        (NOW, 0.0),
        (NOW + 29, 0.0),
        (NOW - 30, 0.0),
        (NOW + 31, 31.5),
        (NOW - 31, -30.5),
        (NOW + 3600, 3600.5),
        (NOW - 86_000, -85_999.5),
        (NOW + 90_000, None),
        (0.0, None),
    ],
)
def test_only_a_difference_beyond_half_a_minute_and_within_a_day_is_corrected(
    theirs: float, wanted: float | None
) -> None:
    assert correction(date(theirs), NOW) == wanted


@pytest.mark.parametrize(
    "header", [None, "", "yesterday", "Wed, 25 Nov 99999 12:00:00 GMT", "Wed, 99 Nov 2026 25:00 GMT"]
)
def test_a_date_that_cannot_be_read_corrects_nothing(header: str | None) -> None:
    assert time_of(header) is None
    assert correction(header, NOW) is None


def test_a_learnt_difference_is_signed_by_and_told_once() -> None:
    key = AppKey(42, PEM, wall=lambda: NOW)
    before = key.token()
    assert key.learn(date(NOW + 600)) == 600.5
    assert key.learn(date(NOW + 610)) is None
    claims = jwt.decode(key.token(), options={"verify_signature": False})
    assert key.token() != before
    assert claims["iat"] == int(NOW + 600.5) - 60


def test_a_clock_that_was_set_right_is_believed_again() -> None:
    ours = [NOW]
    key = AppKey(42, PEM, wall=lambda: ours[0])
    key.learn(date(NOW + 600))
    ours[0] = NOW + 605
    assert key.learn(date(NOW + 605)) == 0.0
    assert key.now() == ours[0]


def test_a_refusal_with_our_own_time_changes_nothing() -> None:
    key = AppKey(42, PEM, wall=lambda: NOW)
    before = key.token()
    assert key.learn(date(NOW + 3)) is None
    assert key.token() == before
