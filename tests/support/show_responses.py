"""Prints what the official SDK sees of kept turns: a tool round trip, a branch, a resumed stream.

    python -m tests.support.show_responses [FAMILY ...]

A real gateway runs in front of strict fakes; nothing leaves this machine.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from openai.types.responses import Response

from .families import FAMILIES, Family, House, every_family
from .responses_asking import TOOLS, results_for

_SAID = "call get_weather, think"
_USUAL = ("demo", "claude", "gemini", "vllm", "openai")
_QUIET = frozenset(
    {
        "response.in_progress", "response.queued", "response.output_item.done",
        "response.content_part.added", "response.content_part.done", "response.output_text.done",
        "response.reasoning_summary_part.added", "response.reasoning_summary_part.done",
        "response.reasoning_summary_text.done",
    }
)  # fmt: skip


def main(names: Sequence[str]) -> int:
    """Show the families called `names`; return the exit status."""
    unknown = [name for name in names if name not in FAMILIES]
    if unknown:
        sys.stderr.write(f"no such family: {', '.join(unknown)}; there are {', '.join(FAMILIES)}\n")
        return 2
    with (
        TemporaryDirectory() as folder,
        every_family(Path(folder), names=names or _USUAL) as house,
    ):
        for family in house.families.values():
            for line in shown(house, family):
                sys.stdout.write(f"{line}\n")
    return 0


def shown(house: House, family: Family) -> Iterator[str]:
    """Yield the lines that tell what the SDK sees of one family."""
    # Any: the overloads know no tools that are JSON, and each kind of event is a type of its own
    responses: Any = house.client.responses
    yield f"== {family.name} ({family.model})"
    yield "-- a streamed tool round trip"
    with responses.stream(
        model=family.model, input=_SAID, tools=TOOLS, reasoning={"effort": "low"}
    ) as stream:
        for event in stream:
            yield from told_by(event)
        called: Response = stream.get_final_response()
    with responses.stream(
        model=family.model,
        input=results_for(called),
        tools=TOOLS,
        reasoning={"effort": "low"},
        previous_response_id=called.id,
    ) as stream:
        for event in stream:
            yield from told_by(event)
        answered: Response = stream.get_final_response()
    yield "-- a branch: twice from one response"
    for said in ("Say it again.", "And now in short."):
        branch = responses.create(
            model=family.model, input=said, tools=TOOLS, previous_response_id=answered.id
        )
        items = responses.input_items.list(branch.id).data
        words = branch.output_text.replace("\n", " ")[:60]
        yield f"   {branch.status}, {len(items)} item of its own, continues the same: {words!r}"
    yield "-- a background stream, left after three events and resumed"
    background = responses.create(
        model=family.model, input="Tell me more.", background=True, stream=True
    )
    id_, last = "", -1
    for event in background:
        last = event.sequence_number
        if event.type == "response.created":
            id_ = event.response.id
        if last == 2:
            background.close()
            break
    yield f"   left after number {last}"
    numbers: list[int] = []
    for event in responses.retrieve(id_, stream=True, starting_after=last):
        numbers.append(event.sequence_number)
        if event.type == "response.completed":
            yield f"   resumed with number {numbers[0]}, {event.response.status} at {numbers[-1]}"
    yield f"   without a gap: {numbers == list(range(numbers[0], numbers[-1] + 1))}"
    yield ""


def told_by(event: Any) -> Iterator[str]:  # Any: as above
    """Yield what one event says."""
    match event.type:
        case "response.reasoning_summary_text.delta":
            yield f"   thought    {event.delta!r}"
        case "response.output_text.delta":
            yield f"   text       {event.delta!r}"
        case "response.output_item.added":
            yield f"   item {event.output_index}     {event.item.type}"
        case "response.function_call_arguments.delta":
            yield f"   arguments  {event.delta!r}"
        case "response.function_call_arguments.done":
            yield f"   call done  {event.arguments}"
        case "response.created":
            yield f"   created    {event.response.status}"
        case "response.completed":
            usage = event.response.usage
            told = f"{usage.input_tokens} in, {usage.output_tokens} out"
            yield f"   completed  event {event.sequence_number}; usage {told}"
        case other:
            if other not in _QUIET:
                yield f"   {other}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
