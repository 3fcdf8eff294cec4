"""Has a vLLM server count the tokens of a request with the model's own tokenizer."""

import msgspec

from ...application.ports import TokenCounter
from ...domain.request import GenerationRequest
from ..openai_chat.encode import encode_members
from ..openai_compat.counter import ask_counter
from ..transport.fetching import read_count
from .provider import PRESET, VllmProvider


class _Count(msgspec.Struct, frozen=True):
    count: int


_decode = msgspec.json.Decoder(_Count).decode


class VllmCounter(TokenCounter):
    """`POST /tokenize`, which fills the model's chat template as a request for an answer would."""

    def __init__(self, provider: VllmProvider) -> None:
        self._provider = provider

    async def count(self, request: GenerationRequest) -> int:
        members = encode_members(
            request.content.get(), model=request.model, stream=False, spelling=PRESET.spelling
        )
        said = {name: members[name] for name in ("model", "messages", "tools") if name in members}
        answer = await ask_counter(
            self._provider,
            self._provider.beside("/tokenize"),
            msgspec.json.encode({**said, "add_generation_prompt": True}),
        )
        name = self._provider.options.name
        return read_count(answer, lambda counted: _decode(counted).count, provider=name)
