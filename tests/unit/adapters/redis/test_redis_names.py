"""Names in Redis, and the server as it is before anything is asked of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmux.adapters.redis.names import parted, quoted
from modelmux.adapters.redis.server import RedisServer
from modelmux.domain.errors import ConfigurationError
from modelmux.domain.secret import Secret

_ANY = st.text(st.characters())


@given(_ANY, _ANY)
def test_a_name_is_parted_where_it_was_joined(tenant: str, id_: str) -> None:
    assert parted(f"{quoted(tenant)}:{quoted(id_)}".encode("ascii")) == (tenant, id_)


@given(_ANY)
def test_a_quoted_text_holds_no_mark_of_keys_or_patterns(text: str) -> None:
    assert not set(quoted(text)) & set(":*?[]{}\\ \x00")


@pytest.mark.parametrize("url", ["redis://host:port/0", "http://127.0.0.1", "", "redis://[::1"])
def test_what_is_no_address_is_told_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RedisServer(Secret(url))
    assert caught.value.hint
    assert url == "" or url not in caught.value.message


async def test_nothing_is_asked_before_it_is_needed() -> None:
    server = RedisServer(Secret("redis://127.0.0.1:1/0"))
    await server.aclose()
    await server.aclose()
