"""The top level of a Messages request.

Every member with a small value is checked here for both lanes; what stands inside messages,
system and tools is the upstream's to judge when relayed, and `decode.py`'s when translated.
"""

from dataclasses import dataclass

from msgspec import Raw
from msgspec.json import Decoder

from ...application.ports import SEAL_MARK
from ...domain.errors import InvalidRequest
from ..client_dialect import Envelope
from ..members import Members, decode_member, missing
from ..noting import decode_noting
from ..top_level import TopLevel, check_count, decoders_of
from .wire import LEAST_BUDGET, FormatGiven, ModelName, SmallMembers, ThinkingShape

MAX_MESSAGES = 100_000

_MODEL = Decoder(ModelName)
_TOP = TopLevel(
    decoders_of(SmallMembers),
    {
        "messages": (b"[", "an array"),
        "system": (b'"[n', "a string or an array"),
        "tools": (b"[n", "an array"),
        "tool_choice": (b"{n", "an object"),
        "metadata": (b"{n", "an object"),
        "cache_control": (b"{n", "an object"),
        "output_config": (b"{n", "an object"),
        "output_format": (b"{n", "an object"),
    },
)
_THINKING: "Decoder[ThinkingShape | None]" = Decoder(ThinkingShape | None)
_FORMAT_ALONE = Decoder(FormatGiven | None)
_NULL = b"null"
_SEALED = b'"' + SEAL_MARK.encode()


@dataclass(frozen=True, slots=True)
class MessagesEnvelope(Envelope):
    """A body that holds thoughts sealed by us is not `verbatim`: nobody else can open them.

    `omit_thoughts`: the caller wants no words of them, only what proves them.
    """

    omit_thoughts: bool = False


def decode_envelope(members: Members) -> MessagesEnvelope:
    """Return what the handler needs to know, once the top level is right.

    Raises:
        InvalidRequest: a member is missing, of the wrong type, out of range or at odds with
            another.
    """
    envelope = decode_uncounted(members)
    if "max_tokens" not in members:
        raise missing("max_tokens")
    return envelope


def decode_uncounted(members: Members) -> MessagesEnvelope:
    """`decode_envelope` for a body whose tokens are to be counted, which needs no `max_tokens`."""
    raw = members.get("model")
    if raw is None:
        raise missing("model")
    model = decode_member(_MODEL, raw, "model")
    messages = members.get("messages")
    if messages is None:
        raise missing("messages")
    values = _TOP.check(members)
    check_count(messages, "messages", "message", most=MAX_MESSAGES)
    thinking: ThinkingShape | None = None
    if "thinking" in members:
        thinking = check_thinking(members["thinking"], values.get("max_tokens"), {})
    if "output_format" in members:
        _check_formats(members)
    return MessagesEnvelope(
        model,
        bool(values.get("stream")),
        include_usage=True,
        verbatim=not _holds_seals(messages),
        omit_thoughts=thinking is not None and thinking.display == "omitted",
    )


def check_thinking(
    raw: Raw, max_tokens: int | None, ignored: dict[str, None]
) -> ThinkingShape | None:
    """Return how the model shall think, None if that is left to it; `max_tokens` None: unknown.

    Forms that are not known here pass: a relayed body may have them.

    Raises:
        InvalidRequest: the budget is out of range, or given with a form that has none.
    """
    shape = decode_noting(_THINKING, raw, "thinking", ignored)
    if shape is None:
        return None
    budget = shape.budget_tokens
    if shape.type == "enabled":
        if budget is None:
            raise missing("thinking.enabled.budget_tokens")
        if budget < LEAST_BUDGET:
            raise InvalidRequest(
                f"Input should be greater than or equal to {LEAST_BUDGET}",
                param="thinking.enabled.budget_tokens",
            )
        if max_tokens is not None and budget >= max_tokens:
            raise InvalidRequest(
                f"`max_tokens` ({max_tokens}) must be greater than `thinking.budget_tokens` "
                f"({budget})",
                param="max_tokens",
            )
    elif budget is not None:
        raise InvalidRequest(
            f"A budget is for thinking of type 'enabled', not '{shape.type}': give one or the "
            "other",
            param=f"thinking.{shape.type}.budget_tokens",
        )
    return shape


def _check_formats(members: Members) -> None:
    old, config = members["output_format"], members.get("output_config")
    if config is None or bytes(old) == _NULL:
        return
    given = decode_member(_FORMAT_ALONE, config, "output_config")
    if given is not None and given.format is not None:
        raise InvalidRequest(
            "This is the old name of `output_config.format`: give one of them",
            param="output_format",
        )


def _holds_seals(messages: Raw) -> bool:
    return _SEALED in bytes(messages)
