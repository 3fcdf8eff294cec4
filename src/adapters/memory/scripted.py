"""A provider that answers as it was told."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ...application.ports import Answer, LlmProvider
from ...domain.events import ResponseFinished, ResponseStarted, StreamEvent
from ...domain.request import GenerationRequest


@dataclass(frozen=True, slots=True)
class Script:
    """One answer: what `open` and each `read` give.

    `batches` are what the reads return in turn; `read_error` is raised once they are spent, and
    stands for a finish; `open_error` is raised instead of any answer. A gate holds `open`, or
    each `read`, until it is set.

    Raises:
        ValueError: the script breaks the laws of answers.
    """

    batches: tuple[Sequence[StreamEvent], ...] = ()
    open_error: Exception | None = None
    read_error: Exception | None = None
    open_gate: asyncio.Event | None = None
    read_gate: asyncio.Event | None = None

    def __post_init__(self) -> None:
        events = [event for batch in self.batches for event in batch]
        starts = [type(event) is ResponseStarted for event in events]
        finishes = [type(event) is ResponseFinished for event in events]
        if self.open_error is not None:
            lawful = not self.batches
        elif not all(self.batches):
            lawful = False
        elif self.read_error is not None:
            lawful = not any(finishes) and not any(starts[1:]) and starts[:1] in ([], [True])
        else:
            lawful = sum(starts) == sum(finishes) == 1 and starts[0] and finishes[-1]
        if not lawful:
            raise ValueError(f"an answer starts first, finishes last, once each: {self}")


class ScriptedProvider(LlmProvider):
    """Plays one script an `open`; the last one again and again.

    `requests` keeps every request, `opens` and `closes` count answers given out and closed (once
    each): they are equal when nobody holds one.
    """

    def __init__(self, script: Script, *further: Script) -> None:
        self._scripts = [script, *further]
        self.requests: list[GenerationRequest] = []
        self.opens = 0
        self.closes = 0

    async def open(self, request: GenerationRequest) -> Answer:
        script = self._scripts[min(len(self.requests), len(self._scripts) - 1)]
        self.requests.append(request)
        if script.open_gate is not None:
            await script.open_gate.wait()
        if script.open_error is not None:
            raise script.open_error
        self.opens += 1
        return _ScriptedAnswer(self, script)


class _ScriptedAnswer(Answer):
    def __init__(self, provider: ScriptedProvider, script: Script) -> None:
        self._provider = provider
        self._script = script
        self._position = 0
        self._closed = False

    async def read(self) -> Sequence[StreamEvent]:
        script = self._script
        if script.read_gate is not None:
            await script.read_gate.wait()
        if self._closed:
            raise RuntimeError("read after aclose")
        position = self._position
        if position < len(script.batches):
            self._position = position + 1
            return script.batches[position]
        if script.read_error is not None:
            raise script.read_error
        return ()

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._provider.closes += 1
