"""What the set-up says where it cannot go on: one page each, with what to do next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

from bot.setup.pages import page

BY_HAND = (
    "Or create the App by hand and set <code>GITHUB_APP_ID</code>, <code>GITHUB_PRIVATE_KEY</code> and "
    "<code>WEBHOOK_SECRET</code> yourself, as docs/install.md says; then start the server again."
)
LINK = "the one-time link that the server printed last when it started"
LEFT_BEHIND = (
    "The App that GitHub has just created stays there without a server: delete it in the account’s settings under "
    'Developer settings, GitHub Apps (<a href="{web_url}/settings/apps" rel="noreferrer">your own</a>).'
)
AGAIN = "Then reload this page: nothing is lost, the App is created and its credentials wait in the server’s memory."


@dataclass(frozen=True, slots=True)
class Turn:
    """A page: its status, its title, and its paragraphs as HTML with `{detail}` and `{web_url}` to be filled in."""

    status: int
    title: str
    paragraphs: tuple[str, ...]


TURNS = {
    "link": Turn(
        403,
        "This is not the one-time link",
        (f"To create the GitHub App, open {LINK}. It begins with this server’s address and <code>/?setup=</code>.",),
    ),
    "used": Turn(
        403,
        "This link is used up",
        (
            "The GitHub App of this server is created already, and a link works for one App only.",
            "If you have not chosen its repositories yet: on GitHub, open the App’s page and press Install.",
            "To create another App, take its variables out of <code>.env</code> and start the server again.",
        ),
    ),
    "state": Turn(
        403,
        "This answer belongs to another set-up",
        (
            f"GitHub’s answer does not fit what this server asked for. Open {LINK} and begin again.",
            "That also happens where the server was started again in between. " + LEFT_BEHIND,
        ),
    ),
    "code": Turn(
        400,
        "GitHub’s answer is no longer good",
        (
            "The code that GitHub sent with you is expired (it is good for an hour), was used before, or is missing.",
            f"Open {LINK} and begin again.",
            LEFT_BEHIND,
        ),
    ),
    "unreachable": Turn(
        502,
        "GitHub did not answer",
        (
            "The server asked GitHub for the App’s credentials: <code>{detail}</code>.",
            "See that this server reaches GitHub (a proxy, a firewall, its certificate, <code>GITHUB_API_URL</code>), "
            "then reload this page. GitHub’s code is good for an hour.",
        ),
    ),
    "refused": Turn(
        502,
        "GitHub refused",
        (
            "The server asked GitHub for the App’s credentials and was answered <code>{detail}</code>.",
            "See whether <code>GITHUB_API_URL</code> is the API of the GitHub that you are signed in to, then reload "
            "this page. GitHub’s code is good for an hour.",
        ),
    ),
    "incomplete": Turn(
        502,
        "GitHub’s answer is incomplete",
        ("Without {detail} the server cannot work, so nothing was written.", LEFT_BEHIND, BY_HAND),
    ),
    "present": Turn(
        409,
        "There are credentials already",
        (
            "Set already: <code>{detail}</code>. Nothing that is there is ever written over.",
            "Take it away if it is not needed any more, then reload this page (after a change in the environment: "
            "start the server again, and open the link that it prints then).",
            BY_HAND,
        ),
    ),
    "present late": Turn(
        409,
        "There are credentials already",
        (
            "Set meanwhile: <code>{detail}</code>. Nothing that is there is ever written over, so the new App’s "
            "credentials are not kept yet.",
            f"Take it away. {AGAIN}",
        ),
    ),
    "cannot keep": Turn(
        500,
        "The credentials could not be kept",
        (
            "<code>{detail}</code>.",
            "Let the server’s user write in that folder, then reload this page. Nothing was created yet.",
            BY_HAND,
        ),
    ),
    "cannot keep late": Turn(
        500,
        "The credentials could not be kept",
        ("<code>{detail}</code>.", f"Let the server’s user write there, or free the disk. {AGAIN}"),
    ),
    "settings": Turn(
        500,
        "The settings do not fit together",
        (
            "The App is created and <code>.env</code> is written, but the server cannot work with all its settings: "
            "<code>{detail}</code>.",
            "Mend that and start the server again.",
        ),
    ),
    "throw-away": Turn(
        409,
        "Credentials would be lost here",
        (
            "This platform throws its disk away at each restart (<code>DYNO</code> is set), and <code>.env</code> "
            "with it.",
            BY_HAND,
        ),
    ),
    "too large": Turn(413, "That is too much", ("The form’s answer is far too long. Go back and shorten it.",)),
    "no form": Turn(415, "That is not the form", (f"Only the form of the set-up page is read here. Open {LINK}.",)),
}


def wrong_turn(kind: str, detail: str, web_url: str) -> tuple[int, str]:
    """Status and page of a kind of `TURNS`."""
    turn = TURNS[kind]
    body = "".join(f"<p>{text}</p>" for text in turn.paragraphs)
    filled = body.replace("{web_url}", escape(web_url)).replace("{detail}", escape(detail))
    return turn.status, page(turn.title, filled)
