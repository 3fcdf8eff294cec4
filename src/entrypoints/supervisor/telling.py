"""What the supervisor has to say, in the form of the workers' log, one write a line."""

import json
import os
import sys
import time
from datetime import UTC, datetime

from .lines import Message


def tell(level: str, event: str, *, pretty: bool, **told: object) -> None:
    """Write one line of the log."""
    stamp = datetime.fromtimestamp(time.time(), UTC).isoformat().replace("+00:00", "Z")
    if pretty:
        words = " ".join(f"{name}={value}" for name, value in told.items())
        _write(f"{stamp} [{level:<8}] {event:<30} {words}".rstrip())
    else:
        _write(json.dumps({"event": event, **told, "level": level, "ts": stamp}))


def tell_failure(message: Message) -> None:
    """Tell why nothing starts, as the command line tells errors."""
    head = "\x1b[31m\x1b[1merror\x1b[0m" if sys.stderr.isatty() else "error"
    _write(f"{head}: {explain(message)}")


def explain(message: Message) -> str:
    """Return what a worker says of its failure, over several lines."""
    lines = [str(message["message"])]
    if message.get("where"):
        lines.append(f"  --> {message['where']}")
    if message.get("hint"):
        lines.append(f"  hint: {message['hint']}")
    if message.get("detail"):
        lines.append(f"  detail: {message['detail']}")
    return "\n".join(lines)


def _write(line: str) -> None:
    data = f"{line}\n".encode()
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        return  # nobody reads, and there is nowhere to say so
