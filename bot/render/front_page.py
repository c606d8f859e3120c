"""The page at `/`: what this is, and whether it is set up."""

from __future__ import annotations

STATES = {
    "app": "Set up as a GitHub App. Deliveries are taken at <code>/webhook</code>.",
    "token": "Set up with a token. Deliveries of the configured repositories are taken at <code>/webhook</code>.",
    "none": "Not set up yet: there are no credentials, so <code>/webhook</code> takes nothing. "
    "To create the GitHub App in one click, open the one-time link that the server printed when it started. "
    "Or set <code>GITHUB_APP_ID</code>, <code>GITHUB_PRIVATE_KEY</code> and <code>WEBHOOK_SECRET</code>, "
    "or <code>GITHUB_TOKEN</code>, and start again.",
}
STYLE = (
    ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;"
    "padding:0 1rem}code{font-size:.9em}"
)


def front_page(mode: str) -> str:
    """A whole HTML page; `mode` is `app`, `token` or `none`. Nothing on it comes from outside."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Pipeline Monitor</title><style>{STYLE}</style>"
        "<h1>Pipeline Monitor</h1>"
        "<p>Reads the logs of failed CI runs and says on the commit, in an issue or on the pull request what broke, "
        "why, and whether it was seen before. It answers <code>/pipeline health</code> in any comment.</p>"
        f"<p>{STATES[mode]}</p>"
        '<p><a href="/healthz">healthz</a> · <a href="/readyz">readyz</a> · <a href="/metrics">metrics</a></p></html>'
    )
