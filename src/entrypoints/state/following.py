"""Sends the stream of a background response to whoever follows it.

The answer comes as whole frames. A follower who leaves ends nothing but its following.
"""

import asyncio
from collections.abc import Awaitable, Callable

from ...application.ports import Answer, Exchange
from ...domain.errors import ModelmuxError
from ...domain.events import RelayedBytes, ResponseFinished
from ..asgi import Receive, Scope, Send
from ..errors import describe, encode_refusal
from ..services import Services
from ..sse import SSE_HEADERS, data_frame
from ..watcher import ClientGone, RunningCall, RunningCalls


class Following:
    """An ASGI application that runs one time; `open_` starts the answer."""

    def __init__(
        self, services: Services, calls: RunningCalls, open_: Callable[[], Awaitable[Answer]]
    ) -> None:
        self._services = services
        self._calls = calls
        self._open = open_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all.

        Raises:
            ModelmuxError: before anything was sent; later it is told in the stream.
        """
        exchange = scope["state"].get("exchange")
        call = self._calls.enter(receive, send, self._services.limits.body_timeout_s)
        call.body_complete()  # a GET has none: from here on the client is watched
        try:
            await self._send(call)
        except asyncio.CancelledError:
            ending, task = call.ended_by, asyncio.current_task()
            if ending is None or task is None or task.uncancel() > 0:
                raise
            await self._end(call, exchange, ending)
        except ModelmuxError as error:
            await self._end(call, exchange, error)
        finally:
            self._calls.leave(call)

    async def _send(self, call: RunningCall) -> None:
        answer = await self._open()
        try:
            head = {"type": "http.response.start", "status": 200, "headers": [*SSE_HEADERS]}
            await call.send(head)
            call.streaming = True
            while events := await answer.read():
                data = b"".join(event.data for event in events if type(event) is RelayedBytes)
                if type(events[-1]) is ResponseFinished:
                    call.hush()
                    await call.send({"type": "http.response.body", "body": data})
                    return
                if data:
                    await call.send({"type": "http.response.body", "body": data, "more_body": True})
                    call.spoke = True
        finally:
            await answer.aclose()

    async def _end(
        self, call: RunningCall, exchange: object, ending: ModelmuxError | ClientGone
    ) -> None:
        """Tell why the stream ends early.

        Neither the response nor its stream has failed, so this is no event of it: whoever follows
        may come back with `starting_after`.
        """
        begun = call.streaming
        self._calls.leave(call)
        if isinstance(ending, ClientGone):
            if isinstance(exchange, Exchange):
                exchange.client_gone = True
            return
        if not begun:
            raise ending
        refusal = describe(ending)
        id_ = ""
        if isinstance(exchange, Exchange):
            exchange.error, exchange.error_detail = refusal.code or refusal.type, ending.detail
            id_ = exchange.request_id
        end = data_frame(encode_refusal(refusal, id_))
        await call.send({"type": "http.response.body", "body": end})
