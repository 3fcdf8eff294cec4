"""WrappedAnswer: what a filter that watches an answer inherits."""

from collections.abc import Sequence

from ...domain.events import StreamEvent
from ..ports import Answer


class WrappedAnswer(Answer):
    """Passes an answer on; closing it closes what it wraps."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Answer) -> None:
        self._inner = inner

    async def read(self) -> Sequence[StreamEvent]:
        return await self._inner.read()

    async def aclose(self) -> None:
        await self._inner.aclose()
