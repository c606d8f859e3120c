"""Where a job's log may lie. GitHub's redirect is followed nowhere else, whoever answered in its name.

Hosts of github.com: docs.github.com/actions/reference/runners/self-hosted-runners, "Communication requirements";
the store itself is Azure's.
"""

from __future__ import annotations

from dataclasses import dataclass

from yarl import URL

from bot.settings import is_loopback

KNOWN = ("githubusercontent.com", "blob.core.windows.net")
"""These and what is below them, besides the API's own host and what is below that."""


@dataclass(frozen=True, slots=True)
class LogHosts:
    """Judges addresses. `more` are the operator's own: hosts that count with everything below them."""

    api_url: str
    more: tuple[str, ...] = ()

    def allow(self, url: URL) -> bool:
        """Whether a log may be read there: over TLS unless the API itself is without, from a host that is known.

        Where the API is on this machine, as in tests, so may the store be.
        """
        api, host = URL(self.api_url), _host(url)
        if url.user is not None or url.scheme not in {"https", api.scheme}:
            return False
        if is_loopback(_host(api)) and is_loopback(host):
            return True
        own = _host(api).removeprefix("api.")
        return any(host == known or host.endswith(f".{known}") for known in (own, *KNOWN, *self.more))


def _host(url: URL) -> str:
    return (url.raw_host or "").rstrip(".").lower()
