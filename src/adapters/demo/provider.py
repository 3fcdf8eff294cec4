"""The demo provider: serves the first minute, the examples and the tests, and only as `demo`."""

from collections.abc import Sequence

from ...application.ports import Answer, Clock, IdSource, LlmProvider, ProbeReport, UpstreamProbe
from ...domain.capabilities import Capabilities
from ...domain.errors import ModelNotFound
from ...domain.events import StreamEvent
from ...domain.request import GenerationRequest
from .script import perform

MODEL = "demo"
CAPABILITIES = Capabilities(dialects=frozenset(), failed_results=True)


def accepts(model: str) -> bool:
    """Return whether this is the demo's own name: no other is ever answered by an echo."""
    return model == MODEL


def capabilities_for(model: str) -> Capabilities:
    """Return the demo's record, whatever the model: it does everything, in its way."""
    del model
    return CAPABILITIES


class DemoProvider(LlmProvider):
    """Answers without a network, the same to the same request; `pace_s` parts streamed batches."""

    def __init__(self, clock: Clock, ids: IdSource, pace_s: float = 0.02) -> None:
        self._clock = clock
        self._ids = ids
        self._pace_s = pace_s

    async def open(self, request: GenerationRequest) -> Answer:
        if not accepts(request.model):
            raise ModelNotFound(request.model, nearest=(MODEL,))
        response_id = self._ids.new("demo_")
        batches = perform(request.content.get(), response_id=response_id, model=request.model)
        if not request.stream:
            batches = [[event for batch in batches for event in batch]]
        return _DemoAnswer(batches, self._clock, self._pace_s)


class _DemoAnswer(Answer):
    def __init__(self, batches: Sequence[list[StreamEvent]], clock: Clock, pace_s: float) -> None:
        self._batches = iter(batches)
        self._clock = clock
        self._pace_s = pace_s
        self._begun = False

    async def read(self) -> Sequence[StreamEvent]:
        batch = next(self._batches, None)
        if batch is None:
            return ()
        if self._begun and self._pace_s > 0:
            await self._clock.sleep(self._pace_s)
        self._begun = True
        return batch

    async def aclose(self) -> None:
        self._batches = iter(())


class DemoProbe(UpstreamProbe):
    async def probe(self) -> ProbeReport:
        return ProbeReport(True, "built in, needs nothing", (MODEL,))
