"""Nobody ever gets another caller's answer, whatever upstreams send and callers do."""

import asyncio
import random
import re
from pathlib import Path

import httpx
import pytest

from tests.support.hostile import LANES, House, asking
from tests.support.hostile_upstream import UNASKED

_CALLS = 1500
_AT_ONCE = 40
_MARK = re.compile(r"MARK-\d+")


async def call(client: httpx.AsyncClient, number: int, kind: str, dice: random.Random) -> str:
    """Ask with a mark of its own; return what is wrong with the answer, if anything."""
    mark, stream = f"MARK-{number}", dice.random() < 0.5
    body = asking(dice.choice(LANES), f"@@{kind}@@ {mark}", stream=stream)
    if dice.random() < 0.05:
        try:
            async with asyncio.timeout(0.01 * dice.random()):
                await client.post("/v1/chat/completions", json=body)
        except TimeoutError:
            return ""
    answer = await client.post("/v1/chat/completions", json=body)
    text = answer.text
    if UNASKED in text or set(_MARK.findall(text)) - {mark}:
        return f"{mark} got {text[:300]}"
    if answer.status_code == 500:
        return f"{mark} {text[:300]}"
    if answer.status_code != 200:
        return ""
    if stream and ("[DONE]" in text) == ('"error"' in text):
        return f"{mark} neither whole nor cut: {text[-300:]}"
    if '"error"' not in text and mark not in text:
        return f"{mark} is not in {text[:300]}"
    return ""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
async def test_each_answer_belongs_to_its_request(house: House) -> None:
    dice, places = random.Random(11), asyncio.Semaphore(_AT_ONCE)
    async with httpx.AsyncClient(
        base_url=house.gateway.url,
        headers=house.client.headers,
        trust_env=False,
        timeout=30,
        limits=httpx.Limits(max_connections=_AT_ONCE),
    ) as client:

        async def one(number: int) -> str:
            async with places:
                return await call(client, number, "any", dice)

        await asyncio.gather(*map(one, range(100_000, 100_100)))
        before = house.descriptors()
        wrong = await asyncio.gather(*map(one, range(200_000, 200_000 + _CALLS)))
        assert [it for it in wrong if it] == []
        assert house.descriptors() <= before + _AT_ONCE


async def test_an_upstream_that_once_answered_unasked_is_not_trusted_with_two_calls(
    house: House,
) -> None:
    """The second answer comes when the next call may be on its way: nothing could tell it apart."""
    assert house.ask(LANES[0], "@@twice@@ MARK-1").status_code == 200
    dice = random.Random(3)
    async with httpx.AsyncClient(
        base_url=house.gateway.url, headers=house.client.headers, trust_env=False, timeout=30
    ) as client:
        for first in range(300_000, 300_300, 20):
            numbers = range(first, first + 20)
            wrong = await asyncio.gather(
                *(call(client, number, "late-again", dice) for number in numbers)
            )
            assert [it for it in wrong if it] == []
