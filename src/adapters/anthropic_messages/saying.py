"""How Claude is asked at each of its doors: the body, the headers, and how the answer is read.

One language is spoken at all of them. What differs is where the version's marker, the model, the
betas and the wish for a stream are said.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from ...application.lanes import relays
from ...domain.dialect import Dialect
from ...domain.request import Generation, GenerationRequest, Verbatim
from ..transport.languages import WireLanguage
from .decode import messages_language
from .encode import VERSION_WITHOUT_SAMPLING, encode_request
from .relay import MessagesRelay

Headers: TypeAlias = tuple[tuple[str, str], ...]
Hearing: TypeAlias = WireLanguage | MessagesRelay

OLDER_VERSION = "2023-06-01"
VERSION, BETA = "anthropic-version", "anthropic-beta"
_DRAWING = frozenset({"temperature", "top_p", "top_k"})
# What the counter of tokens takes of a request for an answer.
_COUNTED = frozenset(
    {
        "anthropic_beta", "cache_control", "container", "context_management", "mcp_servers",
        "messages", "model", "output_config", "output_format", "system", "thinking", "tool_choice",
        "tools",
    }
)  # fmt: skip
_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Door:
    """One way in to Claude.

    `version` is what is asked for by default, and `older` what the door calls `2023-06-01`.
    `in_body` says that version and betas stand in the body, not in headers; `betas_in_header` that
    betas are an exception. `names_model` and `says_stream` tell that the body does, too.
    `tiers` says whether there is more than the standard service tier.
    """

    version: str
    betas: tuple[str, ...] = ()
    older: str = OLDER_VERSION
    in_body: bool = False
    betas_in_header: bool = True
    names_model: bool = True
    says_stream: bool = True
    tiers: bool = True
    max_event_bytes: int = 16 * 2**20

    def version_of(self, request: GenerationRequest) -> str:
        """Return the version in force: that of callers who speak Messages, as this door has it."""
        asked = request.terms.get(VERSION) if request.dialect is Dialect.MESSAGES else None
        if not asked:
            return self.version
        return VERSION_WITHOUT_SAMPLING if asked == VERSION_WITHOUT_SAMPLING else self.older

    def betas_of(self, request: GenerationRequest) -> tuple[str, ...]:
        """Return what is configured, and behind it what the caller asks for."""
        asked = request.terms.get(BETA) if request.dialect is Dialect.MESSAGES else None
        if not asked:
            return self.betas
        wanted = (beta.strip() for beta in asked.split(","))
        return tuple(dict.fromkeys((*self.betas, *filter(None, wanted))))


@dataclass(frozen=True, slots=True)
class Said:
    """`headers` are those of the version and the betas, where this door has them there."""

    body: bytes
    hearing: Hearing
    headers: Headers


def say(request: GenerationRequest, door: Door, *, model: str | None = None) -> Said:
    """Return how `request` is said at `door`; `model` is its name there, else the request's.

    The caller's own body is relayed where the lane is open.

    Raises:
        InvalidRequest, UnsupportedFeature: it cannot be said.
    """
    name = model or request.model
    version, betas = door.version_of(request), door.betas_of(request)
    in_body_betas = () if door.betas_in_header else betas
    verbatim = request.verbatim
    if verbatim is not None and verbatim.dialect is Dialect.MESSAGES and relays(request):
        version = _able(version, door, draws=not _DRAWING.isdisjoint(verbatim.members))
        relay = MessagesRelay(
            model=name, max_event_bytes=door.max_event_bytes, streamed=request.stream
        )
        body = relayed_body(verbatim, door, model=name, version=version, betas=in_body_betas)
        return Said(_encode(body), relay, _headers(door, version, betas))
    content = request.content.get()
    version = _able(version, door, draws=_draws(content))
    return Said(
        encode_request(
            content,
            model=name,
            stream=request.stream,
            capabilities=request.capabilities,
            version=version if door.in_body else None,
            in_body_model=door.names_model,
            in_body_stream=door.says_stream,
            betas=in_body_betas,
            sampling=version != VERSION_WITHOUT_SAMPLING,
            service_tiers=door.tiers,
        ),
        messages_language(name, opaque=request.dialect is Dialect.MESSAGES),
        _headers(door, version, betas),
    )


def relayed_body(
    verbatim: Verbatim, door: Door, *, model: str, version: str, betas: tuple[str, ...]
) -> Mapping[str, object]:
    """Return the caller's own members with what this door wants beside or instead of them."""
    body: dict[str, object] = {"model": model} if door.names_model else {}
    if door.in_body:
        body["anthropic_version"] = version
    if betas:
        body["anthropic_beta"] = betas
    taken = body.keys() | {"model", "anthropic_version"}
    if not door.says_stream:
        taken |= {"stream"}
    body.update((name, said) for name, said in verbatim.members.items() if name not in taken)
    return body


def counted(body: bytes) -> dict[str, msgspec.Raw]:
    """Return what the counter of tokens takes of the body of a request."""
    return {name: said for name, said in _members(body).items() if name in _COUNTED}


def _headers(door: Door, version: str, betas: tuple[str, ...]) -> Headers:
    headers: Headers = () if door.in_body else ((VERSION, version),)
    if betas and door.betas_in_header:
        headers = (*headers, (BETA, ",".join(betas)))
    return headers


def _able(version: str, door: Door, *, draws: bool) -> str:
    """Return `version`, or the older one if how to draw is said, for which the newest has no words.

    That the model takes it is in its record; the version is often but the client library's.
    """
    return door.older if draws and version == VERSION_WITHOUT_SAMPLING else version


def _draws(content: Generation) -> bool:
    drawn = content.sampling
    return not (drawn.temperature is drawn.top_p is drawn.top_k is None)
