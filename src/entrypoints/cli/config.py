"""`modelmux config show | validate | init`."""

import msgspec
import typer

from ..settings.listing import list_values, render_toml
from . import check, init
from .console import ConfigOption, JsonOption, print_result, say
from .loading import load

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.command("validate")(check.run)
app.command("init")(init.run)


@app.command("show")
def show(config: ConfigOption = None, json_output: JsonOption = False) -> None:
    """Show the resolved configuration and where each value comes from; secrets are masked."""
    loaded = load(config)
    if json_output:
        told = {
            "file": str(loaded.file) if loaded.file else None,
            "found": loaded.found,
            "values": list_values(loaded),
        }
        print_result(msgspec.json.format(msgspec.json.encode(told)).decode())
        return
    say(f"file: {loaded.file or 'none'}")
    for sentence in loaded.found:
        say(f"found: {sentence}")
    print_result(render_toml(loaded))
