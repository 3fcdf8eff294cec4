"""AWS Bedrock on a loopback socket: Converse, Claude's own forms, and the counting of tokens.

    with fake_bedrock(token=KEY) as bedrock:
        ... bedrock.base_url, bedrock.requests, bedrock.plan(error_reply(...)) ...

It refuses what the service refuses (`converse_rules`, `claude_rules`), wants its API key, or with
`keys` a signature that botocore makes too, and answers from the conversation alone.
"""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from urllib.parse import unquote

from .botocore_signing import botocore_signature
from .claude_rules import sign
from .converse_rules import Refused, check, redacted
from .event_stream import event
from .fake_claude import FakeClaude
from .fake_upstream import (
    FakeUpstream,
    Json,
    Received,
    Reply,
    Said,
    decide,
    pacing,
    pieces,
    sample,
    serve,
)

EVENT_STREAM: Final = "application/vnd.amazon.eventstream"
_MODEL: Final = re.compile(r"/model/(?P<model>[^/]+)/(?P<verb>[a-z-]+)")
_PLACE: Final = re.compile(r"^(?:arn:aws:bedrock:[^/]*/)?(?:us|eu|apac|jp|au|global)\.")
_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/"
    r"(?P<service>[^/]+)/aws4_request, SignedHeaders=(?P<names>[a-z0-9;-]+), "
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_USAGE: Final = {
    "inputTokens": 10,
    "outputTokens": 5,
    "totalTokens": 21,
    "cacheReadInputTokens": 4,
    "cacheWriteInputTokens": 2,
}


def error_reply(status: int, kind: str, message: str = "planned") -> Reply:
    """Return an error as Bedrock tells it; `kind` is its name without `Exception`."""
    said = (("x-amzn-ErrorType", f"{kind}Exception:http://internal.amazon.com/coral/"),)
    return Reply(status, json.dumps({"message": message}).encode(), headers=said)


@dataclass(slots=True)
class FakeBedrock(FakeUpstream):
    """`keys` are secret keys by access key; `expired` are access keys whose time is over."""

    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    expired: set[str] = field(default_factory=set[str])
    services: list[str] = field(default_factory=list[str])
    claude: FakeClaude = field(default_factory=FakeClaude)

    def unauthenticated(self) -> Reply:
        return error_reply(403, "AccessDenied", "Authentication failed: invalid API key")

    def answer(self, request: Received) -> Reply:
        if self.keys and (refusal := self._check_signature(request)) is not None:
            return refusal
        path = request.path.partition("?")[0]
        if path == "/anthropic/v1/messages":
            return self._messages(request)
        if path == "/v1/models":
            return Reply(body=b'{"object":"list","data":[{"id":"openai.gpt-oss-120b"}]}')
        found = _MODEL.fullmatch(path)
        if found is None:
            return error_reply(404, "UnknownOperation", f"no such path: {path}")
        model, verb = unquote(found["model"]), found["verb"]
        try:
            match verb:
                case "count-tokens":
                    return _count(request.body, model)
                case "converse" | "converse-stream":
                    check(request.body, _name(model))
                    return _converse(request.body, _name(model), stream="stream" in verb)
                case "invoke" | "invoke-with-response-stream":
                    return self._invoke(request, model, stream="stream" in verb)
                case _:
                    return error_reply(404, "UnknownOperation", verb)
        except Refused as refused:
            return error_reply(400, "Validation", str(refused))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return error_reply(400, "Validation", f"malformed request: {error!r}")

    def _check_signature(self, request: Received) -> Reply | None:
        shown = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
        if shown is None or shown["key"] not in self.keys:
            return error_reply(403, "UnrecognizedClient", "The security token is invalid.")
        if shown["key"] in self.expired:
            told = "The security token included in the request is expired"
            return error_reply(403, "ExpiredToken", told)
        names = shown["names"].split(";")
        token = request.headers.get("x-amz-security-token")
        wanted = botocore_signature(
            request.method,
            f"http://{request.headers['host']}{request.path}",
            {name: request.headers[name] for name in names if name != "host"},
            request.raw,
            keys=(shown["key"], self.keys[shown["key"]], token),
            service=shown["service"],
            region=shown["region"],
        )
        if wanted != shown["signature"]:
            return error_reply(403, "InvalidSignature", "The request signature does not match.")
        self.services.append(shown["service"])
        return None

    def _messages(self, request: Received) -> Reply:
        """Claude's own form, the models under Amazon's names."""
        body = request.body | {"model": _claude_name(request.body.get("model", ""))}
        return self.claude.answer(replace(request, path="/v1/messages", body=body))

    def _invoke(self, request: Received, model: str, *, stream: bool) -> Reply:
        body = request.body
        if "embed" in model:
            return _embed(body, model)
        for name in ("model", "stream"):
            if name in body:
                raise Refused(f"{name}: Extra inputs are not permitted")
        if body.get("anthropic_version") not in ("bedrock-2023-05-31", "2026-10-21"):
            raise Refused("anthropic_version: Field required")
        newest = body["anthropic_version"] == "2026-10-21"
        marker = "2026-10-21" if newest else "vertex-2023-10-16"
        asked = body | {"anthropic_version": marker} | ({"stream": True} if stream else {})
        verb = "streamRawPredict" if stream else "rawPredict"
        door = f"/v1/projects/p/locations/l/publishers/anthropic/models/{_claude_name(model)}"
        betas = {"anthropic-beta": ",".join(asked.pop("anthropic_beta", ()))}
        told = replace(request, path=f"{door}:{verb}", body=asked, headers=betas)
        reply = self.claude.answer(told)
        if reply.status != 200:
            raise Refused(json.loads(reply.body)["error"]["message"])
        if not stream:
            return reply
        return replace(
            reply, frames=[_packed(frame) for frame in reply.frames], content_type=EVENT_STREAM
        )


