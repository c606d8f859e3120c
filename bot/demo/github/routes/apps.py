"""Routes of Apps, installations, webhook deliveries, users and the rate limit."""

from __future__ import annotations

from bot.demo.github.call import Answer, Call, Refusal, Route
from bot.demo.github.paging import listed, wrapped
from bot.demo.github.records import AppRecord, InstallationRecord, Json
from bot.demo.github.shapes.hooks import delivery_json, full_delivery_json
from bot.demo.github.shapes.people import app_json, installation_json, public_user_json, token_json
from bot.demo.github.shapes.repositories import repository_json


def _app(call: Call) -> AppRecord:
    if call.caller.app is None:
        raise Refusal(401, "A JSON web token could not be decoded")
    return call.caller.app


def _installation(call: Call) -> InstallationRecord:
    found = call.state.installations.get(call.number("installation_id"))
    if found is None or found.app_id != _app(call).id:
        raise Refusal(404, "Not Found")
    return found


def get_app(call: Call) -> Answer:
    """`GET /app`."""
    app = _app(call)
    count = sum(record.app_id == app.id for record in call.state.installations.values())
    return Answer({**app_json(call.state, app), "installations_count": count})


def list_installations(call: Call) -> Answer:
    """`GET /app/installations`."""
    own = [record for record in call.state.installations.values() if record.app_id == _app(call).id]
    return listed(call, [installation_json(call.state, record) for record in own])


def get_installation(call: Call) -> Answer:
    """`GET /app/installations/{installation_id}`."""
    return Answer(installation_json(call.state, _installation(call)))


def repository_installation(call: Call) -> Answer:
    """`GET /repos/{owner}/{repo}/installation`: 404 where the App is not installed."""
    try:
        repository = call.state.repository(f"{call.params['owner']}/{call.params['repo']}")
    except KeyError:
        raise Refusal(404, "Not Found") from None
    found = call.state.installation_for(repository, _app(call).id)
    if found is None:
        raise Refusal(404, "Not Found")
    return Answer(installation_json(call.state, found))


def create_token(call: Call) -> Answer:
    """`POST /app/installations/{installation_id}/access_tokens`; it can only narrow what was granted."""
    installation = _installation(call)
    if installation.suspended_at is not None:
        raise Refusal(403, "This installation has been suspended")
    body = call.json_object()
    wanted = body.get("permissions") or installation.permissions
    order = ("none", "read", "write", "admin")
    for name, level in wanted.items():
        if order.index(level) > order.index(installation.permissions.get(name, "none")):
            raise Refusal(422, "The permissions requested are not granted to this installation.")
    token = call.state.mint_token(installation, wanted, _narrowed(call, installation, body))
    selection = "all" if installation.repository_ids is None and token.repository_ids is None else "selected"
    answer = token_json(token, selection)
    if token.repository_ids is not None:
        chosen = [call.state.repositories[number] for number in sorted(token.repository_ids)]
        answer["repositories"] = [repository_json(call.state, repository) for repository in chosen]
    return Answer(answer, 201)


def _narrowed(call: Call, installation: InstallationRecord, body: Json) -> set[int] | None:
    if "repositories" not in body and "repository_ids" not in body:
        return None
    covered = call.state.repositories_of(installation)
    ids, names = set(body.get("repository_ids", [])), set(body.get("repositories", []))
    chosen = {found.id for found in covered if found.id in ids or found.name in names}
    if len(chosen) < len(ids) + len(names):
        raise Refusal(422, "There is at least one repository that does not exist or is not accessible.")
    return chosen


def installation_repositories(call: Call) -> Answer:
    """`GET /installation/repositories`."""
    installation = call.caller.installation
    if installation is None:
        raise Refusal(403, "Resource not accessible by personal access token")
    chosen = call.caller.token.repository_ids if call.caller.token else None
    found = [
        repository
        for repository in call.state.repositories_of(installation)
        if chosen is None or repository.id in chosen
    ]
    return wrapped(call, "repositories", [repository_json(call.state, one) for one in found])


