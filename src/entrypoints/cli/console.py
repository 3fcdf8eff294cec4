"""How verbs talk: results on stdout, for pipes; everything else on stderr, for people."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ...domain.errors import ConfigurationError, ModelmuxError
from ...domain.redaction import redact

ConfigOption: TypeAlias = Annotated[
    Path | None, typer.Option("--config", "-c", help="The configuration file.", show_default=False)
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def say(text: str = "") -> None:
    """Tell a person something."""
    typer.echo(text, err=True)


def say_error(text: str) -> None:
    """Tell a person what is wrong."""
    say(f"{typer.style('error', fg='red', bold=True)}: {text}")


def tell_error(error: ModelmuxError) -> None:
    """Tell what is wrong, where, and what to do."""
    say_error(error.message)
    if isinstance(error, ConfigurationError):
        if error.where:
            say(f"  --> {error.where}")
        if error.hint:
            say(f"  hint: {error.hint}")
    elif error.detail:
        say(f"  detail: {redact(error.detail)}")


def in_one_line(error: ModelmuxError) -> str:
    """Return what went wrong, with the cause that callers are not told."""
    return f"{error.message} ({redact(error.detail)})" if error.detail else error.message


def print_result(text: str) -> None:
    """Write a result; one newline ends it."""
    typer.echo(text.rstrip("\n"))


def print_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a result as aligned columns."""
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print_result("  ".join(cells).rstrip())


def is_person_there() -> bool:
    """Return whether somebody can answer questions."""
    return sys.stdin.isatty() and sys.stderr.isatty()
