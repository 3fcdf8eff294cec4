"""`modelmux explain`: the plan of a request, and what would go upstream; nothing is sent."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, assert_never

import msgspec
import typer

from ...application.explain import (
    AnswersItself,
    Explain,
    ExplainedTarget,
    Explanation,
    WouldRefuse,
    WouldSend,
)
from ...domain.adjustments import Adjustment
from ...domain.dialect import Dialect
from ...domain.errors import ConfigurationError, RequestError
from ...domain.request import Caller
from ..container import Container
from ..explaining import ReadRequest, read_request
from ..opening import open_seal, running
from ..settings.file import Loaded
from ..settings.raw_tables import is_list, is_table
from .console import ConfigOption, JsonOption, in_one_line, print_result, say
from .loading import load

_LONGEST_SHOWN: Final = 400
_SHOWN: Final = 60


def run(
    file: Annotated[str, typer.Argument(help="The body of a request; - reads it from stdin.")],
    dialect: Annotated[
        Dialect | None,
        typer.Option("--dialect", "-d", help="Its language.", show_default="guessed"),
    ] = None,
    target: Annotated[
        int | None, typer.Option("--target", "-t", min=1, help="One of them.", show_default="all")
    ] = None,
    tenant: Annotated[
        str, typer.Option("--tenant", help="Whose it is: what is sealed opens for its owner.")
    ] = "local",
    config: ConfigOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show what would go upstream for a request, and why, without sending anything."""
    loaded = load(config)
    body = _read(file, loaded.settings.server.max_body_bytes)
    container = Container(loaded=_keeping_keys(loaded), dry=True)
    read, explanation = asyncio.run(_explain(container, body, dialect, Caller(tenant), target))
    if json_output:
        print_result(json.dumps(_as_json(read, explanation), indent=2, ensure_ascii=False))
    else:
        _tell(read, explanation)
    if not explanation.works:
        raise typer.Exit(1)


def _read(file: str, limit_bytes: int) -> bytes:
    try:
        if file == "-":
            # What stands in for standard input may be text alone.
            body = getattr(sys.stdin, "buffer", sys.stdin).read(limit_bytes + 1)
        else:
            with Path(file).open("rb") as opened:
                body = opened.read(limit_bytes + 1)
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}", where="FILE") from error
    content = body.encode() if isinstance(body, str) else bytes(body)
    if len(content) > limit_bytes:
        raise ConfigurationError(
            f"the body takes more than {limit_bytes} bytes", where=file,
            hint="a server refuses it too: server.max_body_bytes",
        )  # fmt: skip
    return content


def _keeping_keys(loaded: Loaded) -> Loaded:
    """Return the configuration without a store, but with the keys that seal, if they are there."""
    nothing = loaded.keeping_nothing()
    file = loaded.settings.state.seal_file
    if file is None or not Path(file).expanduser().is_file():
        return nothing
    state = msgspec.structs.replace(nothing.settings.state, seal_file=file)
    settings = msgspec.structs.replace(nothing.settings, state=state)
    return Loaded(settings, nothing.origins, nothing.file, nothing.environ, nothing.found)


async def _explain(
    container: Container, body: bytes, dialect: Dialect | None, caller: Caller, target: int | None
) -> tuple[ReadRequest, Explanation]:
    async with running(container):
        sealer = await open_seal(container)
        clock, ids, planner = container.clock(), container.ids(), container.planner()
        read = await read_request(body, dialect, caller, sealer=sealer, ids=ids, clock=clock)
        if read is None:
            raise ConfigurationError(
                "this body is in no language known here: it has neither messages nor input nor "
                "prompt", where="FILE", hint=f"--dialect {' | '.join(Dialect)}",
            )  # fmt: skip
        plan = planner.plan(read.request.model)
        if target is not None and target > len(plan.targets):
            raise ConfigurationError(
                f"{plan.route} has {len(plan.targets)} targets", where="--target"
            )
        return read, await Explain(planner).explain(read.request, target)


