"""A picture, and a loopback server that has it."""

import base64
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from .raw_server import RawPeer, raw_server_in_thread, response

# One grey pixel.
PNG: Final = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
PNG_BASE64: Final = base64.b64encode(PNG).decode()
PNG_URL: Final = f"data:image/png;base64,{PNG_BASE64}"


@contextmanager
def image_server() -> Generator[str]:
    """Serve the picture until the block ends; gives its address."""

    async def show(peer: RawPeer) -> None:
        while True:
            await peer.request()
            await peer.send(response(PNG, content_type="image/png"))

    with raw_server_in_thread(show) as server:
        yield f"{server.base_url}/picture.png"
