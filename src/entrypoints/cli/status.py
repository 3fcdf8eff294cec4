"""`modelmux status`: the processes of the gateway that runs."""

import json
from datetime import UTC, datetime

from .console import ConfigOption, JsonOption, print_result, print_rows
from .running import PortOption, tell_gateway


def run(
    config: ConfigOption = None, port: PortOption = None, json_output: JsonOption = False
) -> None:
    """Show the supervisor and the workers of the running gateway."""
    status = tell_gateway("status", config, port)
    if json_output:
        print_result(json.dumps(status, indent=2))
        return
    rows = [("supervisor", str(status["pid"]), "", "", _when(status["started_at"]))]
    rows += [
        (
            f"worker {one['number']}",
            str(one["pid"]),
            str(one["generation"]),
            one["phase"],
            _when(one["started_at"]),
        )
        for one in status["workers"]
    ]
    print_rows(("process", "pid", "generation", "phase", "since"), rows)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
