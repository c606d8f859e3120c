"""The set-up's pages: whole HTML, no script, nothing from elsewhere. Everything that varies is escaped. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any

from bot.setup.manifest import LONGEST_ADDRESS, LONGEST_NAME, Wanted

STYLE = (
    ":root{color-scheme:light dark;--line:#767676;--soft:#59636e;--wrong:#b3261e;--strong:#1f6feb}"
    "@media(prefers-color-scheme:dark){:root{--soft:#a5adb8;--wrong:#ff8a80}}"
    "*{box-sizing:border-box}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}"
    "h1{line-height:1.2;font-size:1.7rem}label{display:block;font-weight:600;margin-top:1.4rem}"
    "input{width:100%;font:inherit;padding:.5rem .6rem;border:1px solid var(--line);border-radius:6px}"
    "input[aria-invalid]{border:2px solid var(--wrong)}"
    ".hint,dt{color:var(--soft);font-size:.9rem;margin:.2rem 0}"
    ".wrong{color:var(--wrong);font-weight:600;margin:.3rem 0}"
    "dd{margin:0 0 .8rem}ul{padding-left:1.2rem}code{font-size:.9em}"
    "button,a.button{display:inline-block;font:inherit;font-weight:600;padding:.55rem 1.1rem;margin:1.4rem .6rem 0 0;"
    "border:1px solid var(--strong);border-radius:6px;background:var(--strong);color:#fff;text-decoration:none;"
    "cursor:pointer}"
    "button.quiet{background:none;color:inherit;border-color:var(--line)}"
    ":focus-visible{outline:3px solid currentColor;outline-offset:2px}"
    "button:focus-visible,a.button:focus-visible{outline-color:var(--strong)}form.beside{display:inline}"
)
STYLE_SOURCE = "'sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode() + "'"
"""What a Content-Security-Policy calls the style sheet above."""


def page(title: str, body: str) -> str:
    """A whole page; `body` is HTML, `title` text."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)} – Pipeline Monitor</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def form(wanted: Wanted, mistakes: Mapping[str, str], *, token: str, web_url: str) -> str:
    """The questions; with `mistakes` (field → text) they are asked again, the answers kept."""
    told = '<p class="wrong" role="alert">Nothing was created yet. Please mend what is marked below.</p>'
    organisation = _field(
        "organisation",
        "Organisation (optional)",
        wanted.organisation,
        "Its name as in the address of its page. Leave this empty to create the App under your own account.",
        mistakes,
        f'maxlength="100" autocapitalize="none"{_focus("organisation", mistakes)}',
    )
    name = _field(
        "name",
        "Name of the App",
        wanted.name,
        f"At most {LONGEST_NAME} characters, and nobody else’s: your own name in it helps. "
        "If it is taken, GitHub says so and lets you change it there.",
        mistakes,
        f'required maxlength="100"{_focus("name", mistakes)}',
    )
    address = _field(
        "address",
        "Public address of this server",
        wanted.address,
        "Where GitHub reaches it from outside, for example https://ci.example.com. "
        "GitHub will send to this address followed by /webhook.",
        mistakes,
        f'required maxlength="{LONGEST_ADDRESS}" inputmode="url" autocapitalize="none"{_focus("address", mistakes)}',
    )
    return page(
        "Create the GitHub App",
        "<p>Three answers, one look at what GitHub will be asked for, and one button on GitHub. "
        "The App’s credentials go straight from GitHub into this server’s <code>.env</code>; "
        "they never reach your browser.</p>"
        f"{told if mistakes else ''}"
        f"<p>Be signed in to {_link(web_url, _host(web_url))} in this browser before you go on.</p>"
        '<form method="post" action="setup">'
        f"{_hidden('setup', token)}{organisation}{name}{address}"
        "<button>Show what will be created</button></form>",
    )


def confirmation(
    wanted: Wanted, whole: Mapping[str, Any], *, token: str, target: str, manifest: str, hook: str, web_url: str
) -> str:
    """What GitHub will be asked for, and the button that asks it. `whole` is `app.yml`, `manifest` the JSON."""
    permissions = "".join(
        f"<li>{escape(name.replace('_', ' '))}: {escape(level)}</li>"
        for name, level in whole["default_permissions"].items()
    )
    events = escape(", ".join(name.replace("_", " ") for name in whole["default_events"]))
    account = escape(wanted.organisation) if wanted.organisation else "your own account"
    again = "".join(
        _hidden(name, value)
        for name, value in (
            ("setup", token),
            ("organisation", wanted.organisation),
            ("name", wanted.name),
            ("address", wanted.address),
            ("change", "yes"),
        )
    )
    return page(
        "Is this right?",
        f"<dl><dt>Account on {escape(_host(web_url))}</dt><dd>{account}</dd>"
        f"<dt>Name of the App</dt><dd>{escape(wanted.name)}</dd>"
        f"<dt>Who may install it</dt><dd>{'everybody' if whole.get('public') else 'this account alone'}</dd>"
        f"<dt>GitHub sends deliveries to</dt><dd><code>{escape(hook)}</code></dd>"
        f"<dt>Permissions in the repositories that you choose</dt><dd><ul>{permissions}</ul></dd>"
        f"<dt>Events</dt><dd>{events}</dd></dl>"
        "<p>The next page is GitHub’s. If the name is taken, it says so; choose another there. "
        "It then sends you back here. All that has to happen within an hour.</p>"
        f'<form class="beside" method="post" action="{escape(target)}">{_hidden("manifest", manifest)}'
        f"<button>Create it on {escape(_host(web_url))}</button></form>"
        f'<form class="beside" method="post" action="setup">{again}'
        '<button class="quiet">Change something</button></form>',
    )


def created(name: str, app_page: str) -> str:
    """All is done here; the last step is to choose repositories on GitHub."""
    return page(
        "The App is created",
        f"<p>{escape(name)} is yours. Its credentials are in <code>.env</code>, this server works as the App from now "
        "on, and the link that brought you here is used up.</p>"
        "<p>One step is left: choose the repositories it looks after.</p>"
        f'<a class="button" href="{escape(app_page)}/installations/new">Install it on GitHub</a>',
    )


def _field(name: str, label: str, value: str, hint: str, mistakes: Mapping[str, str], more: str) -> str:
    mistake = mistakes.get(name, "")
    wrong = f'<p class="wrong" id="{name}-wrong">Please mend: {escape(mistake)}</p>' if mistake else ""
    about = f' aria-invalid="true" aria-describedby="{name}-wrong {name}-hint"' if mistake else ""
    about = about or f' aria-describedby="{name}-hint"'
    return (
        f'<label for="{name}">{escape(label)}</label>{wrong}'
        f'<input id="{name}" name="{name}" value="{escape(value)}" autocomplete="off" spellcheck="false"{about} {more}>'
        f'<p class="hint" id="{name}-hint">{escape(hint)}</p>'
    )


def _focus(name: str, mistakes: Mapping[str, str]) -> str:
    return " autofocus" if name == next(iter(mistakes), "") else ""


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def _link(url: str, words: str) -> str:
    return f'<a href="{escape(url)}" rel="noreferrer">{escape(words)}</a>'


def _host(url: str) -> str:
    return url.partition("://")[2] or url
