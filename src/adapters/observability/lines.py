"""The lines of the request log, as fields and as a person reads them."""

from typing import Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["debug", "info", "warning", "error"]


class RequestLine(msgspec.Struct, omit_defaults=True, gc=False):
    """A request as it is logged; whatever is not known is left out."""

    ts: str
    level: Level
    event: str
    request_id: str
    method: str
    path: str
    status: int
    duration_ms: float
    first_byte_ms: float | None = None
    tenant: str = ""
    key_id: str | None = None
    model: str = ""
    provider: str = ""
    upstream_model: str = ""
    attempts: int = 0
    relayed: bool = False
    stream: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float | None = None
    adjusted: list[str] | None = None
    outcome: str = ""
    client_gone: bool = False
    error: str | None = None
    error_detail: str | None = None
    choice: tuple[str, ...] | None = None


class AttemptLine(msgspec.Struct, omit_defaults=True, gc=False):
    """A failed attempt as it is logged: the request may still succeed elsewhere."""

    ts: str
    level: Level
    event: str
    provider: str
    upstream_model: str
    attempt: int
    duration_ms: float
    error: str
    upstream_status: int | None = None
    error_detail: str | None = None


_COLOURS: dict[str, str] = {"debug": "2", "info": "32", "warning": "33", "error": "31"}


def pretty_request(line: RequestLine) -> bytes:
    """Return the line for a terminal: when, status, call, who answered, how long, what failed."""
    words = [f"{line.method} {line.path}"]
    if line.model:
        words.append(line.model)
    if line.provider:
        words.append(f"-> {line.provider}/{line.upstream_model}")
    if line.attempts > 1:
        words.append(f"attempts={line.attempts}")
    if line.input_tokens or line.output_tokens:
        words.append(f"tokens={line.input_tokens}+{line.output_tokens}")
    if line.cost_usd is not None:
        words.append(f"cost=${line.cost_usd:.6f}")
    if line.adjusted:
        words.append(f"adjusted={','.join(line.adjusted)}")
    if line.outcome not in ("", "finished"):
        words.append(line.outcome)
    if line.client_gone:
        words.append("client_gone")
    words.append(_milliseconds(line.duration_ms))
    if line.first_byte_ms is not None and line.stream:
        words.append(f"(first {_milliseconds(line.first_byte_ms)})")
    if line.error:
        words.append(f"{line.error}: {line.error_detail}" if line.error_detail else line.error)
    if line.choice:
        words.append(f"[{'; '.join(line.choice)}]")
    return _coloured(line.ts, line.level, str(line.status), words, line.request_id)


def pretty_attempt(line: AttemptLine) -> bytes:
    """Return the line for a terminal."""
    words = [
        f"attempt {line.attempt} at {line.provider}/{line.upstream_model} failed",
        _milliseconds(line.duration_ms),
        f"{line.error}: {line.error_detail}" if line.error_detail else line.error,
    ]
    return _coloured(line.ts, line.level, "...", words, "")


def _milliseconds(value: float) -> str:
    return f"{value / 1000:.1f}s" if value >= 1000 else f"{value:.0f}ms"


def _coloured(ts: str, level: str, mark: str, words: list[str], tail: str) -> bytes:
    # Text that others chose could steer the terminal: control characters are shown, not sent.
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(words))
    safe_tail = "".join(c for c in tail if c.isprintable())
    clock = ts[11:23]
    line = f"\x1b[2m{clock}\x1b[0m \x1b[{_COLOURS[level]}m{mark:>3}\x1b[0m {text}"
    if safe_tail:
        line += f" \x1b[2m{safe_tail}\x1b[0m"
    return line.encode("utf-8", "backslashreplace") + b"\n"