def _tell(read: ReadRequest, explanation: Explanation) -> None:
    plan, request = explanation.plan, read.request
    guessed = ", guessed" if read.guessed else ""
    streamed = ", streamed" if request.stream else ""
    print_result(f'request  "{request.model}" ({request.dialect}{guessed}{streamed})')
    print_result(f"plan     {plan.route}, policy {plan.policy}")
    for number, target in enumerate(plan.targets, 1):
        provider = target.provider
        told = f"{provider.name}/{target.model} ({provider.type}): {target.reason}"
        print_result(f"  {number}. {told}")
    for one in explanation.targets:
        print_result("")
        for line in _lines_of(one):
            print_result(line)
    for note in explanation.notes:
        say(f"note: {note}")


def _lines_of(one: ExplainedTarget) -> Iterator[str]:
    name = f"{one.number}. {one.target.provider.name}/{one.target.model}"
    outcome = one.outcome
    match outcome:
        case WouldRefuse(error):
            yield f"{name}: refused"
            yield f"  {in_one_line(error)}"
        case AnswersItself(adjustments):
            yield f"{name}: answered by the gateway itself"
            yield from (_adjusted(it, told=True) for it in adjustments)
        case WouldSend(call, relayed, adjustments, told, more):
            yield f"{name}: {'relayed' if relayed else 'translated'}"
            yield from (_adjusted(it, told=it in told) for it in adjustments)
            yield f"{call.method} {call.url}"
            yield from (f"{header}: {value}" for header, value in call.headers)
            yield ""
            yield _pretty(call.body)
            if more:
                yield "(the first of several calls, each for a part of the input)"
        case _:
            assert_never(outcome)


def _adjusted(adjustment: Adjustment, *, told: bool) -> str:
    quiet = "" if told else " (the caller is not told)"
    return f"  {adjustment}: {adjustment.detail}{quiet}"


def _pretty(body: bytes) -> str:
    return json.dumps(_shortened(json.loads(body)), indent=2, ensure_ascii=False) if body else ""


def _shortened(value: object) -> object:
    """Return plain JSON in which files and images are cut: nobody reads them."""
    if is_table(value):
        return {key: _shortened(one) for key, one in value.items()}
    if is_list(value):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN and not any(map(str.isspace, value)):
        return f"{value[:_SHOWN]}... ({len(value)} letters)"
    return value


# Any: what `json.dumps` takes
def _as_json(read: ReadRequest, explanation: Explanation) -> Mapping[str, Any]:
    plan, request = explanation.plan, read.request
    return {
        "model": request.model,
        "dialect": request.dialect,
        "guessed": read.guessed,
        "stream": request.stream,
        "route": plan.route,
        "policy": plan.policy,
        "plan": [
            {
                "provider": target.provider.name,
                "type": target.provider.type,
                "model": target.model,
                "reason": target.reason,
            }
            for target in plan.targets
        ],
        "targets": [{"number": one.number, **_outcome(one)} for one in explanation.targets],
        "notes": explanation.notes,
    }


def _outcome(one: ExplainedTarget) -> Mapping[str, Any]:
    outcome = one.outcome
    match outcome:
        case WouldRefuse(error):
            param = error.param if isinstance(error, RequestError) else None
            return {"lane": "refused", "message": in_one_line(error), "param": param}
        case AnswersItself(adjustments):
            return {"lane": "own", "adjustments": [_member(it, told=True) for it in adjustments]}
        case WouldSend(call, relayed, adjustments, told, more):
            return {
                "lane": "relayed" if relayed else "translated",
                "adjustments": [_member(it, told=it in told) for it in adjustments],
                "request": {
                    "method": call.method,
                    "url": call.url,
                    "headers": call.headers,
                    "body": json.loads(call.body) if call.body else None,
                },
                "more_calls": more,
            }
        case _:
            assert_never(outcome)


def _member(adjustment: Adjustment, *, told: bool) -> Mapping[str, Any]:
    return {
        "param": adjustment.param,
        "action": adjustment.action,
        "detail": adjustment.detail,
        "told": told,
    }
