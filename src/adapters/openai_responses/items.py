"""The output items of one answer, as they come: what of each was told, and what is still to tell.

Servers that send no deltas, or not all of them, say at the end of an item what it is; whatever
was not told by then is made up for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from ...domain.conversation import OpaqueItem, Proof, ToolKind, Vendor
from ...domain.errors import ProviderProtocolBroken
from ...domain.events import (
    AnnotationAdded,
    MessageStarted,
    OpaqueItemAdded,
    ReasoningDelta,
    ReasoningFinished,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    ToolCallStarted,
)
from .endings import CALLS
from .wire import WireItem, WireLogprob, WirePart, decode_item, decode_kind, decode_object

KNOWN: Final = CALLS | {"message", "reasoning"}
_MAX_ITEMS: Final = 10_000


@dataclass(slots=True)
class _Open:
    """An item that has been announced. `told` counts the characters that were passed on of each
    of its parts, `cited` their annotations."""

    kind: str
    call: int = -1
    done: bool = False
    told: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    cited: dict[int, int] = field(default_factory=dict[int, int])


@dataclass(slots=True)
class ItemReader:
    """Turns what is told of items into events. `model` is whose proofs they are."""

    model: str
    _items: dict[int, _Open] = field(default_factory=dict[int, _Open])
    _calls: int = 0
    _last: str = ""
    _last_part: tuple[int, str, int] | None = None

    @property
    def called(self) -> bool:
        return self._calls > 0

    def begin(self, place: int, raw: msgspec.Raw, events: list[StreamEvent]) -> None:
        """Announce the item at `place`; again is no harm."""
        if place in self._items:
            return
        if len(self._items) >= _MAX_ITEMS:
            raise ProviderProtocolBroken("The upstream's answer has too many items.")
        kind = decode_kind(raw).type
        if kind not in KNOWN:
            self._items[place] = _Open(kind)
            return
        item = decode_item(raw)
        opened = self._items[place] = _Open(kind)
        if kind == "message":
            if item.phase is not None or self._last == "message":
                events.append(MessageStarted(item.phase))
        elif kind in CALLS:
            self._begin_call(opened, item, events)
        if kind != "reasoning":
            self._last = kind

    def add_text(
        self,
        place: int,
        part: int,
        text: str,
        logprobs: Iterable[WireLogprob] | None,
        events: list[StreamEvent],
    ) -> None:
        self._count(place, "message", ("text", part), text)
        if text or logprobs:
            events.append(TextDelta(text, logprobs=tuple(map(_decode_logprob, logprobs or ()))))

    def add_refusal(self, place: int, part: int, text: str, events: list[StreamEvent]) -> None:
        self._count(place, "message", ("refusal", part), text)
        if text:
            events.append(RefusalDelta(text))

    def add_annotation(
        self,
        place: int,
        part: int,
        annotation: dict[str, Any],  # Any: JSON that is passed on
        events: list[StreamEvent],
    ) -> None:
        opened = self._at(place, "message")
        opened.cited[part] = opened.cited.get(part, 0) + 1
        events.append(AnnotationAdded(annotation))

    def add_thought(
        self, place: int, form: str, part: int, text: str, events: list[StreamEvent]
    ) -> None:
        """Add to part number `part` of the item's `summary` or raw `content`."""
        opened = self._count(place, "reasoning", (form, part), text)
        if not text:
            return
        at = (place, form, part)
        apart = at != self._last_part and len(opened.told) > 1
        self._last_part = at
        self._last = "reasoning"
        events.append(ReasoningDelta(f"\n\n{text}" if apart else text))

    def add_arguments(self, place: int, text: str, events: list[StreamEvent]) -> None:
        opened = self._items.get(place)
        if opened is None or opened.kind not in CALLS:
            raise _out_of_place("arguments")
        key = ("arguments", 0)
        opened.told[key] = opened.told.get(key, 0) + len(text)
        if text:
            events.append(ToolCallDelta(opened.call, text))

    def end(self, place: int, raw: msgspec.Raw, events: list[StreamEvent]) -> None:
        """Tell what is left of the item at `place`, which is `raw` as a whole."""
        self.begin(place, raw, events)
        opened = self._items[place]
        if opened.done:
            return
        opened.done = True
        if opened.kind not in KNOWN:
            events.append(OpaqueItemAdded(OpaqueItem(opened.kind, decode_object(raw))))
            self._last = opened.kind
            return
        item = decode_item(raw)
        match opened.kind:
            case "message":
                self._end_message(place, opened, item, events)
            case "reasoning":
                self._end_thoughts(place, opened, item, events)
            case _:
                whole = item.input if opened.kind == "custom_tool_call" else item.arguments
                rest = _rest(opened, ("arguments", 0), whole)
                if rest:
                    self.add_arguments(place, rest, events)

    def close(self, output: Sequence[msgspec.Raw], events: list[StreamEvent]) -> None:
        """Tell what is left, now that all of the output is known.

        Some servers count the items of a stream otherwise than those of the output: their count
        is only trusted where each item that was streamed has its place in the output.
        """
        if len(self._items) < len(output) and all(place < len(output) for place in self._items):
            for place, raw in enumerate(output):
                self.end(place, raw, events)
        for opened in self._items.values():
            if not opened.done:
                opened.done = True
                if opened.kind == "reasoning" and opened.told:
                    events.append(ReasoningFinished())

    def _begin_call(self, opened: _Open, item: WireItem, events: list[StreamEvent]) -> None:
        if not item.name:
            raise ProviderProtocolBroken("The upstream called a tool without naming it.")
        id_ = item.call_id or item.id
        if not id_:
            raise ProviderProtocolBroken("The upstream called a tool without an id for the call.")
        opened.call = self._calls
        self._calls += 1
        kind: ToolKind = "custom" if opened.kind == "custom_tool_call" else "function"
        events.append(
            ToolCallStarted(opened.call, id_, item.name, kind, namespace=item.namespace or None)
        )

    def _end_message(
        self, place: int, opened: _Open, item: WireItem, events: list[StreamEvent]
    ) -> None:
        for number, part in enumerate(item.content or ()):
            text = _rest(opened, ("text", number), part.text)
            if text:
                self.add_text(place, number, text, part.logprobs, events)
            words = _rest(opened, ("refusal", number), part.refusal)
            if words:
                self.add_refusal(place, number, words, events)
            if part.text:  # a citation has its place in a text
                for annotation in (part.annotations or ())[opened.cited.get(number, 0) :]:
                    self.add_annotation(place, number, annotation, events)

    def _end_thoughts(
        self, place: int, opened: _Open, item: WireItem, events: list[StreamEvent]
    ) -> None:
        forms: tuple[tuple[str, tuple[WirePart, ...] | None], ...] = (
            ("summary", item.summary),
            ("content", item.content),
        )
        for form, parts in forms:
            for number, part in enumerate(parts or ()):
                rest = _rest(opened, (form, number), part.text)
                if rest:
                    self.add_thought(place, form, number, rest, events)
        proof = None
        if item.encrypted_content:
            proof = Proof(
                Vendor.OPENAI, self.model, "encrypted_content", item.encrypted_content, item.id
            )
        if proof is not None or opened.told:
            self._last = "reasoning"
            events.append(ReasoningFinished(proof))

    def _count(self, place: int, kind: str, key: tuple[str, int], text: str) -> _Open:
        opened = self._at(place, kind)
        opened.told[key] = opened.told.get(key, 0) + len(text)
        return opened

    def _at(self, place: int, kind: str) -> _Open:
        opened = self._items.get(place)
        if opened is None or opened.kind != kind:
            raise _out_of_place(kind)
        return opened


def _rest(opened: _Open, key: tuple[str, int], whole: str | None) -> str:
    """Return what was not told yet of `whole`."""
    return (whole or "")[opened.told.get(key, 0) :]


def _out_of_place(what: str) -> ProviderProtocolBroken:
    return ProviderProtocolBroken(f"The upstream sent a piece of {what} before its item.")


def _decode_logprob(wire: WireLogprob) -> TokenLogprob:
    top = tuple(map(_decode_logprob, wire.top_logprobs or ()))
    return TokenLogprob(wire.token, wire.logprob, wire.bytes, top)
