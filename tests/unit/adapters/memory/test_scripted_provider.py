import asyncio

import pytest

from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.domain.errors import StreamCut, UpstreamFailed
from modelmux.domain.events import FinishReason, ResponseFinished, ResponseStarted, TextDelta
from tests.contracts.observer import request

STARTED = ResponseStarted("resp_1", "test-model")
FINISHED = ResponseFinished((FinishReason.STOP,))


async def test_batches_come_as_they_stand_and_then_nothing() -> None:
    provider = ScriptedProvider(Script(((STARTED, TextDelta("hi")), (FINISHED,))))
    answer = await provider.open(request())
    assert await answer.read() == (STARTED, TextDelta("hi"))
    assert await answer.read() == (FINISHED,)
    assert await answer.read() == ()
    assert (provider.opens, provider.closes) == (1, 0)
    await answer.aclose()
    await answer.aclose()
    assert (provider.opens, provider.closes) == (1, 1)


async def test_each_open_plays_the_next_script_and_the_last_stays() -> None:
    failure = UpstreamFailed("it broke")
    provider = ScriptedProvider(Script(open_error=failure), Script(((STARTED, FINISHED),)))
    with pytest.raises(UpstreamFailed):
        await provider.open(request())
    for _ in range(2):
        answer = await provider.open(request())
        assert await answer.read() == (STARTED, FINISHED)
    assert (len(provider.requests), provider.opens) == (3, 2)


async def test_a_cut_answer_raises_after_its_batches() -> None:
    provider = ScriptedProvider(Script(((STARTED,),), read_error=StreamCut("cut")))
    answer = await provider.open(request())
    await answer.read()
    with pytest.raises(StreamCut):
        await answer.read()


async def test_a_gate_holds_the_open_and_a_cancelled_open_leaves_nothing() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider(Script(((STARTED, FINISHED),), open_gate=gate))
    waiting = asyncio.create_task(provider.open(request()))
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert provider.opens == 0
    gate.set()
    await (await provider.open(request())).aclose()
    assert (provider.opens, provider.closes) == (1, 1)


async def test_a_gate_holds_each_read() -> None:
    gate = asyncio.Event()
    provider = ScriptedProvider(Script(((STARTED, FINISHED),), read_gate=gate))
    answer = await provider.open(request())
    reading = asyncio.create_task(answer.read())
    await asyncio.sleep(0)
    assert not reading.done()
    gate.set()
    assert await reading == (STARTED, FINISHED)


@pytest.mark.parametrize(
    "batches",
    [
        (),
        ((STARTED,),),
        ((FINISHED,),),
        ((TextDelta("x"), STARTED, FINISHED),),
        ((STARTED, FINISHED, TextDelta("x")),),
        ((STARTED,), (), (FINISHED,)),
        ((STARTED, STARTED, FINISHED),),
    ],
)
def test_a_script_that_breaks_the_laws_is_refused(
    batches: tuple[tuple[ResponseStarted | TextDelta | ResponseFinished, ...], ...],
) -> None:
    with pytest.raises(ValueError, match="starts first"):
        Script(batches)
