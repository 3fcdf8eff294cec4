"""The part of the container for providers: the adapter of each, inside its filters."""

from collections.abc import Callable, Mapping

from ...application.admission import Admission
from ...application.filters.adjusting import Adjusting
from ...application.filters.enforcing import Enforcing
from ...application.filters.fetching import Fetching
from ...application.filters.proving import Proving
from ...application.filters.splitting import Splitting
from ...application.filters.truncating import Truncating
from ...application.filters.validating import Validating
from ...application.plan import ProviderEntry
from ...application.ports import (
    Clock,
    IdSource,
    MediaFetcher,
    Observer,
    ProofVault,
    SchemaChecker,
)
from ...application.retry_budget import RetryBudgets
from ...application.targets import TargetStates
from ...domain.capabilities import Capabilities, CapabilityRule, resolve
from ...domain.errors import ConfigurationError
from ..settings.file import Loaded
from ..settings.providers import (
    AnthropicSettings,
    AzureSettings,
    BedrockSettings,
    CohereSettings,
    DemoSettings,
    GeminiSettings,
    OllamaSettings,
    OpenAiCompatSettings,
    ProviderSettings,
    VertexSettings,
    VllmSettings,
)
from . import attempts, limiting, tracing
from .parts import Adapter, GivePart, Surroundings

# The module here that builds providers of a type.
_BUILDERS: Mapping[type[ProviderSettings], str] = {
    DemoSettings: "demo",
    VertexSettings: "vertex",
    OpenAiCompatSettings: "compatible",
    VllmSettings: "vllm",
    AzureSettings: "azure",
    AnthropicSettings: "anthropic",
    GeminiSettings: "gemini",
    BedrockSettings: "bedrock",
    CohereSettings: "cohere",
    OllamaSettings: "ollama",
}


def adapters(
    loaded: Loaded, clock: Clock, ids: IdSource, observer: Observer, dry: bool, part: GivePart
) -> dict[str, Adapter]:
    """Return the adapter of each provider by its name.

    Raises:
        ConfigurationError: an adapter does not take its options; points at the provider.
    """
    found: dict[str, Adapter] = {}
    for path, name, settings in loaded.settings.named_providers():
        try:
            house = Surroundings(name, loaded.environ, clock, ids, part, dry)
            found[name] = attempts.adapter(settings, house, observer, _adapter)
        except ConfigurationError as error:
            where = error.where or loaded.origins.where(path)
            raise ConfigurationError(error.message, where=where, hint=error.hint) from error
    return found


def _adapter(settings: ProviderSettings, house: Surroundings) -> Adapter:
    adapter: Adapter = house.part(_BUILDERS[type(settings)]).build(settings, house)
    return adapter


def entries(
    loaded: Loaded,
    adapters: Mapping[str, Adapter],
    clock: Clock,
    observer: Observer,
    states: TargetStates,
    budgets: RetryBudgets,
    vault: ProofVault,
    fetcher: MediaFetcher,
    checker: SchemaChecker,
    admission: Callable[[], Admission],
) -> tuple[ProviderEntry, ...]:
    """Return each adapter inside its filters.

    Why they stand in this order is told in decision 33.
    """
    retry = loaded.settings.retry
    found: list[ProviderEntry] = []
    for _, name, settings in loaded.settings.named_providers():
        adapter = adapters[name]
        llm = tracing.traced(adapter.llm, name, settings, loaded.settings.telemetry, clock)
        llm = attempts.attempted(llm, settings, name, clock, observer, states)
        llm = limiting.around_provider(
            llm, name, settings.limits, admission, clock, observer, states
        )
        llm = Truncating(Splitting(attempts.retried(llm, name, retry, clock, budgets, states)))
        llm = Validating(Enforcing(Adjusting(llm)), checker)
        llm = Proving(Fetching(llm, fetcher), vault, observer)
        found.append(
            ProviderEntry(
                name=name,
                type=str(settings.__struct_config__.tag),
                llm=llm,
                capabilities=_capabilities(adapter.capabilities, settings.capabilities),
                models=settings.models or adapter.models,
                probe=adapter.probe,
                accepts=adapter.accepts,
                counter=adapter.counter,
            )
        )
    return tuple(found)


def _capabilities(
    of_adapter: Callable[[str], Capabilities], changes: Mapping[str, Mapping[str, object]]
) -> Callable[[str], Capabilities]:
    """Return the adapter's records, refined by what the configuration says of a provider."""
    rules = tuple(CapabilityRule(pattern, change) for pattern, change in changes.items())
    if not rules:
        return of_adapter
    return lambda model: resolve(of_adapter(model), rules, model)
