"""A request on its way through the steps that fit it to a target."""

from dataclasses import dataclass, field, replace

from ...domain.adjustments import Adjustment
from ...domain.capabilities import Capabilities
from ...domain.conversation import (
    Message,
    Role,
    Text,
)
from ...domain.dialect import Dialect
from ...domain.request import (
    Generation,
)
from ..languages import outward


@dataclass(slots=True)
class Fitting:
    """`dialect` is the caller's; parameters are told in chat completions' spelling."""

    content: Generation
    can: Capabilities
    model: str
    dialect: Dialect = Dialect.CHAT_COMPLETIONS
    made: list[Adjustment] = field(default_factory=list[Adjustment])

    @property
    def outward(self) -> Dialect | None:
        """The OpenAI language that the request goes out in, None for another vendor's."""
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
