"""`modelmux troubleshoot TOPIC`."""

import json
from typing import Annotated

import typer

from ...domain.errors import ConfigurationError
from ..settings.resolving import nearest
from .console import JsonOption, print_result, print_rows, say
from .troubles import ALIASES, TROUBLES


def run(
    topic: Annotated[
        str | None, typer.Argument(help="A topic or a status code.", show_default="lists them")
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Explain a trouble and its cure; without a topic list them."""
    if topic is None and json_output:
        topics = [{"topic": name, "about": trouble.about} for name, trouble in TROUBLES.items()]
        print_result(json.dumps(topics))
        return
    if topic is None:
        print_rows(("TOPIC", "WHAT"), [(name, trouble.about) for name, trouble in TROUBLES.items()])
        say("read one: modelmux troubleshoot TOPIC")
        return
    wanted = topic.lower()
    trouble = TROUBLES.get(ALIASES.get(wanted, wanted))
    if trouble is None:
        raise ConfigurationError(
            f'there is no topic "{topic}"', where="TOPIC", hint=nearest(wanted, TROUBLES)
        )
    told = {"about": trouble.about, "text": trouble.text.strip()}
    print_result(json.dumps(told) if json_output else "\n\n".join(told.values()))
