"""Near-duplicates join, different causes do not, and history changes no earlier answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from classifiers.near import Known, within

OLD = "could not connect to the database app_main: password authentication failed"


def known(*messages: str) -> Known:
    found = Known()
    for number, message in enumerate(messages):
        found.add(f"1-{number}", message)
    return found


def test_a_message_a_word_away_joins_the_known_one() -> None:
    assert known(OLD).nearest(OLD.replace("app_main", "app_mail")) == "1-0"


def test_another_cause_does_not_join() -> None:
    assert known(OLD).nearest("could not connect to the database app_main: no route to host") is None


def test_short_messages_never_join() -> None:
    assert known("'x' undeclared").nearest("'y' undeclared") is None


def test_the_oldest_of_several_near_ones_is_joined_whatever_came_later() -> None:
    first = OLD.replace("main", "maim")
    alone = known(first)
    grown = known(first, OLD, *(f"{OLD} again {letter}" for letter in "abcdefgh"))
    assert alone.nearest(OLD) == grown.nearest(OLD) == "1-0"


def _distance(one: str, two: str) -> int:
    row = list(range(len(two) + 1))
    for number, letter in enumerate(one, 1):
        last, row[0] = row[0], number
        for column, other in enumerate(two, 1):
            last, row[column] = row[column], min(last + (letter != other), row[column] + 1, row[column - 1] + 1)
    return row[-1]


@given(st.text("ab", max_size=12), st.text("ab", max_size=12), st.integers(0, 6))
def test_the_band_agrees_with_the_whole_table(one: str, two: str, limit: int) -> None:
    assert within(one, two, limit) == (_distance(one, two) <= limit)
