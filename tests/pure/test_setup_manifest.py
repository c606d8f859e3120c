"""What the set-up form's answers become, and what is said of answers that cannot be used."""

from __future__ import annotations

import json

import pytest

from bot.manifest import manifest
from bot.setup import manifest as asking
from bot.setup.manifest import Wanted

CHANNEL = "https://smee.io/AbC123"
GOOD = Wanted("octo-org", "Pipeline Monitor of octo", "https://ci.example.com")


def test_a_good_answer_has_no_mistakes() -> None:
    assert asking.mistakes(GOOD) == {}
    assert asking.mistakes(Wanted("", GOOD.name, GOOD.address)) == {}


@pytest.mark.parametrize(
    "organisation", ["octo org", "../settings", "-octo", "octo-", "öcto", "a" * 40, "octo?x=1", "octo\n", "<b>"]
)
def test_what_can_be_no_organisation_is_told_at_its_field(organisation: str) -> None:
    assert list(asking.mistakes(Wanted(organisation, GOOD.name, GOOD.address))) == ["organisation"]


@pytest.mark.parametrize("organisation", ["o", "octo", "octo-org", "mona_acme", "a" * 39, "0"])
def test_names_that_github_gives_are_taken(organisation: str) -> None:
    assert asking.mistakes(Wanted(organisation, GOOD.name, GOOD.address)) == {}


@pytest.mark.parametrize("name", ["", "x" * 35, "•••", "GitHub monitor", "a\x00b"])
def test_what_can_be_no_name_is_told_at_its_field(name: str) -> None:
    assert list(asking.mistakes(Wanted("", name, GOOD.address))) == ["name"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ci.example.com",
        "ftp://ci.example.com",
        "https://",
        "https://[::1",
        "https://ci.example.com:99999",
        "https://ci example.com",
        "https://user@ci.example.com",
        "https://ci.example.com/?a=1",
        "https://ci.example.com/#top",
        'https://ci.example.com/"><script>',
        "https://bücher.example",
        "javascript:alert(1)",
        "http://localhost:8000",
        "http://127.0.0.1:8000",
        "http://[::1]:8000",
        "http://0.0.0.0:8000",
        "https://ci.example.com/" + "a" * 300,
    ],
)
def test_what_github_could_not_reach_is_told_at_its_field(address: str) -> None:
    assert list(asking.mistakes(Wanted("", GOOD.name, address))) == ["address"]


@pytest.mark.parametrize(
    "address",
    [
        "https://ci.example.com",
        "http://ci.example.com:8080",
        "https://host/ci",
        "https://192.0.2.7",
        "https://[2001:db8::7]",
    ],
)
def test_addresses_are_taken_with_port_and_path(address: str) -> None:
    wanted = Wanted("", GOOD.name, address)
    assert asking.mistakes(wanted) == {}
    assert asking.hook_url(wanted) == f"{address}/webhook"


@pytest.mark.parametrize(
    "typed", ["https://ci.example.com", " https://ci.example.com/ ", "https://ci.example.com/webhook/"]
)
def test_an_address_is_understood_however_its_end_is_typed(typed: str) -> None:
    wanted = asking.read({"organisation": " @octo ", "name": "  Pipeline   Monitor ", "address": typed})
    assert wanted == Wanted("octo", "Pipeline Monitor", "https://ci.example.com")


def test_the_channel_of_the_webhook_proxy_is_the_hook_as_it_is() -> None:
    wanted = Wanted("", GOOD.name, CHANNEL)
    assert asking.mistakes(wanted, proxy=CHANNEL) == {}
    assert asking.hook_url(wanted, proxy=CHANNEL) == CHANNEL
    assert asking.hook_url(GOOD, proxy=CHANNEL) == "https://ci.example.com/webhook"


def test_the_manifest_is_app_yml_with_this_servers_name_and_addresses() -> None:
    whole = manifest().whole
    back, hook = "https://ci.example.com/setup/callback", "https://ci.example.com/webhook"
    made = json.loads(asking.text(whole, GOOD, back=back, hook=hook))
    assert made == {
        **whole,
        "name": GOOD.name,
        "redirect_url": back,
        "hook_attributes": {"url": hook, "active": True},
    }
    assert made["default_permissions"] == manifest().permissions
    assert made["public"] is False
    assert whole["hook_attributes"]["url"] != hook


def test_the_manifest_goes_to_the_account_that_was_named() -> None:
    own = asking.target("https://github.com", "", "a.b")
    assert own == "https://github.com/settings/apps/new?state=a.b"
    theirs = asking.target("https://git.example.com", "octo-org", "a&b")
    assert theirs == "https://git.example.com/organizations/octo-org/settings/apps/new?state=a%26b"
