"""A request on its way through the steps that fit it to a target."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ...domain.adjustments import Adjustment
from ...domain.capabilities import Capabilities
from ...domain.conversation import (
    Message,
    Role,
    Text,
    ToolResult,
)
from ...domain.dialect import Dialect
from ...domain.request import (
    Generation,
)
from ...domain.tools import FunctionTool
from ..languages import outward

T = TypeVar("T")
_IN_PARTS = (Message, ToolResult)


@dataclass(slots=True)
class Fitting:
    """`dialect` is the caller's; parameters are told in chat completions' spelling.

    `answer_tool` is the one whose call is to be the answer, if any. `kinds` are the types of the
    items, parts and tools that were asked with: who is about others has nothing to do.
    """

    content: Generation
    can: Capabilities
    model: str
    dialect: Dialect = Dialect.CHAT_COMPLETIONS
    answer_tool: FunctionTool | None = None
    made: list[Adjustment] = field(default_factory=list[Adjustment])
    kinds: frozenset[type] = field(init=False)
    _outward: Dialect | None = field(init=False)

    def __post_init__(self) -> None:
        items = self.content.items
        kinds: set[type] = set(map(type, items))
        kinds.update(map(type, self.content.tools))
        for item in items:
            if isinstance(item, _IN_PARTS):
                kinds.update(map(type, item.parts))
        self.kinds = frozenset(kinds)
        self._outward = outward(self.dialect, self.content, self.can)

    @property
    def outward(self) -> Dialect | None:
        """The language of clients that the request goes out in, None for another one."""
        if not self.can.tools_only_on_responses:  # else it hangs on what there is by now
            return self._outward
        return outward(self.dialect, self.content, self.can)

    def tell(self, param: str, action: str, detail: str) -> None:
        self.made.append(Adjustment(param, action, detail))

    def instruct(self, text: str) -> None:
        """Add `text` behind the leading system messages."""
        items = self.content.items
        place = 0
        while place < len(items):
            item = items[place]
            if not (isinstance(item, Message) and item.role in (Role.SYSTEM, Role.DEVELOPER)):
                break
            place += 1
        said = Message(Role.SYSTEM, (Text(text),))
        self.content = replace(self.content, items=(*items[:place], said, *items[place:]))


def each(things: tuple[T, ...], fitted: Callable[[T], T]) -> tuple[T, ...]:
    """Return `things` as they are `fitted`: the very same if none had to be."""
    result: list[T] | None = None
    for place, thing in enumerate(things):
        one = fitted(thing)
        if one is not thing and result is None:
            result = list(things[:place])
        if result is not None:
            result.append(one)
    return things if result is None else tuple(result)
