"""Sets up the log of everything that is not per request.

structlog takes 0.4 s to import: only what serves imports this module. Code elsewhere logs through
`logging` with `extra=`, or through structlog; both end here, in one form and redacted.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# These tell each request or statement, one of them with its values; the request log does better.
_TALKERS = ("httpx", "httpcore", "sqlalchemy", "aiosqlite", "asyncio", "uvicorn.access")
_SECRET_FIELDS = frozenset(
    {"authorization", "api_key", "api-key", "x-api-key", "cookie", "password", "secret", "token"}
)


def configure_logging(
    *,
    level: str,
    redact: Callable[[str], str],
    stream: TextIO | None = None,
    pretty: bool | None = None,
) -> None:
    """Send structlog's and logging's events to `stream` (standard error), one line each.

    `pretty` None means: if the stream is a terminal. May be called again.

    Raises:
        KeyError: there is no such level.
    """
    threshold = _LEVELS[level]
    sink = sys.stderr if stream is None else stream
    colourful = sink.isatty() if pretty is None else pretty
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        stamp,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(timestamp_key="ts")
        if colourful
        else structlog.processors.JSONRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _Redactor(redact),
            renderer,
        ],
    )
    handler = logging.StreamHandler(sink)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(threshold)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in _TALKERS:
        logging.getLogger(name).setLevel(max(threshold, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


class _Redactor:
    """Passes every text of an event through `redact`, however deep it lies."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        self._redact = redact

    def __call__(self, _logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
        return {key: self._clean(key, value) for key, value in event.items()}

    def _clean(self, key: object, value: Any) -> Any:  # Any: a log field may hold anything
        if isinstance(key, str) and key.lower() in _SECRET_FIELDS:
            return "[redacted]"
        if isinstance(value, str):
            return self._redact(value)
        if isinstance(value, Mapping):
            members = cast("Mapping[object, Any]", value)  # isinstance cannot see the parameters
            return {inner: self._clean(inner, entry) for inner, entry in members.items()}
        if isinstance(value, list | tuple | set | frozenset):
            entries = cast("Iterable[Any]", value)  # isinstance cannot see the parameters
            return [self._clean(None, entry) for entry in entries]
        if isinstance(value, int | float | bool | None):
            return value
        return self._redact(str(value))
