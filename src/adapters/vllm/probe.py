"""Asks a vLLM server how it is: `/health`, `/version`, and the models it serves."""

import asyncio

import msgspec

from ...application.ports import ProbeReport, UpstreamProbe
from ...domain.errors import ModelmuxError
from ..openai_compat.probe import fetch
from .provider import VllmProvider


class _Model(msgspec.Struct, frozen=True):
    id: str
    max_model_len: int | None = None


class _Models(msgspec.Struct, frozen=True):
    data: tuple[_Model, ...] = ()


class _Version(msgspec.Struct, frozen=True):
    version: str = "unknown"


class VllmProbe(UpstreamProbe):
    """All three within `timeout_s`; an engine that has died answers `/health` with 503."""

    def __init__(self, provider: VllmProvider, *, timeout_s: float = 10.0) -> None:
        self._provider = provider
        self._timeout_s = timeout_s

    async def probe(self) -> ProbeReport:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._ask()
        except TimeoutError:
            return ProbeReport(False, f"no answer within {self._timeout_s:g} s")
        except ModelmuxError as error:
            return ProbeReport.failed(error)
        except msgspec.DecodeError:
            return ProbeReport(False, "what answers there is no vLLM: its models are no list")

    async def _ask(self) -> ProbeReport:
        await fetch(self._provider, self._provider.beside("/health"))
        status, body = await fetch(self._provider, self._provider.beside("/version"))
        version = msgspec.json.decode(body, type=_Version).version if status == 200 else "unknown"
        status, body = await fetch(self._provider, self._provider.endpoints.models_url())
        models = msgspec.json.decode(body, type=_Models).data if status == 200 else ()
        served = ", ".join(_describe(model) for model in models) or "no models"
        detail = f"vLLM {version} serves {served}"
        return ProbeReport(True, detail, tuple(model.id for model in models))


def _describe(model: _Model) -> str:
    if model.max_model_len is None:
        return model.id
    return f"{model.id} ({model.max_model_len} tokens)"
