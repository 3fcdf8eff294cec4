"""A Redis server for all tests here, and for each test a part of it that is its own."""

import secrets
from collections.abc import AsyncGenerator, Generator

import pytest

from modelmux.adapters.redis.server import RedisServer, Script
from modelmux.domain.secret import Secret
from tests.support.servers import running_redis


@pytest.fixture(scope="session")
def redis_url() -> Generator[str]:
    with running_redis() as url:
        yield url


_CLEAN = Script("""
local cursor = '0'
repeat
  local found = redis.call('SCAN', cursor, 'MATCH', ARGV[1] .. '*', 'COUNT', 1000)
  cursor = found[1]
  for _, key in ipairs(found[2]) do redis.call('UNLINK', key) end
until cursor == '0'
""")


@pytest.fixture
async def server(redis_url: str) -> AsyncGenerator[RedisServer, None]:
    server = RedisServer(Secret(redis_url), f"modelmux-test-{secrets.token_hex(8)}")
    yield server
    await server.run(_CLEAN)  # the address may be of a server that others use as well
    await server.aclose()
