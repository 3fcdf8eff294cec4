"""A service that speaks chat completions and Responses, on a loopback socket.

    async with fake_openai("vllm") as upstream:
        ... upstream.base_url, upstream.requests, upstream.busy ...

It refuses what the service of its flavour refuses (`chat_rules`, `responses_rules`), wants its
key, and answers from the conversation alone (`fake_upstream.decide`). Flavours but openai, azure
and vllm have no Responses; `lacks_responses` takes it away from those. Some models misbehave, by
name: see `_MISBEHAVING`; `file:NAME` answers with the recorded `NAME.sse` or `NAME.json`.
`fake_openai_in_thread` is for blocking clients.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from zlib import crc32

from .chat_rules import Json, Refused, check, is_list, is_object, refuse
from .fake_responses import response_frames, whole_response
from .fake_upstream import Said, decide, formed, pieces
from .misbehaving_responses import MISBEHAVING_ON_RESPONSES
from .openai_replay import FOLDER, frames_of
from .raw_server import (
    LAST_CHUNK,
    STREAM_HEAD,
    RawPeer,
    RawRequest,
    RawServer,
    chunk,
    raw_server,
    raw_server_in_thread,
    response,
)
from .responses_rules import check_responses

KEY: Final = "test-key-not-secret"
MODELS: Final = ("plain", "org/plain")
_USAGE: Final = {
    "prompt_tokens": 7,
    "completion_tokens": 5,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
_DEPLOYMENT: Final = re.compile(r"/openai/deployments/([^/?]+)(/[a-z/]+)\?api-version=[0-9a-z-]+")
_ALL_DEPLOYMENTS: Final = re.compile(r"/openai/responses\?api-version=[0-9a-z-]+")
_WITH_RESPONSES: Final = ("openai", "azure", "vllm")
_V1: Final = re.compile(r"(?:/openai)?/v1(/[a-z/]+)(?:\?api-version=[0-9a-z-]+)?")


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came; `body` is its JSON, empty if it has none."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Json
    raw: bytes = field(repr=False)


@dataclass(slots=True)
class FakeOpenAI:
    """`busy` counts requests that are being answered; `requests` is what was asked, in order.

    `flavour` is openai, azure, vllm, mistral, deepseek or any; `failures` are statuses that the
    next requests get instead of an answer.
    """

    flavour: str = "openai"
    key: str | None = KEY
    server: RawServer | None = None
    busy: int = 0
    requests: list[Received] = field(default_factory=list[Received])
    failures: list[int] = field(default_factory=list[int])
    tokens: set[str] = field(default_factory=lambda: {KEY})
    lacks_responses: bool = False

    @property
    def root_url(self) -> str:
        assert self.server is not None
        return self.server.base_url

    @property
    def base_url(self) -> str:
        return f"{self.root_url}/v1"

    @property
    def last(self) -> Json:
        """The body of the latest request."""
        return self.requests[-1].body

    async def until_idle(self, timeout_s: float = 2.0) -> None:
        """Wait until nothing is being answered; fails in time."""
        async with asyncio.timeout(timeout_s):
            while self.busy:  # noqa: ASYNC110 - counted from another thread, too
                await asyncio.sleep(0.005)

    async def until_asked(self, count: int = 1, timeout_s: float = 2.0) -> None:
        """Wait until `count` requests have come; fails in time."""
        async with asyncio.timeout(timeout_s):
            while len(self.requests) < count:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)

    async def serve(self, peer: RawPeer) -> None:
        self.server = peer.server
        while True:
            request = await peer.request()
            self.busy += 1
            try:
                await self._answer(peer, request)
            finally:
                self.busy -= 1

    async def _answer(self, peer: RawPeer, request: RawRequest) -> None:
        received = _received(request)
        self.requests.append(received)
        if self.failures:
            status = self.failures.pop(0)
            await peer.send(_failure(status))
            return
        try:
            operation, model = self._admit(received)
            if operation == "/responses" and model in MISBEHAVING_ON_RESPONSES:
                await MISBEHAVING_ON_RESPONSES[model](peer, received.body)
                return
            if model in _MISBEHAVING:
                await _MISBEHAVING[model](peer, received)
                return
            if model.startswith("file:"):
                await _send_file(peer, model.removeprefix("file:"), bool(received.body["stream"]))
                return
            if operation == "/chat/completions":
                await self._chat(peer, received.body, model)
            elif operation == "/responses":
                await self._respond(peer, received.body)
            else:
                await peer.send(_json(self._other(operation, received, model)))
        except Refused as refused:
            await peer.send(_json(refused.body, refused.status))

    def _admit(self, received: Received) -> tuple[str, str]:
        """Return the operation and the model; raises `Refused` as the service does."""
        self._check_key(received)
        if self.flavour == "vllm" and received.path in ("/health", "/version"):
            return received.path, ""
        found = _DEPLOYMENT.fullmatch(received.path) if self.flavour == "azure" else None
        if found is not None:
            operation, model = found[2], found[1]
        elif self.flavour == "azure" and _ALL_DEPLOYMENTS.fullmatch(received.path):
            operation, model = "/responses", str(received.body.get("model", ""))
        else:
            found = _V1.fullmatch(received.path)
            if found is None:
                raise refuse("Unknown path.", status=404, flavour=self.flavour)
            operation, model = found[1], str(received.body.get("model", ""))
        if operation == "/models":
            return operation, ""
        if received.headers.get("content-type", "").partition(";")[0] != "application/json":
            raise refuse("Send JSON.", status=415, flavour=self.flavour)
        if model == "missing":
            code = "DeploymentNotFound" if self.flavour == "azure" else "model_not_found"
            message = f"The model `{model}` does not exist."
            raise refuse(message, param="model", code=code, status=404, flavour=self.flavour)
        if operation == "/responses":
            if self.lacks_responses or self.flavour not in _WITH_RESPONSES:
                raise Refused(404, {"detail": "Not Found"})
            check_responses(received.body, self.flavour)
        if operation == "/chat/completions":
            check(received.body | {"model": model}, self.flavour)
        return operation, model

    def _check_key(self, received: Received) -> None:
        if self.key is None:
            return
        shown = received.headers.get("authorization", "").removeprefix("Bearer ")
        if self.flavour == "azure" and "api-key" in received.headers:
            shown = received.headers["api-key"]
        if shown not in self.tokens:
            message = f"Incorrect API key provided: {shown}."
            raise refuse(message, code="invalid_api_key", status=401, flavour=self.flavour)

    def _other(self, operation: str, received: Received, model: str) -> Json:
        match operation:
            case "/models":
                return {"object": "list", "data": [_listed(name) for name in MODELS]}
            case "/health":
                return {}
            case "/version":
                return {"version": "0.19.0"}
            case "/embeddings":
                given: Any = received.body["input"]  # Any: a text or several
                count = len(given) if is_list(given) else 1
                data = [
                    {"object": "embedding", "index": place, "embedding": [0.5, -0.25]}
                    for place in range(count)
                ]
                usage = {"prompt_tokens": 2, "total_tokens": 2}
                return {"object": "list", "data": data, "model": model, "usage": usage}
            case "/completions":
                choice = {"index": 0, "text": " world", "finish_reason": "length", "logprobs": None}
                told = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": model}
                return {**told, "choices": [choice], "usage": _USAGE}
            case _:
                raise refuse("Unknown path.", status=404, flavour=self.flavour)

    async def _chat(self, peer: RawPeer, body: Json, model: str) -> None:
        said = _say(body)
        spelled = "reasoning" if self.flavour in ("vllm", "any") else "reasoning_content"
        if not body.get("stream"):
            await peer.send(_json(_whole(body, said, model, spelled, self.flavour)))
            return
        frames = _frames(body, said, model, spelled, self.flavour)
        await peer.send(STREAM_HEAD)
        for frame in frames:
            await peer.send(chunk(frame))
        await peer.send(LAST_CHUNK)

    async def _respond(self, peer: RawPeer, body: Json) -> None:
        if not body.get("stream"):
            await peer.send(_json(whole_response(body, self.flavour)))
            return
        await peer.send(STREAM_HEAD)
        for frame in response_frames(body, self.flavour):
            await peer.send(chunk(frame))
        await peer.send(LAST_CHUNK)


@contextlib.asynccontextmanager
async def fake_openai(
    flavour: str = "openai", *, key: str | None = KEY
) -> AsyncGenerator[FakeOpenAI, None]:
    """Serve in this loop until the block ends."""
    fake = FakeOpenAI(flavour, key)
    async with raw_server(fake.serve) as server:
        fake.server = server
        yield fake


@contextlib.contextmanager
def fake_openai_in_thread(
    flavour: str = "openai", *, key: str | None = KEY
) -> Generator[FakeOpenAI, None, None]:
    """Serve from a thread until the block ends."""
    fake = FakeOpenAI(flavour, key)
    with raw_server_in_thread(fake.serve) as server:
        fake.server = server
        yield fake


def _received(request: RawRequest) -> Received:
    try:
        body: Any = json.loads(request.body)  # Any: JSON of whoever asks
    except ValueError:
        body = {}
    return Received(
        request.method,
        request.target,
        request.headers,
        body if is_object(body) else {},
        request.body,
    )


def _say(body: Json) -> Said:
    """Return what the model answers: JSON where that is asked for, else as `decide` does."""
    messages: list[Json] = body["messages"]
    users = [place for place, one in enumerate(messages) if one["role"] == "user"]
    turn = messages[users[-1] :] if users else messages
    results = [_text(one["content"]) for one in turn if one["role"] == "tool"]
    steps = sum(1 for one in turn if one["role"] == "assistant" and one.get("tool_calls"))
    said = _text(turn[0].get("content"))
    tools: dict[str, Json] = {}
    if body.get("tool_choice") != "none":
        for tool in body.get("tools") or ():
            definition = tool[tool["type"]]
            tools[definition["name"]] = definition.get("parameters", {"type": "object"})
    chosen = _chosen(body.get("tool_choice"))
    if chosen is not None:
        tools = {name: schema for name, schema in tools.items() if name in chosen}
    wanted: Json = body.get("response_format", {})
    if wanted.get("type", "text") != "text" and not results:
        return Said(formed(wanted.get("json_schema", {}).get("schema"), said))
    answer = decide(said, tools, results, steps)
    forced = body.get("tool_choice") not in (None, "auto", "none")
    if forced and not answer.calls and not steps:
        return decide(f"{said} call", tools, results, steps)
    return answer


def _chosen(choice: Any) -> set[str] | None:  # Any: a word, or an object of several kinds
    """Return the names of the tools that may be called; None if any may."""
    if not is_object(choice):
        return None
    if choice["type"] == "allowed_tools":
        return {tool[tool["type"]]["name"] for tool in choice["allowed_tools"]["tools"]}
    return {choice[choice["type"]]["name"]}


def _text(content: Any) -> str:  # Any: text, parts or null
    if is_list(content):
        return " ".join(part.get("text", f"[{part['type']}]") for part in content)
    return content or ""


def _calls(body: Json, said: Said) -> list[Json]:
    """Return the calls; their ids are of this place in the conversation alone."""
    here = len(body["messages"]), said.calls
    id_start = f"call_{crc32(repr(here).encode()):08x}"
    tools: list[Json] = body.get("tools") or []
    custom = {tool["custom"]["name"] for tool in tools if tool["type"] == "custom"}
    calls: list[Json] = []
    for place, (name, arguments) in enumerate(said.calls):
        call: Json = {"id": f"{id_start}{place}"}
        if name in custom:
            call |= {"type": "custom", "custom": {"name": name, "input": "free text"}}
        else:
            function = {"name": name, "arguments": json.dumps(arguments)}
            call |= {"type": "function", "function": function}
        calls.append(call)
    return calls


def _reason(said: Said) -> str:
    return "tool_calls" if said.calls else "stop"


def _whole(body: Json, said: Said, model: str, spelled: str, flavour: str) -> Json:
    message: Json = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.thought or (flavour == "deepseek" and said.calls):
        message[spelled] = said.thought or "I need a tool."
    if said.calls:
        message["tool_calls"] = _calls(body, said)
    choice: Json = {"index": 0, "message": message, "finish_reason": _reason(said)}
    choice["logprobs"] = None
    if flavour == "azure":
        choice["content_filter_results"] = {"hate": {"filtered": False, "severity": "safe"}}
    whole = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1795000000, "model": model}
    return {**whole, "choices": [choice], "usage": _USAGE}


def _frames(body: Json, said: Said, model: str, spelled: str, flavour: str) -> list[bytes]:
    thought = said.thought or ("I need a tool." if flavour == "deepseek" and said.calls else "")
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{spelled: piece} for piece in pieces(thought) if piece]
    deltas += [{"content": piece} for piece in pieces(said.text) if piece]
    for index, call in enumerate(_calls(body, said)):
        kind: str = call["type"]
        member = "input" if kind == "custom" else "arguments"
        text: str = call[kind][member]
        deltas.append({"tool_calls": [{**call, "index": index, kind: {**call[kind], member: ""}}]})
        for part in (text[:3], text[3:]):
            deltas.append({"tool_calls": [{"index": index, kind: {member: part}}]})
    wanted = body.get("stream_options", {}).get("include_usage", False)
    chunks = [_chunk(delta, None, model) for delta in deltas]
    chunks.append(_chunk({}, _reason(said), model))
    if flavour == "azure":
        head: Json = {"choices": [], "created": 0, "id": "", "model": "", "object": ""}
        chunks.insert(0, {**head, "prompt_filter_results": []})
    if wanted:
        for one in chunks:
            one["usage"] = None
        chunks.append({**_chunk({}, None, model), "choices": [], "usage": _USAGE})
    elif flavour == "mistral":
        chunks[-1]["usage"] = _USAGE
    frames = [b"data: " + _dump(one) + b"\n\n" for one in chunks]
    return [*frames, b"data: [DONE]\n\n"]


def _chunk(delta: Json, reason: str | None, model: str) -> Json:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    told = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1795000000}
    return {**told, "model": model, "choices": [choice]}


def _listed(name: str) -> Json:
    return {"id": name, "object": "model", "created": 1, "owned_by": "fake", "max_model_len": 4096}


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _json(
    body: Json, status: int = 200, headers: tuple[tuple[str, str], ...] = (("x-request-id", "up"),)
) -> bytes:
    return response(_dump(body), status=status, headers=headers)


def _failure(status: int) -> bytes:
    error = {"message": HTTPStatus(status).phrase, "type": "t", "param": None, "code": None}
    return _json({"error": error}, status)


async def _send_file(peer: RawPeer, name: str, stream: bool) -> None:
    if not stream:
        await peer.send(response((FOLDER / f"{name}.json").read_bytes()))
        return
    await peer.send(STREAM_HEAD)
    for frame in frames_of((FOLDER / f"{name}.sse").read_bytes()):
        await peer.send(chunk(frame))
    await peer.send(LAST_CHUNK)


_FIRST: Final = b"data: " + _dump(_chunk({"content": "Hel"}, None, "m")) + b"\n\n"


async def _silent(peer: RawPeer, _: Received) -> None:
    await peer.closed()


async def _stuck(peer: RawPeer, _: Received) -> None:
    await peer.send(STREAM_HEAD + chunk(_FIRST))
    await peer.closed()


async def _endless(peer: RawPeer, _: Received) -> None:
    await peer.send(STREAM_HEAD)
    while True:
        await peer.send(chunk(_FIRST))
        await asyncio.sleep(0.002)


async def _slow(peer: RawPeer, received: Received) -> None:
    frames = _frames(received.body, Said("a b c d"), "slow", "reasoning", "openai")
    await peer.send(STREAM_HEAD)
    for frame in frames:
        await peer.send(chunk(frame))
        await asyncio.sleep(0.02)
    await peer.send(LAST_CHUNK)


async def _cut(peer: RawPeer, received: Received) -> None:
    if received.body.get("stream"):
        await peer.send(STREAM_HEAD + chunk(_FIRST))
        await asyncio.sleep(0.05)
    else:
        await peer.send(_json(_whole({}, Said("Hello"), "cut", "reasoning", "openai"))[:-20])
    peer.writer.close()
    await peer.closed()


async def _ended(peer: RawPeer, _: Received) -> None:
    await peer.send(STREAM_HEAD + chunk(_FIRST) + LAST_CHUNK)


async def _error_in_200(peer: RawPeer, received: Received) -> None:
    error = {"error": {"message": "out of memory", "type": "InternalServerError", "code": 500}}
    if received.body.get("stream"):
        frame = b"data: " + _dump(error) + b"\n\n"
        await peer.send(STREAM_HEAD + chunk(frame) + LAST_CHUNK)
    else:
        await peer.send(_json(error))


async def _rate_limited(peer: RawPeer, _: Received) -> None:
    error = {
        "message": "Too fast",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    }
    headers = (("retry-after", "7"), ("x-request-id", "up-429"))
    await peer.send(_json({"error": error}, 429, headers))


async def _overloaded(peer: RawPeer, _: Received) -> None:
    await peer.send(_failure(503))


async def _web_page(peer: RawPeer, _: Received) -> None:
    await peer.send(response(b"<html><title>Welcome</title></html>", content_type="text/html"))


async def _empty(peer: RawPeer, _: Received) -> None:
    await peer.send(response(b""))


_MISBEHAVING: Final[Mapping[str, Callable[[RawPeer, Received], Awaitable[None]]]] = {
    "silent": _silent,
    "stuck": _stuck,
    "endless": _endless,
    "slow": _slow,
    "cut": _cut,
    "ended": _ended,
    "error-in-200": _error_in_200,
    "rate-limited": _rate_limited,
    "overloaded": _overloaded,
    "web-page": _web_page,
    "empty": _empty,
}
MISBEHAVING: Final[Sequence[str]] = tuple(_MISBEHAVING)
