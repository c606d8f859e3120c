"""Routes of comments and reactions on issues and pull requests."""

from __future__ import annotations

from datetime import datetime

from bot.demo.github.auth import has_push
from bot.demo.github.call import Answer, Call, Refusal, Route
from bot.demo.github.limits import check_body, invalid
from bot.demo.github.paging import listed
from bot.demo.github.records import CommentRecord, ReactionRecord
from bot.demo.github.routes.issues import issue_of
from bot.demo.github.shapes.issues import REACTIONS, comment_json, reaction_json


def _comment(call: Call) -> CommentRecord:
    found = call.state.comment(call.repository, call.number("comment_id"))
    if found is None:
        raise Refusal(404, "Not Found")
    return found


def create(call: Call) -> Answer:
    """`POST …/issues/{issue_number}/comments`: 403 where the conversation is locked."""
    issue = issue_of(call)
    if issue.locked:
        raise Refusal(403, "Unable to create comment because issue is locked.")
    body = check_body(call.json_object().get("body"), "IssueComment")
    comment = call.state.add_comment(
        call.repository.full_name,
        issue.number,
        body,
        author=call.caller.author.login,
        app_id=call.caller.app_id,
    )
    return Answer(comment_json(call.state, call.repository, comment), 201)


def list_comments(call: Call) -> Answer:
    """`GET …/issues/{issue_number}/comments`, oldest first."""
    since = call.query.get("since")
    bound = datetime.fromisoformat(since).timestamp() if since else 0.0
    found = [note for note in issue_of(call).comments if note.updated_at >= bound]
    return listed(call, [comment_json(call.state, call.repository, note) for note in found])


def get_comment(call: Call) -> Answer:
    """`GET …/issues/comments/{comment_id}`."""
    return Answer(comment_json(call.state, call.repository, _comment(call)))


def update(call: Call) -> Answer:
    """`PATCH …/issues/comments/{comment_id}`: one's own; an over-long body is refused here."""
    comment = _comment(call)
    _permit(call, comment)
    comment.body = check_body(call.json_object().get("body"), "IssueComment")
    comment.updated_at = call.state.now()
    return Answer(comment_json(call.state, call.repository, comment))


def delete(call: Call) -> Answer:
    """`DELETE …/issues/comments/{comment_id}`."""
    comment = _comment(call)
    _permit(call, comment)
    call.repository.issues[comment.number].comments.remove(comment)
    return Answer(None, 204)


def _permit(call: Call, comment: CommentRecord) -> None:
    user = call.caller.user
    if user is None or user is comment.user or has_push(call.state, call.repository, user.login):
        return
    raise Refusal(403, "Must have admin rights to Repository.")


def react_to_comment(call: Call) -> Answer:
    """`POST …/issues/comments/{comment_id}/reactions`: 200 where it was there already."""
    return _react(call, _comment(call).reactions)


def react_to_issue(call: Call) -> Answer:
    """`POST …/issues/{issue_number}/reactions`."""
    return _react(call, issue_of(call).reactions)


def _react(call: Call, reactions: list[ReactionRecord]) -> Answer:
    content = call.json_object().get("content")
    if content not in REACTIONS:
        raise invalid("Reaction", "content", f"{content!r} is not a reaction", "invalid")
    reaction, new = call.state.react(reactions, call.caller.author, content)
    return Answer(reaction_json(call.state, reaction), 201 if new else 200)


def list_reactions(call: Call) -> Answer:
    """`GET …/issues/comments/{comment_id}/reactions`."""
    wanted = call.query.get("content")
    found = [one for one in _comment(call).reactions if wanted in (None, one.content)]
    return listed(call, [reaction_json(call.state, one) for one in found])


def delete_reaction(call: Call) -> Answer:
    """`DELETE …/issues/comments/{comment_id}/reactions/{reaction_id}`."""
    reactions = _comment(call).reactions
    for reaction in reactions:
        if reaction.id == call.number("reaction_id"):
            reactions.remove(reaction)
            return Answer(None, 204)
    raise Refusal(404, "Not Found")


_READ = (("issues", "read"), ("pull_requests", "read"))
_WRITE = (("issues", "write"), ("pull_requests", "write"))
_REACT = (("issues", "write"),)
_ROOT = "/repos/{owner}/{repo}/issues"
_ONE = f"{_ROOT}/comments/{{comment_id}}"

ROUTES = (
    Route("POST", f"{_ROOT}/{{issue_number}}/comments", create, permissions=_WRITE),
    Route("GET", f"{_ROOT}/{{issue_number}}/comments", list_comments, permissions=_READ),
    Route("GET", _ONE, get_comment, permissions=_READ),
    Route("PATCH", _ONE, update, permissions=_WRITE),
    Route("DELETE", _ONE, delete, permissions=_WRITE),
    Route("POST", f"{_ONE}/reactions", react_to_comment, permissions=_REACT),
    Route("GET", f"{_ONE}/reactions", list_reactions, permissions=_READ),
    Route("DELETE", f"{_ONE}/reactions/{{reaction_id}}", delete_reaction, permissions=_REACT),
    Route("POST", f"{_ROOT}/{{issue_number}}/reactions", react_to_issue, permissions=_REACT),
)
