"""The command line's door: the table of verbs, of which a run imports only the one it was given."""

import gc
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Annotated, NamedTuple

import typer

from ... import __version__
from ...domain.errors import ConfigurationError, ModelmuxError
from ..companions import companions_absent
from .console import tell_error

EXIT_FAILED = 1
EXIT_CONFIGURATION = 2


class Verb(NamedTuple):
    """`module` holds `run`, or for a `group` of verbs the typer application `app`."""

    module: str
    about: str
    group: bool = False
    hidden: bool = False


VERBS: Mapping[str, Verb] = {
    "serve": Verb("serve", "Start the gateway."),
    "init": Verb("init", "Write a modelmux.toml."),
    "check": Verb("check", "Check the configuration, with --online the providers too."),
    "config": Verb("config", "Show, check or write the configuration.", group=True),
    "doctor": Verb("doctor", "Examine this machine: environment, credentials, store, providers."),
    "troubleshoot": Verb("troubleshoot", "Explain a trouble and its cure."),
    "models": Verb("models", "List the models, or try them.", group=True),
    "ask": Verb("ask", "Ask a model one question."),
    "explain": Verb("explain", "Show what would go upstream for a request; send nothing."),
    "keys": Verb("keys", "Make, list and revoke the keys of callers.", group=True),
    "cache": Verb("cache", "Forget answers that are kept.", group=True),
    "state": Verb("state", "Export, erase or sweep what is kept of turns.", group=True),
    "schema": Verb("schema", "Print the JSON schema of the configuration."),
    "reload": Verb("reload", "Let the running gateway read its configuration anew."),
    "upgrade": Verb("upgrade", "Let the running gateway go on as the code installed now."),
    "status": Verb("status", "Show the processes of the running gateway."),
    "debug": Verb("debug", "Show the bodies of one key or request in the log for a while."),
    "health": Verb("health", "Ask a running gateway how it is."),
    "version": Verb("version", "Print the version."),
    "validate": Verb("check", "Check the configuration.", hidden=True),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process: 0 done, 1 failed, 2 usage or configuration."""
    gc.set_threshold(50_000, 20, 100)  # imports make much that lasts: looking at it takes 80 ms
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        _app(next((word for word in given if not word.startswith("-")), None))(given, "modelmux")
    except ConfigurationError as error:
        tell_error(error)
        sys.exit(EXIT_CONFIGURATION)
    except ModelmuxError as error:
        tell_error(error)
        sys.exit(EXIT_FAILED)


def _app(chosen: str | None) -> typer.Typer:
    """Return the application; verbs that were not chosen are there for the list of `--help`."""
    app = typer.Typer(
        name="modelmux",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help="One HTTP API in front of every model.")(_top)
    for name, verb in VERBS.items():
        if name != chosen:
            app.command(name, help=verb.about, hidden=verb.hidden)(_not_chosen)
            continue
        with companions_absent():
            module = import_module(f"{__package__}.{verb.module}")
        if verb.group:
            app.add_typer(module.app, name=name, help=verb.about)
        else:
            app.command(name)(module.run)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"modelmux {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    del version  # its callback has ended the run


def _not_chosen() -> None:
    raise AssertionError("the verb that was given is always imported")
