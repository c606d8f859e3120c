"""The set-up's pages as text: everything escaped, nothing from elsewhere, every field labelled."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from bot.manifest import manifest
from bot.setup import pages
from bot.setup.manifest import Wanted
from bot.setup.wrong_turns import TURNS, wrong_turn

EVIL = "\"><script>alert('1')</script>&amp;"
WANTED = Wanted(EVIL, EVIL, EVIL)
WEB = "https://github.com"


class Seen(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def confirmation(manifest_text: str = EVIL) -> str:
    return pages.confirmation(
        WANTED, manifest().whole, token=EVIL, target=WEB + EVIL, manifest=manifest_text, hook=EVIL, web_url=WEB
    )


ALL = {
    "form": pages.form(WANTED, {"name": EVIL}, token=EVIL, web_url=WEB + EVIL),
    "confirmation": confirmation(),
    "created": pages.created(EVIL, WEB + EVIL),
    **{kind: wrong_turn(kind, EVIL, WEB + EVIL)[1] for kind in TURNS},
}


@pytest.mark.parametrize("name", ALL)
def test_nothing_that_varies_is_live(name: str) -> None:
    seen = Seen(ALL[name])
    assert seen.all("script") == []
    assert "<script" not in ALL[name]
    assert [tag for tag, attributes in seen.tags if any(key.startswith("on") for key in attributes)] == []


@pytest.mark.parametrize("name", ALL)
def test_nothing_comes_from_elsewhere_and_no_style_is_inline(name: str) -> None:
    seen = Seen(ALL[name])
    assert [tag for tag, attributes in seen.tags if {"src", "style", "data", "srcset"} & set(attributes)] == []
    assert seen.all("link") == []
    assert "url(" not in pages.STYLE
    assert "@import" not in pages.STYLE


@pytest.mark.parametrize("name", ALL)
def test_every_page_has_language_width_title_and_one_heading(name: str) -> None:
    seen = Seen(ALL[name])
    assert seen.all("html") == [{"lang": "en"}]
    assert {"name": "viewport", "content": "width=device-width,initial-scale=1"} in seen.all("meta")
    assert len(seen.all("title")) == len(seen.all("h1")) == len(seen.all("main")) == 1


def test_the_policy_names_exactly_the_style_that_stands_in_the_page() -> None:
    style = re.search(r"<style>(.*?)</style>", ALL["form"])
    assert style is not None
    assert base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode() in pages.STYLE_SOURCE


def test_every_field_has_a_label_and_a_hint_and_keeps_its_value() -> None:
    seen = Seen(ALL["form"])
    fields = [field for field in seen.all("input") if field.get("type") != "hidden"]
    labels = {label["for"] for label in seen.all("label")}
    ids = {attributes["id"] for _, attributes in seen.tags if "id" in attributes}
    assert [field["name"] for field in fields] == ["organisation", "name", "address"]
    for field in fields:
        assert field["id"] in labels
        assert set(str(field["aria-describedby"]).split()) <= ids
        assert field["value"] == EVIL


def test_a_mistake_stands_at_its_field_in_words_and_takes_the_focus() -> None:
    text = pages.form(Wanted("", "x" * 35, ""), {"name": "too long"}, token="t", web_url=WEB)
    fields = {field["name"]: field for field in Seen(text).all("input")}
    assert "Please mend: too long" in text
    assert fields["name"]["aria-invalid"] == "true"
    assert "name-wrong" in str(fields["name"]["aria-describedby"])
    assert "autofocus" in fields["name"]
    assert "aria-invalid" not in fields["address"]


def test_the_confirmation_lists_what_app_yml_asks_for_and_carries_the_manifest_whole() -> None:
    text = confirmation('{"name": "O\'Brien & Söhne"}')
    fields = Seen(text).all("input")
    assert [field["value"] for field in fields if field["name"] == "manifest"] == ['{"name": "O\'Brien & Söhne"}']
    for name, level in manifest().permissions.items():
        assert f"{name.replace('_', ' ')}: {level}" in text


@pytest.mark.parametrize("kind", TURNS)
def test_every_wrong_turn_says_what_happened_and_fills_everything_in(kind: str) -> None:
    status, text = wrong_turn(kind, "the detail", WEB)
    assert 400 <= status < 600
    assert "{" not in text.split("</style>")[1]
    assert len(TURNS[kind].paragraphs) >= 1
