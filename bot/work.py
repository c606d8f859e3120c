"""Work that is no delivery: what one job asks the repository's lane to do. The arguments as they are stored."""

from __future__ import annotations

import msgspec

NOTIFY = "notify"
"""Make the notice of these fingerprints now."""
REFRESH = "refresh"
"""Write the reports that show these fingerprints again."""


class Follow(msgspec.Struct, frozen=True):
    """Arguments of both kinds."""

    repo_id: int
    fingerprints: tuple[str, ...]
    commit: str
    """Only on this commit; empty: wherever they are red."""
