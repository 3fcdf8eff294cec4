"""`modelmux init`, also spelled `config init`."""

from pathlib import Path
from typing import Annotated

import questionary
import typer

from ...domain.errors import ConfigurationError
from ..container import key_variable, preset_names
from ..settings.file import FILE_NAME
from ..settings.resolving import nearest
from .console import is_person_there, print_result, say
from .init_templates import TEMPLATES, Template, fill, template_of_service


def run(
    preset: Annotated[
        str | None,
        typer.Option("--preset", "-p", help=f"One of {', '.join(TEMPLATES)}, or a known service."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path(
        FILE_NAME
    ),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file.")] = False,
) -> None:
    """Write a modelmux.toml, asking what it needs."""
    if output.exists() and not force:
        raise ConfigurationError(
            f"{output} is already there", where="--output", hint="--force writes over it"
        )
    asks = not yes and is_person_there()
    if preset is None and not asks:
        raise ConfigurationError(
            "there is nobody to ask which provider", where="--preset", hint="--preset vertex --yes"
        )
    chosen = _template(preset or _ask_preset())
    answers = {
        question.key: _ask(question.prompt, question.answer) if asks else question.answer
        for question in chosen.questions
    }
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(fill(chosen, answers), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {output}: {error.strerror}", where="--output"
        ) from error
    print_result(str(output))
    say("next: modelmux check --online, then modelmux serve")


def _template(preset: str) -> Template:
    name = {"openai_compatible": "openai_compat"}.get(preset, preset)
    if name in TEMPLATES:
        return TEMPLATES[name]
    services = preset_names()
    if name in services:
        return template_of_service(name, key_variable(name))
    raise ConfigurationError(
        f'there is no preset "{preset}"',
        where="--preset",
        hint=nearest(preset, dict.fromkeys([*TEMPLATES, *services])),
    )


def _ask_preset() -> str:
    choices = [
        questionary.Choice(f"{name}: {template.about}", value=name)
        for name, template in TEMPLATES.items()
    ]
    return str(_answered(questionary.select("Which provider?", choices=choices).ask()))


def _ask(prompt: str, suggestion: str) -> str:
    return str(_answered(questionary.text(prompt, default=suggestion).ask()))


def _answered(answer: object) -> object:
    """Return the answer; a person who pressed Ctrl-C gave none."""
    if answer is None:
        raise typer.Exit(130)
    return answer
