"""Requests, answers and deliveries held against GitHub's own API description.

Where the description cannot be had, nothing is checked and `reason_unavailable()` says why; the test
`test_stand_in_openapi` shows that as a skip.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from jsonschema import Draft4Validator, FormatChecker, ValidationError

from bot.demo.github.faults import LOG_STORE
from bot.demo.github.recording import RecordedRequest
from bot.demo.webhooks import Delivery
from tests.tools.fetch_openapi import description
from tests.tools.npm import NotAvailable

UNDESCRIBED_KEYS = {"agent_assignment"}
"""Keys of bodies that GitHub documents in prose only."""

GRAPHQL = "/graphql"
"""Described by GitHub's GraphQL schema instead."""

_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@functools.cache
def _loaded() -> tuple[dict[str, Any] | None, str]:
    try:
        return description(), ""
    except NotAvailable as error:
        return None, str(error)


def reason_unavailable() -> str:
    """Why nothing is checked; empty where the description is here."""
    return _loaded()[1]


def check_request(record: RecordedRequest) -> Iterator[str]:
    """What is wrong with a request: the hook for `StandInGitHub(state, on_request=check_request)`."""
    document = _loaded()[0]
    if document is None or record.route in {LOG_STORE, GRAPHQL}:
        return
    operation = document["paths"].get(record.route, {}).get(record.method.lower())
    if operation is None:
        yield f"GitHub's description has no {record.method} {record.route}"
        return
    yield from _query(document, operation, record)
    yield from _body(document, operation, record)


def check_response(record: RecordedRequest) -> Iterator[str]:
    """What is wrong with the stand-in's answer, in status or shape; refusals are checked by status alone."""
    document = _loaded()[0]
    if document is None or record.route == LOG_STORE:
        return
    operation = document["paths"].get(record.route, {}).get(record.method.lower(), {})
    answer = _resolved(document, operation.get("responses", {}).get(str(record.status), {}))
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    if schema is not None and record.status < 300:
        yield from _errors(document, schema, record.response, "the answer")


def check_delivery(delivery: Delivery) -> Iterator[str]:
    """What is wrong with the payload of a webhook delivery."""
    document = _loaded()[0]
    if document is None:
        return
    name = "-".join([delivery.event, *([delivery.payload["action"]] if "action" in delivery.payload else [])])
    body = document["webhooks"].get(name.replace("_", "-"))
    if body is None:
        yield f"GitHub's description has no webhook {name}"
        return
    yield from _errors(document, body["content"]["application/json"]["schema"], delivery.payload, name)


def _query(document: dict[str, Any], operation: dict[str, Any], record: RecordedRequest) -> Iterator[str]:
    # `created` is described as a date-time, but takes ranges: formats are not held against the query.
    parameters = [_resolved(document, one) for one in operation.get("parameters", [])]
    known = {one["name"]: one["schema"] for one in parameters if one["in"] == "query"}
    for name, text in record.query.items():
        if name not in known:
            yield f"query parameter {name!r} is not described"
            continue
        schema = _resolved(document, known[name])
        loose = {key: word for key, word in schema.items() if key != "format"}
        yield from _errors(document, loose, _typed(schema, text), f"query parameter {name!r}")


def _typed(schema: dict[str, Any], text: str) -> object:
    kind = schema.get("type")
    if kind == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    return {"true": True, "false": False}.get(text, text) if kind == "boolean" else text


def _body(document: dict[str, Any], operation: dict[str, Any], record: RecordedRequest) -> Iterator[str]:
    described = _resolved(document, operation.get("requestBody", {}))
    schema = described.get("content", {}).get("application/json", {}).get("schema")
    if schema is None:
        if record.body not in (None, {}):
            yield "a body where GitHub's description has none"
        return
    if record.body is None:
        if described.get("required"):
            yield "no body"
        return
    yield from _errors(document, schema, record.body, "the body")
    known = _properties(document, schema)
    if known and isinstance(record.body, dict):
        for key in record.body.keys() - known - UNDESCRIBED_KEYS:
            yield f"key {key!r} of the body is not described"


def _properties(document: dict[str, Any], schema: dict[str, Any]) -> set[str]:
    schema = _resolved(document, schema)
    parts = [part for word in ("oneOf", "anyOf", "allOf") for part in schema.get(word, [])]
    return set(schema.get("properties", {})).union(*(_properties(document, part) for part in parts))


def _resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        kind, name = value["$ref"].split("/")[2:]
        value = document["components"][kind][name]
    return value


def _errors(document: dict[str, Any], schema: dict[str, Any], value: object, what: str) -> Iterator[str]:
    whole = {"allOf": [schema], "components": document["components"]}
    for error in Draft4Validator(whole, format_checker=_FORMATS).iter_errors(value):
        yield f"{what}: {_told(error)}"


def _told(error: ValidationError) -> str:
    """The innermost reason: an `anyOf` alone says nothing."""
    while error.context:
        told = [one for one in error.context if one.schema != {"type": "null"}] or error.context
        error = min(told, key=lambda one: (one.validator == "type", -len(one.absolute_path)))
    where = "/".join(map(str, error.absolute_path)) or "it"
    return f"{where}: {error.message[:300]}"
