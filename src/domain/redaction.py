"""The one redactor of secrets, through which every sink passes what may hold one.

It works on text, whoever wrote it: headers, JSON (also inside a JSON string), URLs, tracebacks.
What is not secret stays readable: `mmx_<id>_[redacted]`. A pattern starts only where none of its
own letters stands before, and repeats are possessive: hostile text costs one pass a rule.
"""

import re
from typing import NamedTuple

REDACTED = "[redacted]"


class _Rule(NamedTuple):
    """Without one of `words`, in lower case, `pattern` cannot match."""

    words: tuple[str, ...]
    pattern: re.Pattern[str]
    replacement: str


_NAMES = (
    r"(?:proxy-)?authorization|(?:[a-z]{1,20}[-_]){0,3}api[-_]?key|ocp-apim-subscription-key|"
    r"x-auth-token|x-amz-security-token|(?:set-)?cookie|client[-_]?secret|"
    r"(?:aws[-_])?secret[-_]?access[-_]?key|(?:access|refresh|id|session|auth|security)[-_]?token|"
    r"private[-_]?key|password|passwd"
)
_NAME_WORDS = ("authorization", "key", "token", "cookie", "secret", "passw")
_QUOTE = r"""\\*+["']?"""
_SCHEME = r"(?:(?:bearer|basic|token)\s++)?+"
_VALUE = r"""(?!\[redacted\])[^\s"'\\,;&]++"""
_START = r"(?<![A-Za-z0-9])"

_RULES = (
    _Rule(
        ("-----begin",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,30}?PRIVATE KEY-----.*?(?:-----END [^-]*+-----|\Z)", re.DOTALL
        ),
        REDACTED,
    ),
    _Rule(  # a header or a member: `name: value`, `name=value`, `"name": "value"`
        _NAME_WORDS,
        re.compile(
            rf"(?i){_START}((?:{_NAMES}){_QUOTE}\s*+[:=]>?\s*+(?:b(?=[\"']))?{_QUOTE}{_SCHEME}){_VALUE}"
        ),
        rf"\1{REDACTED}",
    ),
    _Rule(  # a pair as Python prints it: `('name', 'value')`
        _NAME_WORDS,
        re.compile(rf"(?i)(\(b?[\"'](?:{_NAMES})[\"'],\s*+(?:Secret\()?b?[\"']{_SCHEME}){_VALUE}"),
        rf"\1{REDACTED}",
    ),
    _Rule(
        ("bearer ", "basic "),
        re.compile(
            rf"(?i){_START}(bearer\s++|basic\s++(?=[a-z0-9+/]{{15}}))"
            r"(?!\[redacted\])[a-z0-9._~+/=-]{6,}+"
        ),
        rf"\1{REDACTED}",
    ),
    _Rule(
        ("mmx_",),
        re.compile(rf"{_START}mmx_([0-9a-zA-Z]++)_[\w-]{{8,}}+"),
        rf"mmx_\1_{REDACTED}",
    ),
    _Rule(
        ("sk-", "pk-", "rk-", "gsk_", "hf_", "xai-", "ghp_", "r8_"),
        # Some servers mask a key they tell of: `sk-ab***yz`.
        re.compile(rf"{_START}((?:sk|pk|rk|xai)-|(?:gsk|hf|ghp|r8)_)[\w*-]{{8,}}+"),
        rf"\1{REDACTED}",
    ),
    _Rule(
        ("nvapi-", "csk-", "fw_", "tgp_"),
        re.compile(rf"{_START}((?:nvapi|csk)-|(?:fw|tgp)_)[\w*-]{{16,}}+"),
        rf"\1{REDACTED}",
    ),
    _Rule(("aiza",), re.compile(rf"{_START}AIza[\w-]{{10,}}+"), f"AIza{REDACTED}"),
    _Rule(("ya29.",), re.compile(rf"{_START}ya29\.[\w.-]++"), f"ya29.{REDACTED}"),
    _Rule(("akia", "asia"), re.compile(rf"{_START}(AKIA|ASIA)[0-9A-Z]{{16}}"), rf"\1{REDACTED}"),
    _Rule(("eyj",), re.compile(r"(?<![\w-])eyJ[\w-]{6,}+\.[\w-]{6,}+(?:\.[\w-]*+)*+"), REDACTED),
    _Rule(
        ("?", "&"),
        re.compile(r"(?i)([?&](?:key|token|sig|signature|code|secret)=)[^&\s\"'#\\]++"),
        rf"\1{REDACTED}",
    ),
    _Rule(
        ("://",),
        re.compile(r"(://)[^\s/@\"':?#]*+:[^\s/@\"']*+@"),
        rf"\1{REDACTED}@",
    ),
)


def redact(text: str) -> str:
    """Return `text` without the secrets in it."""
    lowered = text.lower()
    for rule in _RULES:
        for word in rule.words:
            if word in lowered:
                text = rule.pattern.sub(rule.replacement, text)
                break
    return text
