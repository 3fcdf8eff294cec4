"""The calls that go out on Responses: relayed with our id in the answer, or said anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import msgspec

from ...application.ports import Answer
from ...application.reporting import record
from ...domain.adjustments import Adjustment
from ...domain.dialect import Dialect
from ...domain.request import Generation, GenerationRequest, Verbatim
from ..openai_responses.decode import Reading, responses_language
from ..openai_responses.encode import encode_request
from ..openai_responses.relay import ResponsesRelay
from ..openai_responses.spelling import Spelling
from ..transport.answers import open_answer, open_relay
from ..transport.client import HttpCall, HttpClient
from .endpoints import Endpoints
from .preset import Preset
from .unread import looked_at

Headers: TypeAlias = Sequence[tuple[str, str]]

_encode: Final = msgspec.json.Encoder().encode


def must_translate_responses(members: Mapping[str, object], spelling: Spelling) -> bool:
    """Whether the body holds what this service does not know; in doubt it does."""
    said, choice = _raw(members, "input"), _raw(members, "tool_choice")
    return (not spelling.developer_role and b'"developer"' in said) or (
        not spelling.allowed_tools and b'"allowed_tools"' in choice
    )


def _raw(members: Mapping[str, object], name: str) -> bytes:
    value = members.get(name)
    return bytes(value) if isinstance(value, msgspec.Raw) else b""


@dataclass(frozen=True, slots=True)
class ResponsesLane:
    """`hidden` as in `Reading`."""

    preset: Preset
    client: HttpClient
    endpoints: Endpoints
    hidden: tuple[str, ...]

    async def open(
        self, request: GenerationRequest, verbatim: Verbatim | None, headers: Headers
    ) -> Answer:
        """Relay `verbatim`, or translate the content where there is none; raises as the port."""
        if verbatim is not None:
            return await self._relay(request, verbatim, headers)
        return await self._translate(request, headers)

    async def _relay(
        self, request: GenerationRequest, verbatim: Verbatim, headers: Headers
    ) -> Answer:
        body: dict[str, object] = {"model": request.model}
        body.update(verbatim.members)
        body["model"] = request.model
        relay = ResponsesRelay(
            Reading(request.model, self.hidden),
            max_event_bytes=self.client.settings.max_event_bytes,
            response_id=request.turn.asked.id if request.turn is not None else None,
            streamed=request.stream,
        )
        request.journal.relayed = True
        call = self._call(request, headers, _encode(body))
        answer = await open_relay(self.client, call, relay, stream=request.stream)
        request.journal.relayed = not relay.translated
        return answer

    async def _translate(self, request: GenerationRequest, headers: Headers) -> Answer:
        spelling = self.preset.responses
        content = looked_at(request, request.content.get(), Dialect.RESPONSES)
        content = _with_enough_room(request, content, spelling.least_output_tokens)
        body = encode_request(
            content,
            model=request.model,
            stream=request.stream,
            spelling=spelling,
            lenient=request.dialect is not Dialect.RESPONSES,
        )
        reading = Reading(request.model, self.hidden)
        return await open_answer(
            self.client,
            self._call(request, headers, body),
            responses_language(reading),
            stream=request.stream,
        )

    def _call(self, request: GenerationRequest, headers: Headers, body: bytes) -> HttpCall:
        return HttpCall(self.endpoints.url(Dialect.RESPONSES, request.model), headers, body)


def _with_enough_room(request: GenerationRequest, content: Generation, least: int) -> Generation:
    """Raise a limit that chat completions takes and Responses refuses."""
    asked = content.max_output_tokens
    if asked is None or asked >= least or request.dialect is Dialect.RESPONSES:
        return content
    detail = f"to {least}, the least that the Responses API takes"
    record(request, [Adjustment("max_completion_tokens", "clamped", detail)])
    return replace(content, max_output_tokens=least)
