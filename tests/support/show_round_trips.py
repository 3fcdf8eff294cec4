"""Prints one streamed tool round trip per provider family, as the official SDK sees it.

    python -m tests.support.show_round_trips [FAMILY ...]

A real gateway runs in front of strict fakes; nothing leaves this machine.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from .families import FAMILIES, Family, House, every_family
from .sdk_asking import TOOLS, as_sent_back, user

_SAID = "call get_weather, think"


def main(names: Sequence[str]) -> int:
    """Show the round trips of the families called `names`; return the exit status."""
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        sys.stderr.write(f"no such family: {', '.join(unknown)}; there are {', '.join(FAMILIES)}\n")
        return 2
    with (
        TemporaryDirectory() as folder,
        every_family(Path(folder), names=names or tuple(FAMILIES)) as house,
    ):
        for family in house.families.values():
            for line in round_trip(house, family):
                sys.stdout.write(f"{line}\n")
    return 0


def round_trip(house: House, family: Family) -> Iterator[str]:
    """Yield the lines that tell the round trip."""
    yield f"== {family.name} ({family.model})"
    messages: list[ChatCompletionMessageParam] = [user(_SAID)]
    for turn in ("asked with two tools", "asked again with the result"):
        yield f"-- {turn}"
        with house.client.chat.completions.stream(
            model=family.model,
            messages=messages,
            tools=TOOLS,
            reasoning_effort="low",
            stream_options={"include_usage": True},
        ) as stream:
            for event in stream:
                if event.type == "chunk":
                    yield from told_by(event.chunk)
            messages += as_sent_back(stream.get_final_completion())
    yield ""


def told_by(chunk: ChatCompletionChunk) -> Iterator[str]:
    """Yield what one chunk says."""
    for choice in chunk.choices:
        delta = choice.delta
        thought = cast("str | None", (delta.model_extra or {}).get("reasoning_content"))
        if thought:
            yield f"   thought    {thought!r}"
        if delta.content:
            yield f"   text       {delta.content!r}"
        for call in delta.tool_calls or ():
            function = call.function
            if call.id:
                yield f"   call {call.index}     {function.name if function else ''} id={call.id}"
            if function and function.arguments:
                yield f"   arguments  {function.arguments!r}"
        if choice.finish_reason:
            yield f"   finished   {choice.finish_reason}"
    if chunk.usage:
        usage = chunk.usage
        yield f"   usage      {usage.prompt_tokens} in, {usage.completion_tokens} out"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
