"""Takes out of an upstream's words what callers must not learn: keys, inner addresses, traces.

Beyond the secrets that no log may hold either: a log may say where the upstream is.
"""

import re
from ipaddress import ip_address

from ...domain.redaction import REDACTED, redact

_MAX_CHARS = 2000
# Short or unusual keys too, as servers echo them that do not know one; a log would lose too much.
_ECHOED = re.compile(r"\b(?:sk|pk|rk|gsk|xai|hf|fw|nvapi|key|tgp|csk)[-_][A-Za-z0-9*._-]{6,}")
_BEARER = re.compile(r"(?i)\b(bearer\s+)\S+")
# A scheme is short: without a bound, text that never comes to `://` costs its square.
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{0,15}://([^\s/?#'\"<>)\]]*)[^\s'\"<>)\]]*", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?(?![\w.]*\d)")
_INNER_SUFFIXES = (".local", ".internal", ".lan", ".svc", ".cluster.local", ".localdomain")
_TRACE = re.compile(r"Traceback \(most recent call last\)|\n[ \t]+File \"")
_ADDRESS_SHOWN = "[upstream]"


def presentable(text: str, hidden: tuple[str, ...] = ()) -> str:
    """Return `text` bounded, without keys, without the words of `hidden` and inner addresses.

    Public addresses stay: upstreams point at their documents.
    """
    text = text[:_MAX_CHARS]
    trace = _TRACE.search(text)
    if trace is not None:
        text = text[: trace.start()]
    text = _URL.sub(lambda found: _shown(found, hidden), text)
    for word in hidden:
        if word:
            text = text.replace(word, "[hidden]")
    text = _ADDRESS.sub(_shown_address, text)
    text = _BEARER.sub(rf"\1{REDACTED}", _ECHOED.sub(REDACTED, redact(text)))
    return " ".join(text.split())


def _shown(found: re.Match[str], hidden: tuple[str, ...]) -> str:
    host = found[1].rpartition("@")[2].lower()
    if host.startswith("["):
        return _ADDRESS_SHOWN
    host = host.partition(":")[0]
    if host in hidden or "." not in host or host.endswith(_INNER_SUFFIXES):
        return _ADDRESS_SHOWN
    try:
        ip_address(host)
    except ValueError:
        return found[0]
    return _ADDRESS_SHOWN


def _shown_address(found: re.Match[str]) -> str:
    try:
        return found[0] if ip_address(found[1]).is_global else _ADDRESS_SHOWN
    except ValueError:
        return found[0]
