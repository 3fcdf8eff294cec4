"""`modelmux health`: the exit code is a container's health check, so it imports little."""

import json
from contextlib import suppress
from typing import Annotated, Any

import typer

from .asking_health import ask_health, configured_url
from .console import ConfigOption, JsonOption, print_result, say


def run(
    config: ConfigOption = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Address of the gateway.", show_default="from configuration"),
    ] = None,
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds to wait.")] = 3.0,
    json_output: JsonOption = False,
) -> None:
    """Ask a running gateway how it is: exit code 0 if it answers well, 1 if not."""
    try:
        status, body = ask_health(url or configured_url(config), timeout_s)
    except OSError as error:
        say(str(error))
        raise typer.Exit(1) from error
    print_result(body if json_output else _told(body, status))
    if status != 200:
        raise typer.Exit(1)


def _told(body: str, status: int) -> str:
    """Return the status in the first line, then how each provider is."""
    try:
        health: Any = json.loads(body)  # Any: what a server says
        lines = [str(health["status"])]
    except (ValueError, KeyError, TypeError):
        return f"answered {status}"
    with suppress(KeyError, TypeError, ValueError):  # a gateway of another version tells less
        lines += [_provider(provider) for provider in health["providers"]]
        lines.append(_counted(health["metrics"]))
        lines.append(f"store {health['state_store']}, cache {health['cache']}")
    return "\n".join(map(_printable, lines))


def _provider(provider: Any) -> str:  # Any: as above
    well = {True: "well", False: "unwell", None: "not asked"}[provider["healthy"]]
    words = [f"{provider['name']} ({provider['type']}): {well}"]
    if provider["healthy"] is False:
        words.append(str(provider["detail"]))
    if provider["breaker"] != "closed":
        words.append(f"breaker {provider['breaker']}")
    if provider["avg_latency_ms"] is not None:
        words.append(f"{provider['avg_latency_ms']:.0f} ms to the first events")
        words.append(f"{provider['error_rate']:.1%} errors")
    resting = [str(target["model"]) for target in provider["targets"] if target["resting_s"] > 0]
    if resting:
        words.append(f"resting: {' '.join(resting)}")
    return ", ".join(words)


def _counted(metrics: Any) -> str:  # Any: as above
    if not metrics["total_requests"]:
        return "no requests yet"
    return (
        f"{metrics['total_requests']} requests, {metrics['success_rate']:.1%} succeeded, "
        f"{metrics['avg_latency_ms']:.0f} ms on average"
    )


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in line)
