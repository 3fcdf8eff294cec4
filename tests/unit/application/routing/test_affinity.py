"""Affinity: what belongs together stays at one target, whatever happens to the others."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from modelmux.application.plan import Affinity, ProviderEntry, Target
from modelmux.application.routing.affinity import rank, session_of
from modelmux.domain.conversation import Message, Role, Text
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import InvalidRequest
from modelmux.domain.request import Caller, Generation, GenerationRequest, Verbatim
from modelmux.domain.turn import ResponseRecord, Status, Turn
from tests.support.asking import asking, content_of, entry, user
from tests.support.routing import NeverAsked

CONVERSATION = Affinity("conversation")
CACHE_KEY = Affinity("prompt_cache_key")
HEADER = Affinity("header", "x-session")
SYSTEM = Message(Role.SYSTEM, (Text("Be brief."),))


def target(name: str, weight: float = 1.0) -> Target:
    provider: ProviderEntry = entry(name, NeverAsked())
    return Target(provider, "m", provider.capabilities("m"), "", weight)


def ranked(session: bytes, targets: list[Target]) -> list[str]:
    return [one.provider.name for one in rank(session, targets)]


_SESSIONS = st.binary(min_size=1, max_size=32).map(lambda key: key.ljust(16, b".")[:16])
_NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=4), min_size=2, max_size=8, unique=True)


@given(session=_SESSIONS, names=_NAMES, data=st.data())
def test_who_goes_away_moves_only_its_own_sessions(
    session: bytes, names: list[str], data: st.DataObject
) -> None:
    everybody = ranked(session, [target(name) for name in names])
    gone = data.draw(st.sampled_from(names))
    left = ranked(session, [target(name) for name in names if name != gone])
    assert left == [name for name in everybody if name != gone]


@given(session=_SESSIONS, names=_NAMES, data=st.data())
def test_the_order_in_the_file_does_not_matter(
    session: bytes, names: list[str], data: st.DataObject
) -> None:
    other = data.draw(st.permutations(names))
    assert ranked(session, [target(one) for one in names]) == ranked(
        session, [target(one) for one in other]
    )


def test_sessions_spread_by_weight() -> None:
    targets = [target("a", 1), target("b", 3)]
    seen = Counter(ranked(b"%016d" % number, targets)[0] for number in range(4000))
    assert abs(seen["b"] / 4000 - 0.75) < 0.03


def session(affinity: Affinity, request: GenerationRequest) -> bytes | None:
    return session_of(affinity, request)


def test_tenants_never_share_a_session() -> None:
    request = replace(asking(), headers={"x-session": "s"})
    other = replace(request, caller=Caller("globex"))
    assert session(HEADER, request) is not None
    assert session(HEADER, request) != session(HEADER, other)


def test_a_request_without_the_header_has_no_session() -> None:
    assert session(HEADER, asking()) is None
    assert session(HEADER, replace(asking(), headers={"x-session": ""})) is None


def test_later_turns_of_a_conversation_are_known_by_its_beginning() -> None:
    first = content_of(SYSTEM, user("Hi"))
    later = content_of(SYSTEM, user("Hi"), Message(Role.ASSISTANT, (Text("Yes?"),)), user("More"))
    other = content_of(SYSTEM, user("Hello"))
    assert session(CONVERSATION, asking(first)) == session(CONVERSATION, asking(later))
    assert session(CONVERSATION, asking(first)) != session(CONVERSATION, asking(other))


def test_instructions_tell_conversations_apart() -> None:
    brief = content_of(user("Hi"), instructions="Be brief.")
    assert session(CONVERSATION, asking(brief)) != session(
        CONVERSATION, asking(content_of(user("Hi")))
    )


def test_an_id_of_a_conversation_goes_before_its_content() -> None:
    def turn(text: str) -> GenerationRequest:
        record = ResponseRecord(
            tenant="acme", id="resp_1", status=Status.IN_PROGRESS, created_at=0.0,
            settings=b"", conversation="conv_1",
        )  # fmt: skip
        return replace(asking(content_of(user(text))), turn=Turn(record))

    assert session(CONVERSATION, turn("one")) == session(CONVERSATION, turn("two"))


def test_nothing_tells_the_session_of_what_cannot_be_read() -> None:
    def unreadable() -> Generation:
        raise InvalidRequest("not a thing we know")

    request = replace(asking(), content=Deferred(unreadable))
    assert session(CONVERSATION, request) is None
    assert session(CACHE_KEY, request) is None
    assert session(CONVERSATION, asking(Generation(()))) is None


def test_the_cache_key_is_the_same_relayed_or_read() -> None:
    read = asking(content_of(user("Hi"), extras={"prompt_cache_key": b'"k"'}))
    relayed = replace(
        asking(content_of(user("Other"))),
        verbatim=Verbatim(Dialect.CHAT_COMPLETIONS, {"prompt_cache_key": b'"k"'}),
    )
    assert session(CACHE_KEY, read) == session(CACHE_KEY, relayed)
    assert session(CACHE_KEY, read) is not None


def test_no_cache_key_is_no_session() -> None:
    for extras in ({}, {"prompt_cache_key": b"null"}, {"prompt_cache_key": b'""'}):
        assert session(CACHE_KEY, asking(content_of(user("Hi"), extras=extras))) is None


def test_half_a_surrogate_pair_is_hashed_too() -> None:
    assert session(CONVERSATION, asking(content_of(user("\ud800")))) is not None
