"""The top level of a Responses request.

Every member with a small value is checked here for both lanes; what stands inside input and tools
is the upstream's to judge when relayed, and `decode.py`'s when translated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Raw, ValidationError
from msgspec.json import Decoder

from ...application.ports import SEAL_MARK
from ...domain.errors import InvalidRequest
from ...domain.request import Caller
from ...domain.turn import MARK, ResponseRecord, Status, Turn
from ..client_dialect import Envelope
from ..members import Members, decode_member, missing
from ..top_level import TopLevel, check_count, decoders_of
from .settings import LOGPROBS, encode_settings
from .wire import ConversationShape, ModelName, SealedItem, SmallMembers, Verbosity

MAX_ITEMS = 20_000

_MODEL = Decoder(ModelName)
_SEALED_ITEMS = Decoder(list[SealedItem])
_TEXT = Decoder(dict[str, Raw])
_VERBOSITY = Decoder(Verbosity | None)
_TOP = TopLevel(
    decoders_of(SmallMembers),
    {
        "input": (b'"[n', "a string or an array"),
        "instructions": (b'"n', "a string"),
        "tools": (b"[n", "an array"),
        "tool_choice": (b'"{n', "a string or an object"),
        "text": (b"{n", "an object"),
    },
)
_NULL = b"null"
# What makes input ours: envelopes that we sealed, and ids that we gave.
_MARK = MARK.encode()
_OURS = (SEAL_MARK.encode(), b"_" + _MARK)


@dataclass(frozen=True, slots=True)
class ResponsesEnvelope(Envelope):
    """`settings` is what the response repeats of its request, as JSON text.

    `relayable` says that nothing of the call is ours to keep, to continue or to open.
    """

    store: bool = True
    background: bool = False
    previous: str | None = None
    conversation: str | None = None
    include: tuple[str, ...] = ()
    settings: bytes = b"{}"
    relayable: bool = False


def decode_envelope(members: Members) -> ResponsesEnvelope:
    """Return what the handler needs to know, once the top level is right.

    Raises:
        InvalidRequest: a member is missing, of the wrong type, out of range or at odds with
            another.
    """
    raw = members.get("model")
    if raw is None:
        raise missing("model")
    model = decode_member(_MODEL, raw, "model")
    values = _TOP.check(members)
    stream = bool(values.get("stream"))
    store = values.get("store") is not False
    background = bool(values.get("background"))
    previous: str | None = values.get("previous_response_id")
    conversation = _conversation(values.get("conversation"))
    _check_together(members, values, stream=stream, store=store, background=background)
    continues = previous is not None or conversation is not None
    _check_input(members.get("input"), continues=continues)
    include: tuple[str, ...] = tuple(dict.fromkeys(values.get("include") or ()))
    if values.get("top_logprobs") and LOGPROBS not in include:
        include += (LOGPROBS,)  # who asks for the likeliest tokens wants to see them
    return ResponsesEnvelope(
        model,
        stream,
        include_usage=True,
        store=store,
        background=background,
        previous=previous,
        conversation=conversation,
        include=include,
        settings=encode_settings(members, values.get("reasoning"), include),
        relayable=not (store or background or continues) and _is_passable(members.get("input")),
    )


def begin_turn(envelope: ResponsesEnvelope, caller: Caller, id_: str, now: float) -> Turn:
    """Return the turn that the call is, with its record as it begins."""
    asked = ResponseRecord(
        tenant=caller.tenant,
        id=id_,
        status=Status.QUEUED if envelope.background else Status.IN_PROGRESS,
        created_at=now,
        settings=envelope.settings,
        previous=envelope.previous,
        conversation=envelope.conversation,
        store=envelope.store,
        background=envelope.background,
        streamed=envelope.stream,
    )
    return Turn(asked, envelope.relayable)


def _conversation(value: str | ConversationShape | None) -> str | None:
    return value.id if isinstance(value, ConversationShape) else value


def _check_together(
    members: Members, values: Mapping[str, Any], *, stream: bool, store: bool, background: bool
) -> None:
    if values.get("previous_response_id") is not None and values.get("conversation") is not None:
        raise InvalidRequest(
            "'previous_response_id' and 'conversation' cannot be given together: the one continues "
            "a response, the other a conversation.",
            param="previous_response_id",
            reason="mutually_exclusive_parameters",
        )
    if background and not store:
        raise InvalidRequest(
            "'background' needs 'store' to be true: what runs on its own is read back later.",
            param="background",
        )
    if values.get("stream_options") is not None and not stream:
        raise InvalidRequest(
            "'stream_options' is only allowed when 'stream' is true.", param="stream_options"
        )
    prompt = members.get("prompt")
    if prompt is not None and bytes(prompt) != _NULL:
        raise InvalidRequest(
            "There are no prompt templates here. Send 'instructions' and 'input' instead of "
            "'prompt'.",
            param="prompt",
            reason="unsupported_parameter",
        )
    text = members.get("text")
    if text is not None and bytes(text) != _NULL:
        verbosity = decode_member(_TEXT, text, "text").get("verbosity")
        if verbosity is not None:
            decode_member(_VERBOSITY, verbosity, "text.verbosity")


def _check_input(raw: Raw | None, *, continues: bool) -> None:
    if raw is None or (memoryview(raw).nbytes == len(_NULL) and bytes(raw) == _NULL):
        if not continues:
            raise InvalidRequest(
                "Missing required parameter: 'input' (or 'previous_response_id', or "
                "'conversation').",
                param="input",
                reason="missing_required_parameter",
            )
        return
    if memoryview(raw)[0] == 0x5B:  # [
        check_count(raw, "input", "item", most=MAX_ITEMS, may_be_empty=continues)


def _is_passable(raw: Raw | None) -> bool:
    """Return whether the input means to others what it means to us.

    Not so where something may be of our making, or where thoughts came without their proof:
    services that reason look for those among what they kept themselves.
    """
    if raw is None:
        return True
    text = bytes(raw)
    if _MARK in text and any(mark in text for mark in _OURS):
        return False
    return b'"reasoning"' not in text or not _has_bare_thoughts(raw)


def _has_bare_thoughts(raw: Raw) -> bool:
    try:
        items = _SEALED_ITEMS.decode(raw)
    except ValidationError:
        return False  # no thoughts of ours: whoever is sent it says what is wrong
    return any(item.type == "reasoning" and not item.encrypted_content for item in items)
