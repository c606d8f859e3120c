"""Whose turn it is: the query that picks the next jobs, in SQL that both engines read.

First by priority. Within a priority the installations take turns, beginning after the one that was served last, so
that a single job of one waits for at most one job of each other, however many those have. Within an installation the
lane whose next job has waited for longest goes first, and within a lane the oldest job.

What a look costs grows with the lanes that have work, not with the jobs: the index leads from the oldest job of one
lane straight to that of the next (a "loose index scan", written as a recursion, because neither engine does it by
itself). Each priority is walked in two parts, the installations after the last one served and then the others, and a
walk ends as soon as it has met as many installations with work as jobs are wanted.
"""

from __future__ import annotations

from storage.tables import READY, RUNNING

_PRIORITIES = 4
_LOWEST, _HIGHEST = -1, 2**62
"""No installation's id lies beyond these."""

_PARTS = ", ".join(
    f"({priority}, 0, {{after}}, CAST({_HIGHEST} AS BIGINT)), ({priority}, 1, CAST({_LOWEST} AS BIGINT), {{after}})"
    for priority in range(_PRIORITIES)
)
_IN_LANE = f"state = {READY} AND lane IS NOT NULL"
_LOOSE = f"state = {READY} AND lane IS NULL"
_FREE = f"""
 CASE WHEN j.run_at_ms <= {{now}} AND j.installation_id <> {{skip}}
   AND NOT EXISTS (SELECT 1 FROM jobs AS busy WHERE busy.lane = j.lane AND busy.state = {RUNNING})
   AND NOT EXISTS (SELECT 1 FROM jobs AS older
                   WHERE older.lane = j.lane AND older.state + 0 = {READY} AND older.id < j.id)
 THEN 1 ELSE 0 END
"""  # noqa: S608 - constants only
_DUE = "CASE WHEN j.run_at_ms <= {now} AND j.installation_id <> {skip} THEN 1 ELSE 0 END"
# `state + 0` keeps a planner without statistics from the partial indices, which would be read from end to end there.
# `free`: this job can run. `before`: one of the installation's earlier lanes had such a job. `met`: how many
# installations before this one had one.
_NEXT = f"""
WITH RECURSIVE
parts(priority, part, low, high) AS (VALUES {_PARTS}),
heads(priority, part, high, installation_id, lane, id, run_at_ms, free, before, met) AS (
  SELECT p.priority, p.part, p.high, j.installation_id, j.lane, j.id, j.run_at_ms, {_FREE}, 0, 0
  FROM parts AS p JOIN jobs AS j ON j.id = (
    SELECT id FROM jobs WHERE {_IN_LANE} AND priority = p.priority
      AND installation_id > p.low AND installation_id <= p.high
    ORDER BY installation_id, lane, id LIMIT 1)
  WHERE p.priority <= {{most}}
  UNION ALL
  SELECT h.priority, h.part, h.high, j.installation_id, j.lane, j.id, j.run_at_ms, {_FREE},
    CASE WHEN j.installation_id = h.installation_id THEN h.before | h.free ELSE 0 END,
    CASE WHEN j.installation_id = h.installation_id THEN h.met ELSE h.met + (h.before | h.free) END
  FROM heads AS h JOIN jobs AS j ON j.id = coalesce((
      SELECT id FROM jobs WHERE {_IN_LANE} AND priority = h.priority
        AND installation_id = h.installation_id AND lane > h.lane AND h.installation_id <> {{skip}}
      ORDER BY lane, id LIMIT 1),
    (
      SELECT id FROM jobs WHERE {_IN_LANE} AND priority = h.priority
        AND installation_id > h.installation_id AND installation_id <= h.high
      ORDER BY installation_id, lane, id LIMIT 1))
  WHERE h.met < {{limit}}
),
loose(priority, part, high, installation_id, id, run_at_ms, free, place, met) AS (
  SELECT p.priority, p.part, p.high, j.installation_id, j.id, j.run_at_ms, {_DUE}, 1, 0
  FROM parts AS p JOIN jobs AS j ON j.id = (
    SELECT id FROM jobs WHERE {_LOOSE} AND priority = p.priority
      AND installation_id > p.low AND installation_id <= p.high
    ORDER BY installation_id, run_at_ms, id LIMIT 1)
  WHERE p.priority <= {{most}}
  UNION ALL
  SELECT l.priority, l.part, l.high, j.installation_id, j.id, j.run_at_ms, {_DUE},
    CASE WHEN j.installation_id = l.installation_id THEN l.place + 1 ELSE 1 END,
    CASE WHEN j.installation_id = l.installation_id OR l.place = 1 AND l.free = 0 THEN l.met ELSE l.met + 1 END
  FROM loose AS l JOIN jobs AS j ON j.id = coalesce((
      SELECT id FROM jobs WHERE {_LOOSE} AND priority = l.priority AND installation_id = l.installation_id
        AND (run_at_ms, id) > (l.run_at_ms, l.id) AND l.free = 1 AND l.place < {{limit}}
      ORDER BY run_at_ms, id LIMIT 1),
    (
      SELECT id FROM jobs WHERE {_LOOSE} AND priority = l.priority
        AND installation_id > l.installation_id AND installation_id <= l.high
      ORDER BY installation_id, run_at_ms, id LIMIT 1))
  WHERE l.met < {{limit}}
),
found(priority, part, installation_id, run_at_ms, id) AS (
  SELECT priority, part, installation_id, run_at_ms, id FROM heads WHERE free = 1
  UNION ALL
  SELECT priority, part, installation_id, run_at_ms, id FROM loose WHERE free = 1
),
turns(id, priority, turn, part, installation_id) AS (
  SELECT id, priority,
    row_number() OVER (PARTITION BY priority, installation_id ORDER BY run_at_ms, id), part, installation_id
  FROM found
)
"""  # noqa: S608 - constants only
_ORDER = "t.priority, t.turn, t.part, t.installation_id"
COLUMNS = ("id", "kind", "lane", "attempts", "guid", "args", "installation_id", "run_at_ms", "priority")
"""What the claims return of each job, in this order."""
# On SQLite a `?` with a number may come more than once; the order is that of `claim`'s values on both engines.
_SQLITE_NAMES = {"now": "?3", "limit": "?4", "after": "?5", "skip": "?6", "most": "?7"}
_POSTGRES_NAMES = {
    "now": "$3::bigint",
    "limit": "$4::bigint",
    "after": "$5::bigint",
    "skip": "$6::bigint",
    "most": "$7::bigint",
}
_HOLD = f"UPDATE jobs SET state = {RUNNING}, attempts = attempts + 1, owner = {{owner}}, lease_until_ms = {{until}}"  # noqa: S608
_LOCKED = f"""
, free AS (
  SELECT j.id FROM turns AS t JOIN jobs AS j ON j.id = t.id
  WHERE j.state + 0 = {READY} ORDER BY {_ORDER} LIMIT $4 FOR UPDATE OF j SKIP LOCKED)
"""  # noqa: S608 - constants only
SQLITE = " ".join(
    (
        _NEXT.format(**_SQLITE_NAMES),
        _HOLD.format(owner="?1", until="?2"),
        f"WHERE id IN (SELECT t.id FROM turns AS t ORDER BY {_ORDER} LIMIT ?4) RETURNING {', '.join(COLUMNS)}",  # noqa: S608
    )
)
POSTGRES = " ".join(
    (
        _NEXT.format(**_POSTGRES_NAMES),
        _LOCKED,
        _HOLD.format(owner="$1", until="$2"),
        f"FROM free WHERE jobs.id = free.id RETURNING {', '.join('jobs.' + name for name in COLUMNS)}",
    )
)
