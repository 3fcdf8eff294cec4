"""Vertex AI's part of the container."""

from ...adapters.gemini.embed import EmbeddingVerb
from ...adapters.vertex.auth import SignInOptions
from ...adapters.vertex.options import VertexOptions
from ...adapters.vertex.provider import VertexProvider
from ..settings.providers import VertexSettings
from .options import headers_of, transport_of
from .parts import Adapter, Surroundings


def build(settings: VertexSettings, house: Surroundings) -> Adapter:
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
        embedding_verbs={
            pattern: EmbeddingVerb(verb) for pattern, verb in settings.embedding_verbs.items()
        },
    )
    llm = VertexProvider(
        house.name,
        options,
        environment=house.environ,
        clock=house.clock,
        settings=transport_of(settings, house),
    )

    async def explain_credentials() -> str:
        return f"credentials {await llm.credentials()}"

    async def explain_project() -> str:
        return f"project {(await llm.location()).project.explain()}"

    async def explain_region() -> str:
        return f"region {(await llm.location()).region.explain()}"

    probe = llm.probe(settings.models)
    return Adapter(
        llm,
        llm.capabilities_for,
        llm.accepts,
        probe,
        aclose=llm.aclose,
        gauges=llm.readings,
        counter=llm.counter(),
        explains=(explain_credentials, explain_project, explain_region),
    )
