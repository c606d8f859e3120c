"""JSON of users, Apps and installations as GitHub's API gives it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from bot.demo.github.identities import Identities, iso
from bot.demo.github.records import AppRecord, InstallationRecord, Json, TokenRecord, User


def node_id(kind: str, number: object) -> str:
    """An opaque GraphQL id; nobody may read anything from it."""
    return f"{kind}_" + base64.urlsafe_b64encode(str(number).encode()).rstrip(b"=").decode()


def user_json(state: Identities, user: User) -> Json:
    """A user as it stands inside other objects."""
    url = f"{state.api_url}/users/{user.login}"
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("U", user.id),
        "avatar_url": f"https://avatars.githubusercontent.com/u/{user.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{state.web_url}/{user.login}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": user.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def public_user_json(state: Identities, user: User) -> Json:
    """A user as `GET /user` gives it."""
    nothing = dict.fromkeys(("bio", "blog", "company", "email", "hireable", "location", "name"))
    counts = dict.fromkeys(("followers", "following", "public_gists", "public_repos"), 0)
    moment = iso(state.now())
    return {**user_json(state, user), **nothing, **counts, "created_at": moment, "updated_at": moment}


def organization_json(state: Identities, user: User) -> Json:
    """The `organization` of a webhook payload."""
    url = f"{state.api_url}/orgs/{user.login}"
    names = ("repos", "events", "hooks", "issues")
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("O", user.id),
        "url": url,
        **{f"{name}_url": f"{url}/{name}" for name in names},
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{user.id}?v=4",
        "description": None,
    }


def app_json(state: Identities, app: AppRecord) -> Json:
    """An App as it stands in check runs, comments and `GET /app`."""
    return {
        "id": app.id,
        "slug": app.slug,
        "node_id": node_id("A", app.id),
        "client_id": app.client_id,
        "owner": user_json(state, app.owner),
        "name": app.slug,
        "description": "",
        "external_url": f"{state.web_url}/apps/{app.slug}",
        "html_url": f"{state.web_url}/apps/{app.slug}",
        "created_at": iso(app.created_at),
        "updated_at": iso(app.created_at),
        "permissions": dict(app.permissions),
        "events": list(app.events),
    }


def installation_json(state: Identities, record: InstallationRecord) -> Json:
    """An installation in full, as the API and the installation events carry it."""
    app = state.apps[record.app_id]
    url = f"{state.api_url}/app/installations/{record.id}"
    return {
        "id": record.id,
        "client_id": app.client_id,
        "account": user_json(state, record.account),
        "repository_selection": "all" if record.repository_ids is None else "selected",
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{state.api_url}/installation/repositories",
        "html_url": f"{state.web_url}/settings/installations/{record.id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": record.account.id,
        "target_type": "Organization" if record.account.type == "Organization" else "User",
        "permissions": dict(record.permissions),
        "events": list(record.events),
        "created_at": iso(record.created_at),
        "updated_at": iso(record.created_at),
        "single_file_name": None,
        "suspended_at": iso(record.suspended_at),
        "suspended_by": None if record.suspended_at is None else user_json(state, record.account),
    }


def token_json(record: TokenRecord, selection: str) -> Json:
    """The answer that carries a new installation token."""
    return {
        "token": record.token,
        "expires_at": iso(record.expires_at),
        "permissions": dict(record.permissions),
        "repository_selection": selection,
    }


def iso_millis(moment: float) -> str:
    """Times of webhook deliveries carry milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
