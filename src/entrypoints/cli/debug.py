"""`modelmux debug`: has the running gateway log the bodies of one key, or of one request."""

import json
import re
from typing import Annotated

import typer

from ...domain.json_values import JsonObject
from ..exchange import is_request_id
from .console import ConfigOption, JsonOption, print_result
from .running import PortOption, ask_workers

_KEY = re.compile(r"mmx_([0-9a-f]+)_.*")
_DURATION = re.compile(r"(\d{1,6})(s|m|h|)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def run(
    key: Annotated[
        str | None, typer.Option("--key", help="A key's id, as the log and `keys list` show it.")
    ] = None,
    request_id: Annotated[
        str | None, typer.Option("--request-id", help="The x-request-id a client will send.")
    ] = None,
    for_: Annotated[
        str, typer.Option("--for", help="How long, such as 90s or 10m; at most 1h.")
    ] = "10m",
    end: Annotated[
        bool, typer.Option("--end", help="Show no more, before the time is up.")
    ] = False,
    config: ConfigOption = None,
    port: PortOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show the bodies of one key or one request in the log for a while, redacted.

    Without --key and --request-id: show for whom that goes on.
    """
    if key is not None and request_id is not None:
        raise typer.BadParameter("name a key or a request, not both", param_hint="--request-id")
    if key is not None and (whole := _KEY.fullmatch(key)):
        key = whole[1]  # who has only the key at hand means the same one
    if request_id is not None and not is_request_id(request_id):
        raise typer.BadParameter(
            "no client can send that: letters, digits, '.', '_' and '-', at most 128",
            param_hint="--request-id",
        )
    arguments: JsonObject = {"seconds": 0 if end else seconds_of(for_)}
    if key is not None:
        arguments = {**arguments, "kind": "key", "name": key}
    elif request_id is not None:
        arguments = {**arguments, "kind": "request", "name": request_id}
    elif end:
        raise typer.BadParameter("whose? name a key or a request", param_hint="--end")
    answers = ask_workers("show_bodies", arguments, config, port)
    if json_output:
        print_result(json.dumps(answers, indent=2))
        return
    # All workers were told the same; the first one's list stands for all.
    shown = answers[0].get("shown") if answers else None
    lines = [str(one) for one in shown] if isinstance(shown, list) else []
    for line in lines or ["no bodies are shown"]:
        print_result(line)


def seconds_of(text: str) -> int:
    """Return the seconds of `90s`, `10m`, `1h` or `90`.

    Raises:
        typer.BadParameter: it is none of these.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise typer.BadParameter("write it such as 90s, 10m or 1h", param_hint="--for")
    return int(match[1]) * _UNITS[match[2]]
