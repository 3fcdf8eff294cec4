"""Rotating: one provider with several keys: where one is refused or slowed down, the next comes."""

from collections.abc import Sequence
from typing import Final

from ...domain.errors import ProviderError, QuotaExhausted, UpstreamAuthFailed, UpstreamRateLimited
from ...domain.request import GenerationRequest
from ..ports import Answer, Clock, Event, LlmProvider, Observer
from ..targets import LONGEST_REST_S

_REFUSED_REST_S: Final = 300.0
_SLOWED_REST_S: Final = 5.0
_MAX_RESTS: Final = 1024


class Rotating(LlmProvider):
    """`keys` are the same adapter, once with each key.

    It stays with a key until that is refused, because what a vendor keeps of prompts is kept by
    account. A refused key rests, for that model alone: others may be open to it. While all rest,
    the one is asked whose rest ends first: somebody may have mended it.
    """

    def __init__(
        self, provider: str, keys: Sequence[LlmProvider], clock: Clock, observer: Observer
    ) -> None:
        self._provider = provider
        self._keys = tuple(keys)
        self._clock = clock
        self._observer = observer
        self._current = 0
        self._rests: dict[tuple[int, str], float] = {}

    async def open(self, request: GenerationRequest) -> Answer:
        failure: ProviderError | None = None
        try:
            for number in self._order(request.model):
                if failure is not None:
                    request.journal.attempts += 1
                    self._observer.count(Event.KEY_ROTATED, self._provider)
                try:
                    answer = await self._keys[number].open(request)
                except (UpstreamAuthFailed, UpstreamRateLimited, QuotaExhausted) as error:
                    self._rest(number, request.model, error)
                    failure = _told(failure, error)
                    continue
                if self._rests:
                    self._rests.pop((number, request.model), None)
                self._current = number
                return answer
            raise failure or ValueError("there is at least one key")
        finally:
            # An error's traceback holds this frame: kept here, each failed call would be a circle.
            del failure

    def _order(self, model: str) -> Sequence[int]:
        """Return the keys to try, the current one first."""
        count = len(self._keys)
        order = [(self._current + step) % count for step in range(count)]
        if not self._rests:
            return order
        now = self._clock.monotonic()
        awake = [number for number in order if self._rests.get((number, model), 0.0) <= now]
        return awake or [min(order, key=lambda number: self._rests[number, model])]

    def _rest(self, number: int, model: str, error: ProviderError) -> None:
        rest_s = error.retry_after_s
        if rest_s is None:
            rest_s = _SLOWED_REST_S if isinstance(error, UpstreamRateLimited) else _REFUSED_REST_S
        now = self._clock.monotonic()
        if len(self._rests) >= _MAX_RESTS:
            self._rests = {key: until for key, until in self._rests.items() if until > now}
            if len(self._rests) >= _MAX_RESTS:
                self._rests.clear()
        self._rests[number, model] = now + min(rest_s, LONGEST_REST_S)


def _told(told: ProviderError | None, error: ProviderError) -> ProviderError:
    """Return which of two keys' failures is told: the pace before the account, then the later.

    Of two that say when to come again, the later is told with the sooner time.
    """
    if told is None:
        return error
    paced = isinstance(told, UpstreamRateLimited)
    if paced and not isinstance(error, UpstreamRateLimited):
        return told
    if paced and told.retry_after_s is not None and error.retry_after_s is not None:
        error.retry_after_s = min(told.retry_after_s, error.retry_after_s)
    return error
