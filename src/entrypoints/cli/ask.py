"""`modelmux ask`: in this process, by the configuration; no server has to run."""

import asyncio
import json
import sys
from typing import Annotated

import typer

from ...domain.errors import ConfigurationError
from ...domain.journal import Journal
from ..container import Container
from ..opening import running
from .console import ConfigOption, JsonOption, print_result
from .loading import load
from .question import ask_once


def run(
    question: Annotated[str, typer.Argument(help="The question; - reads it from stdin.")],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A name.", show_default="the first that is listed"),
    ] = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print the answer as it comes.")] = False,
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Ask a model one question, in this process: no server has to run."""
    asked = sys.stdin.read() if question == "-" else question
    container = Container(loaded=load(config).keeping_nothing())
    text, journal = asyncio.run(_ask(container, model, asked, stream and not json_output))
    if json_output:
        usage = journal.usage
        told = {
            "text": text,
            "provider": journal.provider,
            "model": journal.model,
            "adjusted": [str(adjustment) for adjustment in journal.told],
            "input_tokens": usage.input_tokens if usage else None,
            "output_tokens": usage.output_tokens if usage else None,
        }
        print_result(json.dumps(told, ensure_ascii=False))
    elif stream:
        typer.echo()
    else:
        print_result(text)


async def _ask(
    container: Container, model: str | None, question: str, stream: bool
) -> tuple[str, Journal]:
    text: list[str] = []

    def tell(piece: str) -> None:
        text.append(piece)
        if stream:
            typer.echo(piece, nl=False)
            sys.stdout.flush()

    async with running(container):
        chosen = model or await _first_model(container)
        journal = await ask_once(container.respond(), chosen, question, tell)
    return "".join(text), journal


async def _first_model(container: Container) -> str:
    if not container.planner().models():
        await container.check_health().probe_all()
    known = container.planner().models()
    if not known:
        raise ConfigurationError(
            "no provider lists a model to ask", where="--model", hint="name one: -m provider/model"
        )
    return known[0].id
