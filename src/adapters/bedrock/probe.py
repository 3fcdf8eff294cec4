"""BedrockProbe: signs in, and has what is free asked.

bedrock-runtime has nothing that costs nothing but the counting of tokens, which some models have;
bedrock-mantle lists its models. So a model is asked about only where it counts.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError
from ..converse.capabilities import model_name
from ..converse.errors import decode_error
from ..openai_compat.probe import OpenAICompatProbe
from ..transport.client import HttpCall
from ..transport.languages import ErrorReply
from .provider import BedrockProvider
from .ways import Way, is_claude

_GREETING: Final = (
    b'{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"Hello"}]}]}}}'
)
_MAX_BODY_BYTES: Final = 65536


class BedrockProbe(UpstreamProbe):
    """Asks about the first Claude of `models`, and Mantle if any is called there."""

    def __init__(
        self, provider: BedrockProvider, models: Sequence[str], *, timeout_s: float = 10.0
    ) -> None:
        self._provider = provider
        self._timeout_s = timeout_s
        self._counted = next((model for model in models if is_claude(model)), None)
        ways = {provider.way_of(model) for model in models} | {provider.options.way}
        self._mantle = OpenAICompatProbe(provider.mantle_chat) if Way.MANTLE in ways else None

    async def probe(self) -> ProbeReport:
        if self._mantle is not None:
            return await self._mantle.probe()
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask()
        except TimeoutError:
            return ProbeReport(False, f"no answer within {self._timeout_s:g} s")
        except ModelmuxError as error:
            return ProbeReport.failed(error)

    async def _ask(self) -> ProbeReport:
        """Ask without a model to ask about, too: a refusal of the signature comes before all."""
        provider = self._provider
        model = model_name(self._counted or "amazon.nova-lite-v1:0")
        url = provider.options.places.model(model, "count-tokens")
        reply = await provider.runtime.send(HttpCall(url, provider.headers, _GREETING))
        try:
            body = await reply.read_all(_MAX_BODY_BYTES)
        finally:
            await reply.aclose()
        if reply.status == 200:
            return ProbeReport(True, f"signed in, {model} answered")
        if self._counted is None and reply.status in (400, 404):
            return ProbeReport(True, "signed in; there is no model to ask for free")
        error = decode_error(ErrorReply(reply.status, reply.headers, body))
        error.provider = provider.options.name
        return ProbeReport.failed(error)
