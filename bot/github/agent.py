"""Assigning an issue to the coding agent in the name of a user; the one use of that user's token.

An App's own token cannot: GitHub drops the assignee without a word. Route and body: docs.github.com, "Using the GitHub
API to assign issues to Copilot" (public preview).
"""

from __future__ import annotations

from bot.github.shapes import IssueShape, read
from bot.github.transport import Transport


class CodingAgent:
    """Calls with the token of a user who has a seat for the coding agent."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def assign(
        self, repository: str, number: int, agent: str, *, base_branch: str, instructions: str
    ) -> tuple[str, ...]:
        """Ask for the assignment of `agent`; the logins assigned afterwards, because GitHub may drop it silently."""
        owner, _, repo = repository.partition("/")
        assignment = {"target_repo": repository, "base_branch": base_branch, "custom_instructions": instructions}
        answer = await self._transport.post(
            "/repos/{owner}/{repo}/issues/{number}/assignees",
            {"assignees": [agent], "agent_assignment": assignment},
            owner=owner,
            repo=repo,
            number=str(number),
        )
        return read(answer, IssueShape).assigned
