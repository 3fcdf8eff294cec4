"""`modelmux troubleshoot TOPIC`."""

from typing import Annotated

import typer

from ...domain.errors import ConfigurationError
from ..settings_resolving import nearest
from .console import print_result, print_rows, say
from .troubles import ALIASES, TROUBLES


def run(
    topic: Annotated[
        str | None, typer.Argument(help="A topic or a status code.", show_default="lists them")
    ] = None,
) -> None:
    """Explain a trouble and its cure; without a topic list them."""
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
    print_result(f"{trouble.about}\n\n{trouble.text.strip()}")
