"""Reads a request from a body alone, as whoever serves it would: for `modelmux explain`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..application.ports import Clock, IdSource, Sealer
from ..domain.dialect import Dialect
from ..domain.journal import Journal
from ..domain.request import NO_TERMS, Caller, GenerationRequest
from .body_decoder import BodyDecoder
from .client_dialect import ClientDialect
from .dialects import client_dialects
from .members import Members, decode_members

# Members that stand at the top of one language's bodies and of no other's.
_OF_MESSAGES: Final = frozenset(
    {
        "anthropic_beta", "anthropic_version", "container", "context_management", "mcp_servers",
        "output_config", "stop_sequences", "system",
    }
)  # fmt: skip
_OF_RESPONSES: Final = frozenset(
    {
        "background", "conversation", "include", "instructions", "max_output_tokens",
        "max_tool_calls", "previous_response_id", "reasoning", "store", "stream", "text", "tools",
        "truncation",
    }
)  # fmt: skip
_OF_EMBEDDINGS: Final = frozenset({"dimensions", "encoding_format"})
# What Messages alone writes inside its members, where the top says nothing.
_MESSAGES_WORDS: Final = (b'"input_schema"', b'"tool_use"', b'"tool_result"', b'"cache_control"')
_SEARCHED: Final = ("tools", "messages")


@dataclass(frozen=True, slots=True)
class ReadRequest:
    request: GenerationRequest
    guessed: bool


def guess_dialect(members: Members) -> Dialect | None:
    """Return the language in which a body is written; None if nothing tells."""
    names = members.keys()
    if "messages" in names:
        says = names & _OF_MESSAGES or any(
            word in bytes(members[name])
            for name in _SEARCHED
            if name in names
            for word in _MESSAGES_WORDS
        )
        return Dialect.MESSAGES if says else Dialect.CHAT_COMPLETIONS
    if "input" in names or names & _OF_RESPONSES:
        return Dialect.EMBEDDINGS if _is_embedding(members) else Dialect.RESPONSES
    return Dialect.COMPLETIONS if "prompt" in names else None


def _is_embedding(members: Members) -> bool:
    names = members.keys()
    if names & _OF_EMBEDDINGS:
        return True
    if names & _OF_RESPONSES:
        return False
    given = bytes(members["input"]).lstrip()
    if given.startswith(b"["):  # of texts or numbers; items are objects
        return not given[1:].lstrip().startswith(b"{")
    return b"embed" in bytes(members.get("model", b"")).lower()


async def read_request(
    body: bytes,
    named: Dialect | None,
    caller: Caller,
    *,
    sealer: Sealer,
    ids: IdSource,
    clock: Clock,
    headers: Mapping[str, str] = NO_TERMS,
) -> ReadRequest | None:
    """Return the request that `body` is, in the language `named`; None if none can be told.

    What it holds that is sealed opens for its `caller` alone. `headers` have names in small
    letters.

    Raises:
        RequestError: the top level of the body is wrong.
    """
    dialect = named or guess_dialect(decode_members(body))
    if dialect is None:
        return None
    spoken = _find(dialect, client_dialects(sealer))
    members, envelope, content = await BodyDecoder(spoken).decode(body, caller)
    turn = spoken.begin_turn(envelope, caller, ids.new(spoken.id_prefix), clock.now())
    raw = {name.encode("latin-1"): value.encode("latin-1") for name, value in headers.items()}
    terms = spoken.read_terms(raw)
    request = spoken.asked(
        members, envelope, content, caller, turn, terms, Journal(), len(body), headers
    )
    return ReadRequest(request, named is None)


# Any: the envelope, which only the dialect itself looks into
def _find(dialect: Dialect, known: Iterable[ClientDialect[Any]]) -> ClientDialect[Any]:
    return next(one for one in known if one.dialect is dialect)
