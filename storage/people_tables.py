"""What people said of failures, and what follows from it. `storage.tables` has them too."""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, text

from storage.columns import Real
from storage.table_parts import KEYED, metadata, whole, words

mutes = Table(
    "mutes",
    metadata,
    whole("repo_id"),
    words("fingerprint", None),
    whole("installation_id", "0"),
    whole("until", nullable=True),
    words("reason"),
    words("by"),
    whole("at", "0"),
    PrimaryKeyConstraint("repo_id", "fingerprint", name="pk_mutes"),
    **KEYED,
)

# A mute that is over because the failure grew; it stands until somebody mutes or unmutes, or a week has passed.
wakes = Table(
    "wakes",
    metadata,
    whole("repo_id"),
    words("fingerprint", None),
    whole("installation_id", "0"),
    whole("at", "0"),
    words("cause"),
    whole("count", "0"),
    Column("before", Real, nullable=False, server_default=text("0")),
    words("branch"),
    words("by"),
    whole("muted_at", "0"),
    whole("run_id", "0"),
    whole("run_attempt", "0"),
    PrimaryKeyConstraint("repo_id", "fingerprint", name="pk_wakes"),
    **KEYED,
)

corrections = Table(
    "corrections",
    metadata,
    whole("repo_id"),
    words("fingerprint", None),
    words("category", None),
    words("was"),
    words("rule"),
    words("by"),
    whole("at", "0"),
    PrimaryKeyConstraint("repo_id", "fingerprint", name="pk_corrections"),
    **KEYED,
)

# One row for every fingerprint that was compared with its elders; `under` is itself where it stands alone.
pattern_joins = Table(
    "pattern_joins",
    metadata,
    whole("installation_id"),
    words("fingerprint", None),
    words("under", None),
    whole("at", "0"),
    PrimaryKeyConstraint("installation_id", "fingerprint", name="pk_pattern_joins"),
    **KEYED,
)

known_failures = Table(
    "known_failures",
    metadata,
    whole("repo_id"),
    words("id", None),
    whole("installation_id", "0"),
    words("pattern"),
    words("category"),
    words("state"),
    words("by"),
    whole("at", "0"),
    whole("issue_number", "0"),
    whole("matched", "0"),
    words("confirmed_by"),
    whole("confirmed_at", "0"),
    whole("looks", "0"),
    whole("next_look_at", "0"),
    PrimaryKeyConstraint("repo_id", "id", name="pk_known_failures"),
    Index("ix_known_failures_state", "state", "next_look_at"),
    **KEYED,
)