@contextmanager
def fake_bedrock(
    *, token: str | None = None, keys: Mapping[str, str] | None = None
) -> Generator[FakeBedrock, None, None]:
    """Serve until the block ends."""
    with serve(FakeBedrock(token=token, keys=keys or {})) as served:
        yield cast("FakeBedrock", served)  # serve gives back what it was given


def _name(model: str) -> str:
    return _PLACE.sub("", model)


def _claude_name(model: str) -> str:
    return re.sub(r"-v\d+(:\d+)?$", "", _name(model)).removeprefix("anthropic.")


def _packed(frame: bytes) -> bytes:
    data = frame.partition(b"data: ")[2].rstrip(b"\n")
    return event("chunk", {"bytes": b64encode(data).decode(), "p": "abcd"})


def _embed(body: Json, model: str) -> Reply:
    """Answer with a vector for each text, whose first number is the text's length."""
    if "titan" in model:
        if body.keys() - {"inputText", "dimensions", "normalize"} or not body["inputText"]:
            raise Refused("Malformed input request, please reformat your input and try again.")
        said: Json = {"embedding": [len(body["inputText"]), 0.5], "inputTextTokenCount": 3}
        return Reply(body=json.dumps(said).encode())
    if not 1 <= len(body["texts"]) <= 96 or body["embedding_types"] != ["float"]:
        raise Refused("texts: 1 to 96")
    vectors = [[len(text), 0.5] for text in body["texts"]]
    listed: Any = vectors if "-v3" in model and "english" in model else {"float": vectors}
    said = {"id": "e-1", "embeddings": listed, "response_type": "embeddings_by_type"}
    return Reply(body=json.dumps(said).encode())


