"""One question to one model, asked in this process through the planned route."""

from collections.abc import Callable
from contextlib import aclosing

from ...application.ports import LlmProvider
from ...domain.conversation import Message, Role, Text
from ...domain.deferred import Deferred
from ...domain.dialect import Dialect
from ...domain.events import RefusalDelta, TextDelta
from ...domain.journal import Journal
from ...domain.request import Caller, Generation, GenerationRequest


async def ask_once(
    respond: LlmProvider,
    model: str,
    question: str,
    tell: Callable[[str], None],
    max_output_tokens: int | None = None,
) -> Journal:
    """Pass the answer's text to `tell` as it comes; return what happened on the way.

    Raises:
        ModelmuxError: there is no such model, or no whole answer came.
    """
    content = Generation(
        (Message(Role.USER, (Text(question),)),), max_output_tokens=max_output_tokens
    )
    request = GenerationRequest(
        model=model,
        dialect=Dialect.CHAT_COMPLETIONS,
        stream=True,
        content=Deferred.of(content),
        caller=Caller("local"),
    )
    async with aclosing(await respond.open(request)) as answer:
        while events := await answer.read():
            for event in events:
                if isinstance(event, TextDelta | RefusalDelta):
                    tell(event.text)
    return request.journal
