"""A stable, versioned identity for "the same failure".

Whatever differs between branches, repositories, machines and runs is masked: times, temporary and checkout paths,
hashes, ports, durations, counts, run ids. Change a mask only together with `VERSION`.
"""

from __future__ import annotations

import hashlib
import re

from classifiers.model import Category

VERSION = "1"
_LENGTH = 16
_MASKS = re.compile(
    r"""
    (?P<url>\b(?:https?|ssh|git|wss?|postgres(?:ql)?|mysql|redis|amqp|mongodb)://[^\s'"<>)\]]+)
    |(?P<time>\b\d{4}[-/]\d\d[-/]\d\d(?:[T\ ,]\s?\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?)?(?:Z|\s?[+-]\d\d:?\d\d)?
      |\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b
      |\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\s(?:\d{1,2}\s)?[A-Z][a-z]{2}\s[\d: ]{4,20}(?:[A-Z]{3,4}\s)?\d{4}\b)
    |(?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)
    |(?P<path>(?:(?<![\w.])|\b[A-Za-z]:)(?:[/\\](?:[\w.@+~-]|\$\{?\w)[^\s'"<>()\[\]{},;:|]*))
    |(?P<hex>\b0x[0-9a-fA-F]+\b|@[0-9a-f]{5,16}\b)
    |(?P<hash>\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b|\bsha(?:1|256|512)[:-][\w+/=-]{16,})
    |(?P<duration>\b\d+(?:[.,]\d+)?\s?(?:ms|µs|us|ns|sec(?:ond)?s?|min(?:ute)?s?|hours?|hrs?|[smh])\b)
    |(?P<number>(?<![A-Za-z_\d])\d[\d,._]*(?=[kKMGT]i?B\b|\b|[^A-Za-z\d]))
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W\d_]{3,}")
_COMMON_WORDS = (
    "assert assertion assertionerror expected actual got but was not equal true false none null error errors exception "
    "failed fail failure failures test tests build path the and time url hex hash uuid"
)
_COMMON = frozenset(_COMMON_WORDS.split())
_SPACE = re.compile(r"\s+")
_LIMIT = 600


def fingerprint(category: Category, message: str, wrapper_context: tuple[str, str, str] | None = None) -> str:
    """`1-` and 16 hex digits. `wrapper_context` is (workflow, job, step) where only a wrapper line is known."""
    parts = [str(category), normalised(message)]
    if wrapper_context is not None:
        parts += [normalised(_without_matrix(part)) for part in wrapper_context]
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=_LENGTH // 2).hexdigest()
    return f"{VERSION}-{digest}"


def says_little(message: str) -> bool:
    """Hardly a word of its own (`assert 3 == 4`, `FAIL`): many different failures say the same."""
    words = {word for word in _WORD.findall(normalised(message)) if word not in _COMMON}
    return len(words) < 2


def normalised(message: str) -> str:
    """The message with everything masked that differs between two sights of one failure."""
    text = _MASKS.sub(_mask, message[:_LIMIT])
    return _SPACE.sub(" ", text).strip().lower()


def _mask(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    if kind == "path":
        return _tail(match.group())
    if kind in ("number", "duration"):
        return _number(match.group())
    return f"<{kind}>"


def _tail(path: str) -> str:
    """A path keeps the name of its file: its folders belong to the machine."""
    name = re.split(r"[/\\]", path.rstrip("/\\"))[-1]
    return "<path>/" + re.sub(r"\d+|[0-9a-f]{6,}", "#", name)


def _number(text: str) -> str:
    return "#" if text[-1].isdigit() or text[-1].isalpha() else "#" + text.lstrip("0123456789.,_")


def _without_matrix(name: str) -> str:
    """A job's name without its matrix values: all legs that fail alike are one failure."""
    return re.sub(r"\s*\([^()]*\)\s*$", "", name)
