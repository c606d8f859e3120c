"""From what the set-up form was told to the manifest that GitHub creates the App from. Pure.

Flow and fields: docs.github.com/apps/sharing-github-apps/registering-a-github-app-from-a-manifest.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

LONGEST_NAME = 34
"""GitHub's limit for an App's name."""
LONGEST_ADDRESS = 300
ORGANISATION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,37}[A-Za-z0-9])?")
"""What GitHub allows in an account's name; managed accounts have an underscore in theirs."""
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form was told, blanks around it taken off."""

    organisation: str = ""
    """Empty: the personal account of whoever is signed in to GitHub."""
    name: str = ""
    address: str = ""
    """Where GitHub reaches this server, without `/webhook`; or the channel of WEBHOOK_PROXY_URL."""


def read(fields: Mapping[str, str]) -> Wanted:
    """The form's fields; a `/webhook` at the end of the address is understood."""
    address = fields.get("address", "").strip().rstrip("/")
    return Wanted(
        fields.get("organisation", "").strip().removeprefix("@"),
        " ".join(fields.get("name", "").split()),
        address.removesuffix("/webhook").rstrip("/"),
    )


def mistakes(wanted: Wanted, *, proxy: str = "") -> dict[str, str]:
    """Field → what is wrong with it and what would do; empty where all is well."""
    found = {
        "organisation": _organisation_mistake(wanted.organisation),
        "name": _name_mistake(wanted.name),
        "address": "" if _is_proxy(wanted, proxy) else _address_mistake(wanted.address),
    }
    return {field: text for field, text in found.items() if text}


def hook_url(wanted: Wanted, *, proxy: str = "") -> str:
    """Where GitHub is to send deliveries."""
    return proxy if _is_proxy(wanted, proxy) else f"{wanted.address}/webhook"


def text(whole: Mapping[str, Any], wanted: Wanted, *, back: str, hook: str) -> str:
    """The manifest as JSON: `app.yml`'s (`whole`) with this server's name and addresses."""
    hooks = {**whole.get("hook_attributes", {}), "url": hook}
    return json.dumps({**whole, "name": wanted.name, "hook_attributes": hooks, "redirect_url": back})


def target(web_url: str, organisation: str, state: str) -> str:
    """The address on GitHub that takes the manifest."""
    account = f"/organizations/{quote(organisation, safe='')}" if organisation else ""
    return f"{web_url}{account}/settings/apps/new?state={quote(state, safe='')}"


def is_public(host: str | None) -> bool:
    """Whether GitHub could send to that host; it refuses webhooks to the machine itself."""
    if not host or host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost"):
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return True
    return not (address.is_loopback or address.is_unspecified)


def _is_proxy(wanted: Wanted, proxy: str) -> bool:
    return bool(proxy) and wanted.address == proxy.rstrip("/")


def _organisation_mistake(organisation: str) -> str:
    if not organisation or ORGANISATION.fullmatch(organisation):
        return ""
    return (
        "That is no name of an organisation: it has at most 39 letters, digits and hyphens, as in the address of "
        "its page on GitHub. Leave the field empty for your own account."
    )


def _name_mistake(name: str) -> str:
    if not name:
        return "The App needs a name."
    if len(name) > LONGEST_NAME:
        return f"GitHub allows {LONGEST_NAME} characters, and this name has {len(name)}."
    if not name.isprintable():
        return "The name has a character that cannot be shown."
    if not re.search(r"[A-Za-z0-9]", name):
        return "The name needs a letter or a digit, because GitHub makes the address of the App's page from it."
    if name.lower().startswith("github"):
        return "GitHub keeps names that begin with “GitHub” to itself."
    return ""


def _address_mistake(address: str) -> str:
    example = "for example https://ci.example.com"
    if not address:
        return f"GitHub needs an address at which it reaches this server, {example}."
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"That is no address; write one, {example}."
    if parts.scheme not in {"http", "https"}:
        return f"The address begins with https:// (or http://), {example}."
    if not host or not HOST.fullmatch(host) or re.search(r"[^\x21-\x7e]|[\\\"<>]", address):
        return f"The address has no host that GitHub could look up, or a character that must not be in one; {example}."
    if len(address) > LONGEST_ADDRESS:
        return f"The address is longer than {LONGEST_ADDRESS} characters."
    if parts.username is not None or "?" in address or "#" in address:
        return f"Only scheme, host, port and path, without user, “?” and “#”, {example}."
    if not is_public(host):
        return (
            f"GitHub does not send to {host}. Give the address under which this server is reached from outside, or "
            "for trying it out start the server again with WEBHOOK_PROXY_URL set to a channel of https://smee.io."
        )
    return ""
