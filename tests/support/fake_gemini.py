"""Gemini on a loopback socket, behind Vertex's paths and the Developer API's.

    with fake_gemini() as gemini:
        ... gemini.base_url, gemini.requests, gemini.plan(error_reply(503, "UNAVAILABLE")) ...

It refuses what the service refuses (`gemini_rules`), signs its calls from Gemini 3 on, and
answers from the conversation alone (`fake_upstream`). Its calls have no ids unless `ids`. With
`key` the Developer API's paths want that key, in its header. Embeddings: `gemini_embeddings`.
"""

import json
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

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
from .gemini_embeddings import Failing, batch_embed, delay_of, embed, predict
from .gemini_rules import Refused, check, checks_signatures, sign, sign_call

_PATH = re.compile(
    r"/(?:v1|v1beta1?)/(?:projects/[^/]+/locations/[^/]+/publishers/google/)?models/"
    r"(?P<model>[^/:]+):(?P<verb>generateContent|streamGenerateContent|countTokens"
    r"|predict|embedContent|batchEmbedContents)"
)


def error_reply(
    code: int, status: str, message: str = "planned", *, retry_after_s: int | None = None,
    listed: bool = False,
) -> Reply:  # fmt: skip
    """Return an error in Google's envelope; `listed` wraps it in a list, as at times happens."""
    details: list[Json] = []
    if retry_after_s is not None:
        details.append(
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after_s}s"}
        )
    body: Json = {"error": {"code": code, "message": message, "status": status, "details": details}}
    return Reply(code, json.dumps([body] if listed else body).encode())


