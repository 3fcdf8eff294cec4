"""In which of the languages that clients speak, too, a request is said to a target."""

from ..domain.capabilities import Capabilities
from ..domain.dialect import Dialect
from ..domain.effort import Effort
from ..domain.request import Generation


def outward(dialect: Dialect, content: Generation, can: Capabilities) -> Dialect | None:
    """Return the language of a translated request; None for a target that has another of its own.

    Claude is spoken to in Messages, wherever it stands. Chat completions goes out as chat
    completions, but for models that take tools on Responses alone while they reason; Responses
    goes out as Responses wherever that is spoken.
    """
    if Dialect.MESSAGES in can.dialects:
        return Dialect.MESSAGES
    if Dialect.RESPONSES in can.dialects:
        only_there = (
            can.tools_only_on_responses
            and bool(content.tools)
            and content.effort is not Effort.NONE
        )
        alone = Dialect.CHAT_COMPLETIONS not in can.dialects
        if dialect is Dialect.RESPONSES or only_there or alone:
            return Dialect.RESPONSES
    return Dialect.CHAT_COMPLETIONS if Dialect.CHAT_COMPLETIONS in can.dialects else None
