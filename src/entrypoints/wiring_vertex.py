"""Vertex AI's part of the container."""

from collections.abc import Mapping, Sequence

from ..adapters.vertex.auth import SignInOptions
from ..adapters.vertex.options import VertexOptions
from ..adapters.vertex.provider import VertexProvider as VertexAdapter
from ..application.ports import Clock
from .provider_settings import VertexProvider
from .wiring import Adapter, headers_of, transport_of


def build(settings: VertexProvider, name: str, environ: Mapping[str, str], clock: Clock) -> Adapter:
    options = VertexOptions(
        project=settings.project,
        region=settings.region,
        sign_in=SignInOptions(
            credentials_file=settings.credentials_file,
            impersonate=settings.impersonate,
            quota_project=settings.quota_project,
        ),
        base_url=settings.base_url,
        api_version=settings.api_version,
        regions=settings.regions,
        anthropic_version=settings.anthropic_version,
        anthropic_beta=settings.anthropic_beta,
        headers=headers_of(settings),
    )
    llm = VertexAdapter(
        name, options, environment=environ, clock=clock, settings=transport_of(settings)
    )

    async def explain() -> Sequence[str]:
        location = await llm.location()
        return (
            f"project {location.project.explain()}",
            f"region {location.region.explain()}",
            f"credentials {await llm.credentials()}",
        )

    probe = llm.probe(settings.models)
    return Adapter(
        llm, llm.capabilities_for, llm.accepts, probe, aclose=llm.aclose, explain=explain
    )
