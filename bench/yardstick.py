"""A bare ASGI function on uvicorn that answers by itself: what the machine charges for nothing."""

import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from .payloads import chat_answer

_BODY = chat_answer()
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
    ],
}
_REST = {"type": "http.response.body", "body": _BODY}
Message = dict[str, Any]  # Any: ASGI's messages


async def answer(
    scope: Message,  # noqa: ARG001  # ASGI's signature
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Read the request, send the prepared answer."""
    while (await receive()).get("more_body"):
        pass
    await send(_START)
    await send(_REST)


def main(port: int) -> None:
    """Serve on `port` until a signal comes."""
    config = uvicorn.Config(
        answer,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="error",
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main(int(sys.argv[1]))
