"""Session affinity: what belongs together goes to one target, so that its caches stay warm.

Targets are ranked by a hash of the session and of themselves (rendezvous hashing): when one goes
away only its own sessions move, and when it comes back they return. Nothing is remembered, and
every process ranks alike.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import assert_never, cast

from ...domain.conversation import Item, Message, Role, Text
from ...domain.errors import RequestError
from ...domain.request import GenerationRequest
from ..plan import Affinity, Target

_HASHED_LETTERS = 4096
_HASHED_ITEMS = 16
_KEY = "prompt_cache_key"
_NOTHING = (b"null", b'""')
_ANY = ("utf-8", "surrogatepass")  # JSON can hold half a surrogate pair


def session_of(affinity: Affinity, request: GenerationRequest) -> bytes | None:
    """Return what stands for the session of a request; None if nothing tells.

    A conversation is known by its id. Without one it is told from how it begins: instructions and
    all items up to the first of the user's, which every later turn repeats, be it that the client
    sends them again or that they were composed from what `previous_response_id` continues. Two
    conversations that begin alike count as one.
    """
    match affinity.kind:
        case "conversation":
            said = _conversation(request)
        case "prompt_cache_key":
            said = _cache_key(request)
        case "header":
            header = request.headers.get(affinity.header)
            said = header.encode(*_ANY) if header else None
        case _:
            assert_never(affinity.kind)
    if said is None:
        return None
    # The tenant stands first, with its length: no two pairs of tenant and session read alike.
    tenant = request.caller.tenant.encode(*_ANY)
    return blake2b(b"%d:%b%b" % (len(tenant), tenant, said), digest_size=16).digest()


def rank(session: bytes, targets: Iterable[Target]) -> list[Target]:
    """Return the targets in the order of a session; each is first by the share of its weight."""
    return sorted(targets, key=lambda target: _distance(session, target))


def _distance(session: bytes, target: Target) -> float:
    digest = blake2b(target.name.encode(*_ANY), key=session, digest_size=8).digest()
    share = (int.from_bytes(digest) + 1) / 2**64
    return -math.log(share) / target.weight if target.weight else math.inf


def _conversation(request: GenerationRequest) -> bytes | None:
    turn = request.turn
    if turn is not None and turn.asked.conversation is not None:
        return turn.asked.conversation.encode(*_ANY)
    if request.embedding is not None:
        return None
    try:
        content = request.content.get()
    except RequestError:
        return None  # what we cannot read may be relayed all the same
    if not content.items:
        return None
    begun = blake2b((content.instructions or "")[:_HASHED_LETTERS].encode(*_ANY), digest_size=16)
    for text in _beginning(content.items):
        begun.update(b"\0" + text[:_HASHED_LETTERS].encode(*_ANY))
    return begun.digest()


def _beginning(items: Sequence[Item]) -> Iterator[str]:
    """Yield what tells conversations apart, up to the first item of the user's."""
    for item in items[:_HASHED_ITEMS]:
        if not isinstance(item, Message):
            yield type(item).__name__
            continue
        for part in item.parts:
            yield part.text if isinstance(part, Text) else type(part).__name__
        if item.role is Role.USER:
            return


def _cache_key(request: GenerationRequest) -> bytes | None:
    members = request.verbatim.members if request.verbatim is not None else None
    if members is None:
        if request.embedding is not None:
            return None
        try:
            members = request.content.get().extras
        except RequestError:
            return None
    value = members.get(_KEY)
    if value is None:
        return None
    # An opaque JSON text, which is a buffer; `Buffer` has no name before Python 3.12.
    text = bytes(cast(bytes, value))
    return None if text in _NOTHING else text