def _count(body: Json, model: str) -> Reply:
    if _PLACE.match(model):
        raise Refused("The provided model identifier is invalid.")
    asked = body["input"]
    if "invokeModel" in asked:
        inner = json.loads(b64decode(asked["invokeModel"]["body"], validate=True))
        if "anthropic_version" not in inner:
            raise Refused("anthropic_version: Field required")
    else:
        inner = asked["converse"]
        if inner.keys() - {"messages", "system", "toolConfig", "additionalModelRequestFields"}:
            raise Refused("converse: unknown member")
        check(inner, model)
    return Reply(body=json.dumps({"inputTokens": len(json.dumps(inner)) // 4}).encode())


def _converse(body: Json, model: str, *, stream: bool) -> Reply:
    said, results, steps = _read(body)
    content = _content(body, model, _decide(body, said, results, steps), len(body["messages"]))
    reason = "tool_use" if any("toolUse" in block for block in content) else "end_turn"
    if stream:
        frames = [event(name, payload) for name, payload in _events(content, reason)]
        return replace(pacing(said, frames), content_type=EVENT_STREAM)
    whole = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": reason,
        "usage": _USAGE,
        "metrics": {"latencyMs": 1},
    }
    return Reply(body=json.dumps(whole).encode(), delay_s=0.05 if "slow" in said else 0.0)


def _read(body: Json) -> tuple[str, list[str], int]:
    """Return what the user last said, the tools' results since, and the steps taken since."""
    results: list[str] = []
    steps = 0
    for turn in reversed(body["messages"]):
        if turn["role"] == "assistant":
            steps += 1
            continue
        texts = [block["text"] for block in turn["content"] if "text" in block]
        own = [_result_text(b["toolResult"]) for b in turn["content"] if "toolResult" in b]
        if texts or not own:
            return " ".join(texts) or "an image", results, steps
        results = own + results
    return "", results, steps


def _result_text(result: Json) -> str:
    text = " ".join(block.get("text", "") for block in result["content"])
    return f"error {text}" if result.get("status") == "error" else text


def _decide(body: Json, said: str, results: list[str], steps: int) -> Said:
    form = body.get("outputConfig", {}).get("textFormat")
    if form is not None:
        return Said(json.dumps(sample(json.loads(form["structure"]["jsonSchema"]["schema"]))))
    config = body.get("toolConfig", {})
    specs = [tool["toolSpec"] for tool in config.get("tools", ()) if "toolSpec" in tool]
    tools = {spec["name"]: spec["inputSchema"]["json"] for spec in specs}
    if any("without calling any tool" in block.get("text", "") for block in body.get("system", ())):
        tools = {}
    choice = config.get("toolChoice", {})
    if "tool" in choice:
        tools = {choice["tool"]["name"]: tools[choice["tool"]["name"]]}
    if choice.keys() & {"any", "tool"} and not steps:
        said = f"{said} call"
    return decide(said, tools, results, steps)


def _content(body: Json, model: str, said: Said, place: int) -> list[Json]:
    blocks: list[Json] = []
    fields = body.get("additionalModelRequestFields", {})
    claude = model.startswith("anthropic.")
    thinks = fields.get("thinking", {}).get("type") in ("enabled", "adaptive") or not claude
    thought = said.thought if thinks else ""
    if thought:
        text: Json = {"text": thought}
        if claude:
            text["signature"] = sign(model, thought)
        blocks.append({"reasoningContent": {"reasoningText": text}})
        if claude and said.calls:
            blocks.append({"reasoningContent": {"redactedContent": redacted(model)}})
    if said.text:
        blocks.append({"text": said.text})
    mark = "T" if thought and claude else "n"
    for number, (name, arguments) in enumerate(said.calls):
        made = f"tooluse_{mark}{sign(model, f'{place} {number} {name}')[:20]}"
        blocks.append({"toolUse": {"toolUseId": made, "name": name, "input": arguments}})
    return blocks


def _events(content: list[Json], reason: str) -> Iterator[tuple[str, Any]]:
    yield "messageStart", {"role": "assistant", "p": "abcdefgh"}
    for index, block in enumerate(content):
        at = {"contentBlockIndex": index}
        call = block.get("toolUse")
        if call is not None:
            start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
            yield "contentBlockStart", at | {"start": start}
        for delta in _deltas(block):
            yield "contentBlockDelta", at | {"delta": delta, "p": "abc"}
        yield "contentBlockStop", at
    yield "messageStop", {"stopReason": reason}
    yield "metadata", {"usage": _USAGE, "metrics": {"latencyMs": 1}}


def _deltas(block: Json) -> Iterator[Json]:
    if "text" in block:
        for piece in pieces(block["text"]):
            yield {"text": piece}
    elif "toolUse" in block:
        arguments = block["toolUse"]["input"]
        for piece in pieces(json.dumps(arguments)) if arguments else ():
            yield {"toolUse": {"input": piece}}
    else:
        thought = block["reasoningContent"]
        if "redactedContent" in thought:
            yield {"reasoningContent": thought}
            return
        for piece in pieces(thought["reasoningText"]["text"]):
            yield {"reasoningContent": {"text": piece}}
        if "signature" in thought["reasoningText"]:
            yield {"reasoningContent": {"signature": thought["reasoningText"]["signature"]}}
