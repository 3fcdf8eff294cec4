"""AWS Bedrock's part of the container."""

from ...adapters.bedrock.counter import BedrockCounter
from ...adapters.bedrock.keys import KeySource, keys_in
from ...adapters.bedrock.places import Places
from ...adapters.bedrock.probe import BedrockProbe
from ...adapters.bedrock.provider import BedrockOptions, BedrockProvider
from ...adapters.bedrock.ways import PRESET, Way
from ...domain.errors import ConfigurationError
from ..settings.providers import BedrockSettings
from .options import headers_of, own_key, transport_of
from .parts import Adapter, Surroundings

_DRY = ("authorization", "{AWS signature}")


def build(settings: BedrockSettings, house: Surroundings) -> Adapter:
    region = _region(settings, house)
    key = own_key(settings.api_key, None if settings.profile else PRESET.key_env, house.environ)
    keys = _keys(settings, house) if key is None and not house.dry else None
    headers = headers_of(settings)
    if house.dry and key is None:
        headers = (*headers, _DRY)
    llm = BedrockProvider(
        BedrockOptions(
            name=house.name,
            region=region,
            places=Places.of(region, settings.base_url, settings.mantle_base_url),
            key=key,
            keys=keys,
            way=None if settings.api is None else Way(settings.api),
            ways={pattern: Way(way) for pattern, way in settings.apis.items()},
            anthropic_version=settings.anthropic_version,
            betas=settings.anthropic_beta,
            extra_headers=headers,
            transport=transport_of(settings, house),
        ),
        house.clock,
    )

    async def aclose() -> None:
        await llm.aclose()
        if keys is not None:
            await keys.aclose()

    async def explain_credentials() -> str:
        if keys is None:
            return "credentials an API key of Bedrock's"
        await keys.keys()
        return f"credentials {keys.describe()}"

    async def explain_region() -> str:
        return f"region {region}"

    return Adapter(
        llm,
        llm.capabilities,
        probe=BedrockProbe(llm, settings.models),
        aclose=aclose,
        gauges=llm.readings,
        counter=BedrockCounter(llm),
        explains=(explain_credentials, explain_region),
    )


def _keys(settings: BedrockSettings, house: Surroundings) -> KeySource:
    """Return the environment's keys, else what AWS's chain finds; a profile names its own."""
    if settings.profile is None and (found := keys_in(house.environ)) is not None:
        return found
    chain: KeySource = house.part("aws", extra="aws").keys(
        settings.profile, house.environ, house.clock
    )
    return chain


def _region(settings: BedrockSettings, house: Surroundings) -> str:
    """Return the region that is written, or that the environment or the profile names.

    Raises:
        ConfigurationError: there is none.
    """
    named = settings.region or (None if settings.profile else _region_around(house))
    if not named:
        try:
            named = house.part("aws", extra="aws").region_of(settings.profile, house.environ)
        except ConfigurationError:
            if settings.profile:
                raise
    named = named or _region_around(house)
    if not named:
        raise ConfigurationError(
            f"provider {house.name}: it is not known in which region to call Bedrock",
            hint='write region = "us-east-1" (or another one), or set AWS_REGION',
        )
    return named


def _region_around(house: Surroundings) -> str | None:
    return house.environ.get("AWS_REGION") or house.environ.get("AWS_DEFAULT_REGION")
