"""What the fakes of model services share: a loopback server, and what a fake model says.

A fake model holds no state: what it answers follows from the conversation alone, so it may be
asked by many at once, and be restarted between two turns. Words in the last thing the user said
choose: `parallel` (two calls in one turn), `sequential` (two steps of one call each), `call`
(one call), `think` (thoughts before the answer), `slow`, `cut` (streams break off in the middle);
anything else is repeated. What goes wrong before an answer is planned with `plan`.
"""

import json
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeGuard

# Any: JSON as it came over the wire; the fakes look at it piece by piece.
Json = dict[str, Any]
STEPS = 2


@dataclass(frozen=True, slots=True)
class Received:
    """One request; `body` is its JSON, empty if it has none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """`frames` are sent as a stream, `body` whole; `cut` closes without the body's end."""

    status: int = 200
    body: bytes = b""
    frames: Sequence[bytes] = ()
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    delay_s: float = 0.0
    pace_s: float = 0.0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a fake model answers: `calls` are names and arguments."""

    text: str = ""
    thought: str = ""
    calls: tuple[tuple[str, Json], ...] = ()


@dataclass(slots=True)
class FakeUpstream(ABC):
    """`base_url` is without a slash at its end; `requests` is what was asked, in order."""

    base_url: str = ""
    token: str | None = None
    requests: list[Received] = field(default_factory=list[Received])
    _planned: deque[Reply] = field(default_factory=deque[Reply])

    @property
    def last(self) -> Json:
        """The body of the latest request."""
        return self.requests[-1].body

    def plan(self, *replies: Reply) -> None:
        """Give `replies`, each once, to the next requests, instead of answers."""
        self._planned.extend(replies)

    def reply(self, request: Received) -> Reply:
        self.requests.append(request)
        if self._planned:
            return self._planned.popleft()
        if (
            self.token is not None
            and request.headers.get("authorization") != f"Bearer {self.token}"
        ):
            return self.unauthenticated()
        return self.answer(request)

    @abstractmethod
    def answer(self, request: Received) -> Reply: ...

    @abstractmethod
    def unauthenticated(self) -> Reply: ...


def decide(said: str, tools: Mapping[str, Json], results: Sequence[str], steps: int) -> Said:
    """Return what the model says to `said`, `steps` calls and their `results` after it.

    `tools` are the schemas of those that may be called.
    """
    thought = "Let me think." if "think" in said else ""
    names = list(tools)
    calls: tuple[tuple[str, Json], ...] = ()
    if names and "parallel" in said and not steps:
        pair = (names[0], names[1 % len(names)])
        calls = tuple((name, sample(tools[name], place)) for place, name in enumerate(pair))
    elif names and "sequential" in said and steps < STEPS:
        name = names[steps % len(names)]
        calls = ((name, sample(tools[name], steps)),)
    elif names and "call" in said and not steps:
        calls = ((names[0], sample(tools[names[0]], 0)),)
    if calls:
        return Said(thought=thought, calls=calls)
    if results:
        return Said(f"The tools said: {'; '.join(results)}", thought)
    return Said(f"You said: {said}", thought)


def sample(schema: Json, number: int = 0, root: Json | None = None, depth: int = 0) -> Any:
    """Return a value that is valid for `schema`; `number` makes texts differ.

    A list that holds itself, by references, ends empty.
    """
    root = schema if root is None else root
    if "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#").removeprefix("/").split("/"):
            found = found[step] if step else found
        return sample(found, number, root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return sample(schema[union][0], number, root, depth)
    kind = schema.get("type", "object")
    match kind if isinstance(kind, str) else kind[0]:
        case "object":
            members = schema.get("properties", {})
            return {name: sample(inner, number, root, depth) for name, inner in members.items()}
        case "array":
            if "prefixItems" in schema:
                return [sample(inner, number, root, depth) for inner in schema["prefixItems"]]
            if depth > 3 and "minItems" not in schema:
                return []
            return [sample(schema.get("items", {"type": "string"}), number, root, depth)]
        case "integer" | "number":
            least = schema.get("exclusiveMinimum", schema.get("minimum", -1) - 1) + 1
            return max(number, least)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return f"value {number}"


def formed(schema: Json | None, said: str) -> str:
    """Return an answer in JSON: what was said, where any object or one with `said` is wanted."""
    if schema is None or "said" in schema.get("properties", {}):
        return json.dumps({"said": said})
    return json.dumps(sample(schema))


def objects_in(value: Any) -> list[Json]:
    """Return `value` if it is an object, or the objects among its elements."""
    elements = value if _is_list(value) else [value]
    return [element for element in elements if _is_object(element)]


# Guards, because isinstance leaves what is inside unknown to the type checkers.
def _is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_object(value: Any) -> TypeGuard[Json]:
    return isinstance(value, dict)


def pieces(text: str) -> list[str]:
    """Return `text` in the pieces it is streamed in: its words, with the spaces before them."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])]


def pacing(said: str, frames: Sequence[bytes]) -> Reply:
    """Return a stream of `frames`, as slow or broken as `said` wants it."""
    cut = "cut" in said
    return Reply(
        frames=frames[: len(frames) // 2] if cut else frames,
        content_type="text/event-stream; charset=utf-8",
        pace_s=0.05 if "slow" in said else 0.0,
        cut=cut,
    )


@contextmanager
def serve(upstream: FakeUpstream) -> Generator[FakeUpstream, None, None]:
    """Serve `upstream` on a free port until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.upstream = upstream
    upstream.base_url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    upstream: FakeUpstream

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers that leave early are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]  # ours is the only one
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", "0")))
        try:
            bodies = objects_in(json.loads(raw))
        except ValueError:
            bodies = []
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.upstream.reply(
            Received(self.command, self.path, headers, bodies[0] if bodies else {}, raw)
        )
        time.sleep(reply.delay_s)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.frames or reply.cut:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._stream(reply.frames, reply)
        else:
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

    def _stream(self, frames: Iterable[bytes], reply: Reply) -> None:
        for frame in frames:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(frame), frame))
            self.wfile.flush()
            time.sleep(reply.pace_s)
        if reply.cut:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it is called by
        """Say nothing: the tests look at `requests`."""