def list_deliveries(call: Call) -> Answer:
    """`GET /app/hook/deliveries`: newest first, a cursor for older ones."""
    app = _app(call)
    found = [one for one in reversed(call.state.deliveries) if one.app_id == app.id]
    wanted = call.query.get("status")
    if wanted:
        low, high = (200, 399) if wanted == "success" else (400, 599)
        found = [one for one in found if low <= one.status_code <= high]
    cursor = call.query.get("cursor", "")
    if cursor:
        found = [one for one in found if one.id < int(cursor.removeprefix("v1_"))]
    size = min(100, int(call.query.get("per_page", "30")))
    page, rest = found[:size], found[size:]
    headers = {}
    if rest:
        query = f"per_page={size}&cursor=v1_{page[-1].id}" + (f"&status={wanted}" if wanted else "")
        headers["Link"] = f'<{call.state.api_url}{call.path}?{query}>; rel="next"'
    return Answer([delivery_json(one) for one in page], headers=headers)


def get_delivery(call: Call) -> Answer:
    """`GET /app/hook/deliveries/{delivery_id}`."""
    for one in call.state.deliveries:
        if one.id == call.number("delivery_id") and one.app_id == _app(call).id:
            return Answer(full_delivery_json(call.state, one))
    raise Refusal(404, "Not Found")


def redeliver(call: Call) -> Answer:
    """`POST /app/hook/deliveries/{delivery_id}/attempts`: sent again, under the same GUID."""
    get_delivery(call)
    call.redeliver(call.number("delivery_id"))
    return Answer({}, 202)


def hook_config(call: Call) -> Answer:
    """`GET` and `PATCH /app/hook/config`; the secret comes back masked."""
    app = _app(call)
    if call.method == "PATCH":
        body = call.json_object()
        app.webhook_url = body.get("url", app.webhook_url)
        app.content_type = body.get("content_type", app.content_type)
        app.webhook_secret = body.get("secret", app.webhook_secret)
    masked = {"secret": "********"} if app.webhook_secret else {}
    config = {"content_type": app.content_type, "insecure_ssl": "0", "url": app.webhook_url}
    return Answer({**config, **masked})


def convert_manifest(call: Call) -> Answer:
    """`POST /app-manifests/{code}/conversions`: the code is good once."""
    app = call.state.manifest_codes.pop(call.params["code"], None)
    if app is None:
        raise Refusal(404, "Not Found")
    secrets = {
        "client_secret": "0123456789abcdef0123456789abcdef01234567",
        "webhook_secret": app.webhook_secret,
        "pem": app.private_key_pem,
    }
    return Answer({**app_json(call.state, app), **secrets}, 201)


def get_user(call: Call) -> Answer:
    """`GET /user`."""
    return Answer(public_user_json(call.state, call.caller.author), headers={"X-OAuth-Scopes": "repo"})


def rate_limit(_: Call) -> Answer:
    """`GET /rate_limit`; whoever counts the requests puts the numbers in."""
    return Answer({"rate": {}, "resources": {}})


def graphql(call: Call) -> Answer:
    """`POST /graphql`, of which only the question is known who may be assigned in a repository."""
    body, user = call.json_object(), call.caller.user
    if "suggestedActors" not in str(body.get("query")) or user is None:
        return Answer({"errors": [{"message": "the stand-in does not know this query"}]})
    variables = body.get("variables") or {}
    try:
        call.state.repository(f"{variables.get('owner')}/{variables.get('name')}")
    except KeyError:
        return Answer({"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "message": "not found"}]})
    agent = [{"login": "copilot-swe-agent"}] if user.login in call.state.agent_seats else []
    return Answer({"data": {"repository": {"suggestedActors": {"nodes": [{"login": user.login}, *agent]}}}})


ROUTES = (
    Route("GET", "/app", get_app, "app"),
    Route("GET", "/app/installations", list_installations, "app"),
    Route("GET", "/app/installations/{installation_id}", get_installation, "app"),
    Route("POST", "/app/installations/{installation_id}/access_tokens", create_token, "app"),
    Route("GET", "/app/hook/deliveries", list_deliveries, "app"),
    Route("GET", "/app/hook/deliveries/{delivery_id}", get_delivery, "app"),
    Route("POST", "/app/hook/deliveries/{delivery_id}/attempts", redeliver, "app"),
    Route("GET", "/app/hook/config", hook_config, "app"),
    Route("PATCH", "/app/hook/config", hook_config, "app"),
    Route("GET", "/repos/{owner}/{repo}/installation", repository_installation, "app"),
    Route("GET", "/installation/repositories", installation_repositories, "installation"),
    Route("POST", "/app-manifests/{code}/conversions", convert_manifest, "public"),
    Route("GET", "/user", get_user, "user"),
    Route("GET", "/rate_limit", rate_limit, "public"),
    Route("POST", "/graphql", graphql, "user"),
)
