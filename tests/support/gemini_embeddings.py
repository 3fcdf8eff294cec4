"""Google's embeddings as the fake makes them: strict, and told by the text alone.

A text with `fails` in it is answered with a 500, one with `refused` with a 400, one with
`scattered` after a time of its own: so answers come in another order than they were asked for.
"""

from typing import Any
from zlib import crc32

from .fake_upstream import Json
from .gemini_rules import Refused

NATIVE_LENGTH = 8
_TASKS = {
    "RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING",
    "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY",
}  # fmt: skip
MOST_PREDICTED = 250
MOST_IN_A_BATCH = 100


class Failing(Exception):
    """The service is out of order."""


def vector_of(text: str, length: int = NATIVE_LENGTH) -> list[float]:
    """Return the vector that the fake makes of `text`: numbers that a float32 holds exactly."""
    return [(crc32(f"{place} {text}".encode()) % 4096) / 4096 - 0.5 for place in range(length)]


def delay_of(texts: list[str]) -> float:
    """Return after how many seconds a call is answered."""
    return max((crc32(text.encode()) % 40) / 1000 if "scattered" in text else 0 for text in texts)


def predict(body: Json) -> tuple[list[str], Json]:
    """Return the texts asked for, and the answer."""
    _only(body, {"instances", "parameters"})
    parameters = body.get("parameters", {})
    _only(parameters, {"outputDimensionality", "autoTruncate"})
    instances = body["instances"]
    if not 1 <= len(instances) <= MOST_PREDICTED:
        raise Refused(f"{len(instances)} instance(s) is allowed per prediction.")
    for instance in instances:
        _only(instance, {"content", "task_type", "title"})
        _check_task(instance.get("task_type"))
    texts = [_checked(instance["content"]) for instance in instances]
    length = parameters.get("outputDimensionality", NATIVE_LENGTH)
    found = [
        {
            "embeddings": {
                "values": vector_of(text, length),
                "statistics": {"token_count": len(text.split()), "truncated": False},
            }
        }
        for text in texts
    ]
    return texts, {"predictions": found, "metadata": {"billableCharacterCount": 1}}


def embed(body: Json) -> tuple[list[str], Json]:
    _only(body, {"content", "embedContentConfig"})
    config = body.get("embedContentConfig", {})
    _only(config, {"taskType", "title", "outputDimensionality", "autoTruncate"})
    text = _content(body["content"])
    _check_task(config.get("taskType"))
    values = vector_of(text, config.get("outputDimensionality", NATIVE_LENGTH))
    tokens = len(text.split())
    usage = {"promptTokenCount": tokens, "totalTokenCount": tokens}
    return [text], {"embedding": {"values": values}, "usageMetadata": usage, "truncated": False}


def batch_embed(body: Json, model: str) -> tuple[list[str], Json]:
    _only(body, {"requests"})
    asked = body["requests"]
    if not 1 <= len(asked) <= MOST_IN_A_BATCH:
        raise Refused(f"at most {MOST_IN_A_BATCH} requests can be in one batch")
    texts: list[str] = []
    found: list[Json] = []
    for one in asked:
        _only(one, {"model", "content", "taskType", "title", "outputDimensionality"})
        if one["model"] != f"models/{model}":
            raise Refused("the model of a request differs from that of the batch")
        _check_task(one.get("taskType"))
        texts.append(_content(one["content"]))
        length = one.get("outputDimensionality", NATIVE_LENGTH)
        found.append({"values": vector_of(texts[-1], length)})
    return texts, {"embeddings": found}


def _content(content: Any) -> str:
    _only(content, {"parts", "role"})
    (part,) = content["parts"]
    _only(part, {"text"})
    return _checked(part["text"])


def _checked(text: str) -> str:
    if not text:
        raise Refused("The text content is empty.")
    if "refused" in text:
        raise Refused("The input token count exceeds what is supported.")
    if "fails" in text:
        raise Failing
    return text


def _check_task(task: str | None) -> None:
    if task is not None and task not in _TASKS:
        raise Refused(f"Invalid value at 'task_type': {task}")


def _only(value: Json, known: set[str]) -> None:
    for name in value:
        if name not in known:
            raise Refused(f'Invalid JSON payload received. Unknown name "{name}"')
