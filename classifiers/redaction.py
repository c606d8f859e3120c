"""Takes secrets out of whatever leaves this package. RE2 throughout: a hostile text cannot hang it.

Formats come from the providers' own documentation; GitHub's installation tokens are of variable length since 2026
(`ghs_<app id>_<JWT>`), so no length is assumed for them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache
from typing import Any

import re2

MASK = "***"
_ANSI = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?)")

_TOKENS = "|".join(
    (
        r"\bgh[por]_[A-Za-z0-9]{30,}",  # GitHub: personal, OAuth, refresh
        r"\bgh[su]_[A-Za-z0-9_.\-]{30,}",  # server and user, of any form and length
        r"\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bv1\.[0-9a-f]{40}\b",  # GitHub's older installation tokens
        r"\bgl(?:pat|ptt|dt|rt|cbt|imt|soat|ft|agent|oas|ffct)-[A-Za-z0-9_.\-]{16,}",  # GitLab
        r"\bGR1348941[A-Za-z0-9_\-]{20}",
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",  # AWS
        r"\bAIza[A-Za-z0-9_\-]{35}",  # Google
        r"\bya29\.[A-Za-z0-9_\-]{20,}",
        r"\bGOCSPX-[A-Za-z0-9_\-]{20,}",
        r"\bxox[abeoprs]-(?:\d-)?[A-Za-z0-9\-]{10,}",  # Slack
        r"\bxapp-\d-[A-Za-z0-9\-]{10,}",
        r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_+\-]{20,}",
        r"discord(?:app)?\.com/api/webhooks/\d+/[A-Za-z0-9_\-]{20,}",
        r"\bnpm_[A-Za-z0-9]{30,}",
        r"\bpypi-[A-Za-z0-9_\-]{16,}",
        r"\bdckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,}",  # Docker
        r"\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}",  # Stripe
        r"\bwhsec_[A-Za-z0-9+/=]{20,}",
        r"\b(?:SK|AC)[0-9a-f]{32}\b",  # Twilio
        r"\bSG\.[A-Za-z0-9_\-]{16,}\.[A-Za-z0-9_\-]{16,}",  # SendGrid
        r"\bkey-[0-9a-f]{32}\b",  # Mailgun
        r"\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_\-]{20,}",  # model providers
        r"\bhf_[A-Za-z0-9]{30,}",
        r"\bdo[opr]_v1_[0-9a-f]{64}\b",  # DigitalOcean
        r"\bdapi[0-9a-f]{32}\b",  # Databricks
        r"\bhv[sbr]\.[A-Za-z0-9_\-]{20,}",  # Vault
        r"\brubygems_[0-9a-f]{40,}",
        r"\bcio[A-Za-z0-9]{32}\b",  # crates.io
        r"\boy2[a-z0-9]{43}\b",  # NuGet
        r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
        r"\bsq0(?:atp|csp)-[A-Za-z0-9_\-]{20,}",  # Square
        r"\bATATT3[A-Za-z0-9_\-=]{20,}",  # Atlassian
        r"\blin_(?:api|oauth)_[A-Za-z0-9]{30,}",  # Linear
        r"\bglsa_[A-Za-z0-9]{32}_[0-9a-f]{8}\b",  # Grafana
        r"\bglc_[A-Za-z0-9+/=]{32,}",
        r"\bsntr[yu]s_[A-Za-z0-9_=+/\-]{30,}",  # Sentry
        r"\bNRAK-[A-Z0-9]{27}\b",  # New Relic
        r"\bdp\.(?:pt|st|ct|sa)\.[A-Za-z0-9_.\-]{30,}",  # Doppler
        r"\bAGE-SECRET-KEY-1[A-Z0-9]{20,}",
        r"\bEAACEdEose0cBA[0-9A-Za-z]+",
        r"\b[A-Za-z0-9_~.\-]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}",  # Azure client secret
        r"(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/=]{30,}",
        r"[?&]sig=[A-Za-z0-9%+/=]{30,}",  # Azure and signed URLs
        r"X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)=[A-Za-z0-9%/+=._\-]+",
        r"\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*)*",  # JWT
    )
)
_NAME = (
    r"(?:[A-Za-z0-9_.\-]*(?:(?:passw(?:or)?d|passwd|passphrase|secret|api[_\-]?key|apikey|access[_\-]?key|auth[_\-]?key"
    r"|private[_\-]?key|signing[_\-]?key|encryption[_\-]?key|account[_\-]?key|credential|token)s?"
    r"(?:\d{1,3}|[_\-][A-Za-z0-9_\-]{0,40}|keys?|values?|error|exception)?|_pwd|_pat)|pwd|pass)"
)
_ASSIGNMENT = (
    r"(?i)(?P<name>"
    + _NAME
    + r"""["']?(?:\s?(?:=>|:=|=)\s?|\s?:\s?|\s))(?P<quote>["']?)(?P<value>[^\s"',;&)}\]]{3,})"""
)
_BASIC = r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.\-]*://)(?P<user>[^\s/:@'\"]*:)(?P<secret>[^\s/@'\"]+)@"
_USER_URL = r"(?P<scheme>\bhttps?://)(?P<secret>[^\s/:@'\"]{16,})@"
_HEADER = (
    r"(?i)(?P<name>\b(?:authorization|proxy-authorization|x-api-key|private-token|job-token|x-auth-token|cookie|set-cookie)"
    r"['\"]?\s?[:=]\s?['\"]?(?:(?:basic|bearer|token|digest|negotiate)\s+)?|\bbearer\s+)(?P<value>[A-Za-z0-9_\-.~+/=:]{8,})"
)
_FLAG = (
    r"(?P<name>(?:^|\s)--?(?i:password|passwd|pass|token|secret|api-?key|auth-token|access-token)[= ]"
    r"|\bcurl\b[^|;&\n]*?\s(?:-u|--user)[= ]?[^\s:]+:)(?P<value>[^\s'\"-][^\s'\"]{3,})"
)
_PEM = (
    r"(?s)-----BEGIN (?P<kind>[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?)-----.*?"
    r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)"
)
_PEM_BODY = r"(?m)^(?P<lead>[ \t|#>*]*)(?P<body>[A-Za-z0-9+/]{60,76}={0,2})[ \t]*$"

_PLAIN = frozenset(
    {"null", "none", "true", "false", "undefined", "nil", "empty", "required", "missing", "invalid", "expired", "is",
     "not", "was", "for", "and", "the", "has", "must", "found", "string", "str", "int", "bool", "type", "optional"}
)  # fmt: skip
_WEAK_NAMES = re.compile(r"(?i)token|credential|_pat|pass$")
_SEPARATED_BY_SPACE = re.compile(r"\s$")


def redact(text: str) -> str:
    """The text with every secret masked by `***`. Colours are taken off too: they can split a token."""
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if len(text) < 4:
        return text
    if "PRIVATE KEY" in text:
        text = _sub("pem", text, lambda match: f"-----BEGIN {match.group('kind')}-----{MASK}")
    text = _sub("tokens", text, lambda _: MASK)
    if "://" in text:
        text = _sub("basic", text, lambda m: f"{m.group('scheme')}{m.group('user')}{MASK}@")
        text = _sub("user_url", text, lambda m: f"{m.group('scheme')}{MASK}@")
    text = _sub("header", text, lambda m: m.group("name") + MASK)
    text = _sub("flag", text, lambda m: m.group("name") + MASK)
    text = _sub("assignment", text, _assignment)
    return _sub("pem_body", text, _body)


def shorten(text: str, width: int) -> str:
    """At most `width` characters. What is cut is masked first: half a secret has no form by which to know it."""
    return text if len(text) <= width else redact(text)[:width]


def _assignment(match: Any) -> str:
    name, quote, value = match.group("name"), match.group("quote"), match.group("value")
    whole: str = match.group()
    bare = name.rstrip("\"' :=>")
    if value.strip(".*'\"`").lower() in _PLAIN or value.startswith(("$", "<", "{", "[", "(", "*")):
        return whole
    if _prose(match, bare) or _code(bare, value):
        return whole
    spaced = bool(_SEPARATED_BY_SPACE.search(name)) and not name.rstrip().endswith(("=", ":", ">"))
    if spaced and not looks_random(value):
        return whole
    if _WEAK_NAMES.search(bare) and not looks_random(value) and not name.rstrip("\"' ").endswith("="):
        return whole
    return f"{name}{quote}{MASK}"


def _prose(match: Any, name: str) -> bool:
    """`InvalidPasswordError: password authentication failed` is a sentence, no assignment."""
    value = match.group("value")
    if not value.isalpha() or not match.group("name").rstrip("\"' ").endswith(":"):
        return False
    return name.endswith(("Error", "Exception", "Failure", "Warning")) or match.string[match.end() :][:1] == " "


def _code(name: str, value: str) -> bool:
    """A folder, a call, a count, or the name of the variable that holds the secret."""
    if name.lower().endswith("pwd") and value.startswith(("/", "`", "~")):
        return True
    if re.match(r"[\w.]*\(", value) or (value.rstrip(".").isdigit() and name.lower().endswith("s")):
        return True
    return bool(re.fullmatch(r"[A-Z][A-Z0-9_]*_(?:TOKEN|PASSWORD|SECRET|KEY|PASS|PAT)", value))


def _body(match: Any) -> str:
    body = match.group("body")
    return str(match.group("lead") + MASK if looks_random(body) else match.group())


def looks_random(value: str) -> bool:
    """High entropy, and neither a hash, an identifier, a path nor a version."""
    value = value.strip(".,:;")
    if len(value) < 16 or re.fullmatch(r"[0-9a-fA-F-]+|[a-z_]+|[A-Z_]+|[\d.]+|[A-Za-z]+", value):
        return False
    if value.count("/") > 1 and not re.search(r"[+=]", value):
        return False
    kinds = sum(bool(re.search(kind, value)) for kind in ("[a-z]", "[A-Z]", r"\d"))
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    return kinds >= 2 and entropy >= 3.3 and bool(re.search(r"\d", value))


_PATTERNS = {
    "pem": _PEM,
    "tokens": _TOKENS,
    "basic": _BASIC,
    "user_url": _USER_URL,
    "header": _HEADER,
    "flag": _FLAG,
    "assignment": _ASSIGNMENT,
    "pem_body": _PEM_BODY,
}


@cache
def _compiled(name: str) -> Any:
    return re2.compile(_PATTERNS[name])


def _sub(name: str, text: str, replacement: Any) -> str:
    result: str = _compiled(name).sub(replacement, text)
    return result