@dataclass(slots=True)
class FakeGemini(FakeUpstream):
    ids: bool = False
    key: str | None = None

    def unauthenticated(self) -> Reply:
        return error_reply(401, "UNAUTHENTICATED", "Request had invalid credentials.", listed=True)

    def answer(self, request: Received) -> Reply:
        path, _, query = request.path.partition("?")
        if self.key is not None and request.headers.get("x-goog-api-key") != self.key:
            return error_reply(
                400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid one."
            )
        if path.endswith("/models") and request.method == "GET":
            return Reply(body=json.dumps({"models": _LISTED}).encode())
        found = _PATH.fullmatch(path)
        if found is None:
            return error_reply(404, "NOT_FOUND", f"no such path: {path}")
        model, verb, body = found["model"], found["verb"], request.body
        if "embedding" in model:
            return self._embed(body, model, verb, on_vertex="/projects/" in path)
        if not model.startswith("gemini-") or "mbed" in verb or verb == "predict":
            return error_reply(404, "NOT_FOUND", f"Publisher Model `{model}` was not found.")
        if verb == "countTokens":
            return _count(body, model, on_vertex="/projects/" in path)
        stream = verb == "streamGenerateContent"
        try:
            if stream and query != "alt=sse":
                raise Refused("a stream without alt=sse would be one JSON array")
            check(body, model)
        except Refused as refused:
            return error_reply(400, "INVALID_ARGUMENT", str(refused), listed=stream)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            return error_reply(400, "INVALID_ARGUMENT", f"malformed request: {error!r}")
        return self._reply(body, model, stream=stream)

    def _embed(self, body: Json, model: str, verb: str, *, on_vertex: bool) -> Reply:
        try:
            if verb == "predict" and on_vertex:
                texts, answer = predict(body)
            elif verb == "embedContent" and on_vertex and model.startswith("gemini"):
                texts, answer = embed(body)
            elif verb == "batchEmbedContents" and not on_vertex:
                texts, answer = batch_embed(body, model)
            else:
                return error_reply(404, "NOT_FOUND", f"`{model}` does not support {verb}.")
        except Refused as refused:
            return error_reply(400, "INVALID_ARGUMENT", str(refused))
        except Failing:
            return error_reply(500, "INTERNAL", "out of order")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            return error_reply(400, "INVALID_ARGUMENT", f"malformed request: {error!r}")
        return Reply(body=json.dumps(answer).encode(), delay_s=delay_of(texts))

    def _reply(self, body: Json, model: str, *, stream: bool) -> Reply:
        said, results, steps = _read(body["contents"])
        parts = self._parts(body, model, _decide(body, said, results, steps))
        config = body.get("generationConfig", {})
        thoughts = 7 if any("thought" in part for part in parts) else 0
        seal = sign(model, [said, results, len(body["contents"])])[:10]
        common: Json = {"modelVersion": model, "responseId": re.sub(r"\W", "x", seal)}
        usage = {
            "promptTokenCount": 11,
            "cachedContentTokenCount": 3,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": 16 + thoughts,
        }
        if stream:
            frames = _frames(parts, common, usage)
            return pacing(said, [f"data: {json.dumps(frame)}\r\n\r\n".encode() for frame in frames])
        candidates = [
            {"index": index, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
            for index in range(config.get("candidateCount", 1))
        ]
        answer = {"candidates": candidates, "usageMetadata": usage, **common}
        return Reply(body=json.dumps(answer).encode(), delay_s=0.05 if "slow" in said else 0.0)

    def _parts(self, body: Json, model: str, said: Said) -> list[Json]:
        thinking = body.get("generationConfig", {}).get("thinkingConfig", {})
        signs = checks_signatures(model)
        parts: list[Json] = []
        if said.thought and thinking.get("includeThoughts"):
            parts.append({"text": said.thought, "thought": True})
        if said.text:
            parts.append({"text": said.text})
        for number, (name, arguments) in enumerate(said.calls):
            call: Json = {"name": name, "args": arguments}
            part: Json = {"functionCall": call}
            if signs and number == 0:
                part["thoughtSignature"] = sign_call(model, call)
            if self.ids:
                call["id"] = sign(model, [name, arguments, len(body["contents"]), number])[:12]
            parts.append(part)
        if signs and not said.calls:
            parts.append({"text": "", "thoughtSignature": sign(model, said.text)})
        return parts


@contextmanager
def fake_gemini(
    *, token: str | None = None, ids: bool = False, key: str | None = None
) -> Generator[FakeGemini, None, None]:
    """Serve until the block ends; with `token` only those who bear it are answered."""
    with serve(FakeGemini(token=token, ids=ids, key=key)) as served:
        yield cast("FakeGemini", served)  # serve gives back what it was given


_LISTED = [
    {"name": "models/gemini-3.6-flash", "supportedGenerationMethods": ["generateContent"]},
    {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
    {"name": "models/imagen-5", "supportedGenerationMethods": ["predict"]},
]


def _count(body: Json, model: str, *, on_vertex: bool) -> Reply:
    """Count, of the Developer API what stands in `generateContentRequest`, with its model."""
    if not on_vertex and "contents" not in body:
        asked = dict(body.get("generateContentRequest", {}))
        if asked.pop("model", None) != f"models/{model}":
            return error_reply(400, "INVALID_ARGUMENT", "generateContentRequest.model is wrong")
        try:
            check(asked, model)
        except Refused as refused:
            return error_reply(400, "INVALID_ARGUMENT", str(refused))
    return Reply(body=b'{"totalTokens":3}')


def _read(contents: Sequence[Json]) -> tuple[str, list[str], int]:
    """Return what the user last said, the tools' results since, and the steps taken since."""
    results: list[str] = []
    steps = 0
    for content in reversed(contents):
        if content["role"] == "model":
            steps += 1
            continue
        answers = [
            p["functionResponse"]["response"] for p in content["parts"] if "functionResponse" in p
        ]
        if not answers:
            texts = [part.get("text", "a file") for part in content["parts"]]
            return " ".join(texts), results, steps
        results[:0] = [_result_text(answer) for answer in answers]
    return "", results, steps


def _result_text(response: Json) -> str:
    if set(response) == {"output"}:
        return str(response["output"])
    return f"error {response['error']}" if set(response) == {"error"} else json.dumps(response)


def _decide(body: Json, said: str, results: list[str], steps: int) -> Said:
    config = body.get("generationConfig", {})
    if "responseJsonSchema" in config:
        return Said(json.dumps(sample(config["responseJsonSchema"])))
    if config.get("responseMimeType") == "application/json":
        return Said('{"said": "yes"}')
    tools: dict[str, Json] = {
        function["name"]: function.get("parametersJsonSchema", {})
        for tool in body.get("tools", ())
        for function in tool["functionDeclarations"]
    }
    choice = body.get("toolConfig", {}).get("functionCallingConfig", {})
    allowed = choice.get("allowedFunctionNames", tools)
    tools = {name: schema for name, schema in tools.items() if name in allowed}
    if choice.get("mode") == "NONE":
        tools = {}
    if choice.get("mode") == "ANY" and not steps:
        said = f"{said} call"
    return decide(said, tools, results, steps)


def _frames(parts: Sequence[Json], common: Json, usage: Json) -> list[Json]:
    """Return one frame a word or call; the last tells the finish."""
    told: list[Json] = []
    for part in parts:
        if part.get("text"):
            told.extend(part | {"text": piece} for piece in pieces(part["text"]))
        else:
            told.append(part)
    frames: list[Json] = [
        {
            "candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}],
            "usageMetadata": {"promptTokenCount": 11, "totalTokenCount": 11},
            **common,
        }
        for part in told
    ]
    last = {
        "index": 0,
        "content": {"role": "model", "parts": [{"text": ""}]},
        "finishReason": "STOP",
    }
    return [*frames, {"candidates": [last], "usageMetadata": usage, **common}]
