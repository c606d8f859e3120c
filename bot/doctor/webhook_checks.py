"""The App's webhook as GitHub has it → a check. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.doctor.check import Check, blocked, ok, warning
from bot.github.reply import Reply
from bot.settings import is_loopback

NAME = "webhook"


def judge_webhook(reply: Reply, *, has_secret: bool, proxy_url: str | None, settings_url: str) -> Check:
    """The answer to `GET /app/hook/config`. `has_secret`: whether we hold one; `proxy_url`: where we fetch from."""
    if reply.status == 404:
        return blocked(NAME, "the App has none", f"switch it on at {settings_url}")
    if reply.status != 200:
        return warning(NAME, f"cannot be read: {reply.reason}", "try again later")
    config = reply.object
    url, signed = str(config.get("url") or ""), bool(config.get("secret"))
    address = urlsplit(url)
    if not address.netloc or (address.hostname or "").endswith(".invalid"):
        return blocked(NAME, f"its address {url!r} leads nowhere", f"set https://YOUR-HOST/webhook at {settings_url}")
    if has_secret and not signed:
        return blocked(
            NAME,
            "WEBHOOK_SECRET is set here, but not on GitHub: every delivery is refused",
            f"enter the same secret at {settings_url}",
        )
    if signed and not has_secret:
        return warning(
            NAME, "GitHub signs its deliveries, but nothing here checks them", "set WEBHOOK_SECRET to the same secret"
        )
    return _address(url, str(config.get("insecure_ssl", "0")), proxy_url=proxy_url, settings_url=settings_url)


def _address(url: str, insecure: str, *, proxy_url: str | None, settings_url: str) -> Check:
    address = urlsplit(url)
    if url.rstrip("/") == (proxy_url or "").rstrip("/"):
        return ok(NAME, f"{url}, fetched from there (WEBHOOK_PROXY_URL)")
    if insecure not in {"0", "False", "false"}:
        return warning(NAME, f"{url}: certificates are not verified", f"enable SSL verification at {settings_url}")
    if address.scheme != "https" and not is_loopback(address.hostname or ""):
        return warning(NAME, f"{url} is not encrypted", f"use https, at {settings_url}")
    if not address.path.rstrip("/").endswith("/webhook"):
        return warning(NAME, f"{url}: the server takes deliveries at /webhook", f"let it end so at {settings_url}")
    return ok(NAME, f"{url}, signed with a secret")
