"""Finds out which tool call a fragment belongs to: servers disagree on how to say it.

OpenAI gives each call an index and its first fragment id and name. Elsewhere the index is always 0
or missing, the id missing, or the name and id repeated in each fragment; some send a new id with
each fragment, some a whole call at once.
"""

from dataclasses import dataclass, field
from hashlib import blake2s

import msgspec

from ...domain.conversation import ToolKind
from ...domain.errors import ProviderProtocolBroken
from ...domain.events import StreamEvent, ToolCallDelta, ToolCallStarted
from .wire import JsonText, WireToolCall


def arguments_text(value: JsonText) -> str:
    """Return arguments as text, also where a server sent them as an object."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def made_up_id(answer: str, choice: int, index: int) -> str:
    """Return an id for a call that came without one: the same for a replay of the same answer."""
    digest = blake2s(f"{answer}/{choice}/{index}".encode(), digest_size=12)
    return f"call_{digest.hexdigest()}"


@dataclass(slots=True)
class _Call:
    """`index` is dense, `wire_id` what the server called it last, `frame` when it last grew."""

    index: int
    wire_id: str
    name: str = ""
    kind: ToolKind = "function"
    frame: int = -1
    arguments: list[str] = field(default_factory=list[str])

    def is_whole(self) -> bool:
        text = "".join(self.arguments)
        try:
            msgspec.json.decode(text)
        except msgspec.DecodeError:
            return False
        return True


@dataclass(slots=True)
class CallTracker:
    """The calls of one choice. `answer` tells this answer from others."""

    choice: int
    answer: str
    _calls: list[_Call] = field(default_factory=list[_Call])
    _by_index: dict[int | None, _Call] = field(default_factory=dict[int | None, _Call])
    _by_id: dict[str, _Call] = field(default_factory=dict[str, _Call])

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, part: WireToolCall, frame: int, events: list[StreamEvent]) -> None:
        """Append the events of a fragment that came in frame number `frame`."""
        name, text, kind = "", "", "function"
        if part.function is not None:
            name, text = part.function.name or "", arguments_text(part.function.arguments)
        elif part.custom is not None:
            name, text, kind = part.custom.name or "", part.custom.input or "", "custom"
        call = self._find(part, name, text, frame)
        call.frame = frame
        if name and not call.name:
            self._announce(call, name, kind == "custom", events)
        if text:
            call.arguments.append(text)
            if call.name:
                events.append(ToolCallDelta(call.index, text, self.choice))

    def check(self) -> None:
        """Check that all is there.

        Raises:
            ProviderProtocolBroken: a call never got its name.
        """
        for call in self._calls:
            if not call.name:
                raise ProviderProtocolBroken("The upstream called a tool without naming it.")

    def _find(self, part: WireToolCall, name: str, text: str, frame: int) -> _Call:
        call = self._by_index.get(part.index)
        wire_id = part.id if part.id and part.id != "null" else ""  # "null" is Mistral's none
        if call is None:
            return self._begin(part.index, wire_id)
        if not name:
            # A call starts with its name: this is more of one, whatever new id it may carry.
            return self._by_id.get(wire_id, call) if part.index is None else call
        if wire_id and wire_id == call.wire_id:
            return call
        if wire_id and call.wire_id:
            return self._by_id.get(wire_id) or self._begin(part.index, wire_id)
        if call.name and (name != call.name or frame == call.frame or (text and call.is_whole())):
            return self._begin(part.index, wire_id)
        return call

    def _begin(self, index: int | None, wire_id: str) -> _Call:
        call = _Call(len(self._calls), wire_id)
        self._calls.append(call)
        self._by_index[index] = call
        return call

    def _announce(self, call: _Call, name: str, custom: bool, events: list[StreamEvent]) -> None:
        call.name = name
        call.kind = "custom" if custom else "function"
        told_id = call.wire_id
        if not told_id or told_id in self._by_id:
            told_id = made_up_id(self.answer, self.choice, call.index)
        self._by_id[told_id] = call
        events.append(ToolCallStarted(call.index, told_id, name, call.kind, None, self.choice))
        if call.arguments:
            events.append(ToolCallDelta(call.index, "".join(call.arguments), self.choice))
