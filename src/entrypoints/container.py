"""The composition root: which object is given which. It only constructs.

Everything is built once and synchronously; what needs an event loop is opened in `opening.py`. An
adapter, with its module in `wiring/`, is imported when the configuration names it, so that nobody
pays for those they do not use: this is the one module where imports stand inside functions.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager, nullcontext
from importlib import import_module
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from dependency_injector import containers, providers

from ..adapters.json_schema.first_use import FirstUseChecker
from ..adapters.observability.line_writer import LineWriter
from ..adapters.observability.metrics import PrometheusObserver
from ..adapters.sealing.keys import SealKeys
from ..adapters.system.clock import SystemClock
from ..adapters.system.ids import RandomIds
from ..adapters.transport.media import PublicMediaFetcher
from ..application.admission import Admission
from ..application.check_health import CheckHealth
from ..application.compact import Compact
from ..application.composing import Composing
from ..application.context import ContextLoader
from ..application.conversations import Conversations
from ..application.count_tokens import CountTokens
from ..application.filters.adjusting import Adjusting
from ..application.filters.enforcing import Enforcing
from ..application.filters.fetching import Fetching
from ..application.filters.proving import Proving
from ..application.filters.recording import Recording
from ..application.filters.splitting import Splitting
from ..application.filters.truncating import Truncating
from ..application.filters.validating import Validating
from ..application.holding import Holding
from ..application.jobs import Jobs
from ..application.list_models import ListModels
from ..application.plan import ProviderEntry, RouteRules
from ..application.planning import Planner
from ..application.ports import (
    Clock,
    GaugeSource,
    IdSource,
    LlmProvider,
    MediaFetcher,
    Observer,
    PriceBook,
    ProofVault,
    SchemaChecker,
    Sealer,
    StateLimits,
    Totals,
)
from ..application.recall import Recall
from ..application.respond import Respond
from ..application.retry_budget import RetryBudgets
from ..application.routing.router import Router
from ..application.store_guard import StoreGuard
from ..application.sweeping import Sweeping
from ..application.targets import TargetStates
from ..domain.capabilities import Capabilities, CapabilityRule, resolve
from ..domain.errors import ConfigurationError
from .debug_log import BodyLog
from .loop_lag import LoopLag
from .loopback import is_loopback
from .responses.turn_wire import ResponsesWire
from .services import Services, StateServices
from .settings.environment import RUN_FOLDER_VARIABLE
from .settings.file import Loaded
from .settings.providers import (
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
from .settings.sections import (
    IN_MEMORY,
    LogSettings,
    MediaSettings,
    Settings,
    StateSettings,
)
from .wiring import attempts, caching, limiting, observing, prices, tracing, values, weighing
from .wiring.parts import Adapter, OwnFetcher, OwnTelemetry, Seal, Store, Surroundings


def preset_names() -> tuple[str, ...]:
    """Return the names of the known services that speak chat completions."""
    from .wiring import compatible

    return compatible.preset_names()


def key_variable(preset: str) -> str:
    """Return the variable in which users of a known service keep its key."""
    from .wiring import compatible

    return compatible.key_variable(preset)


# The module in `wiring/` that builds providers of a type.
_WIRING: Mapping[type[ProviderSettings], str] = {
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


@contextmanager
def _needing(extra: str) -> Generator[None]:
    """Name the extra that is not installed, where something in the block cannot be imported.

    Raises:
        ConfigurationError: so it is.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"what the configuration asks for needs {error.name}, which is not installed",
            hint=f'pip install "modelmux[{extra}]"',
        ) from error


def _part(name: str, extra: str = "") -> Any:  # Any: a module, whose functions each have a type
    """Import a module of `wiring/`, when the configuration wants it; raises as `_needing`."""
    with _needing(extra) if extra else nullcontext():
        return import_module(f"{__package__}.wiring.{name}")


def _adapter(settings: ProviderSettings, house: Surroundings) -> Adapter:
    adapter: Adapter = _part(_WIRING[type(settings)]).build(settings, house)
    return adapter


def _adapters(
    loaded: Loaded, clock: Clock, ids: IdSource, observer: Observer, dry: bool
) -> dict[str, Adapter]:
    """Return the adapter of each provider by its name.

    Raises:
        ConfigurationError: an adapter does not take its options; points at the provider.
    """
    adapters: dict[str, Adapter] = {}
    for path, name, settings in loaded.settings.named_providers():
        try:
            house = Surroundings(name, loaded.environ, clock, ids, _part, dry)
            adapters[name] = attempts.adapter(settings, house, observer, _adapter)
        except ConfigurationError as error:
            where = error.where or loaded.origins.where(path)
            raise ConfigurationError(error.message, where=where, hint=error.hint) from error
    return adapters


def _capabilities(
    of_adapter: Callable[[str], Capabilities], changes: Mapping[str, Mapping[str, object]]
) -> Callable[[str], Capabilities]:
    """Return the adapter's records, refined by what the configuration says of a provider."""
    rules = tuple(CapabilityRule(pattern, change) for pattern, change in changes.items())
    if not rules:
        return of_adapter
    return lambda model: resolve(of_adapter(model), rules, model)


def _entries(
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
    entries: list[ProviderEntry] = []
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
        entries.append(
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
    return tuple(entries)


def _store(settings: Settings, clock: Clock, limits: StateLimits, observer: Observer) -> Store:
    storage = settings.storage
    kept_s = storage.proof_days * 86_400.0
    store = _main_store(settings, clock, kept_s, limits, observer)
    if storage.redis_url is None:
        return store
    with _needing("redis"):
        from .wiring import redis
    return redis.build(storage.redis_url, store, clock, kept_s, limits, observer)


def _main_store(
    settings: Settings, clock: Clock, kept_s: float, limits: StateLimits, observer: Observer
) -> Store:
    configured = values.configured_keys(settings.keys)
    storage = settings.storage
    if storage.url is None and storage.path in (None, IN_MEMORY):
        from .wiring import memory

        return memory.build(configured, clock, kept_s, limits)
    from .wiring import sql

    if storage.url is None:
        path = Path(storage.path or "").expanduser()
        return sql.build(path, configured, clock, kept_s, limits)
    with _needing("postgres"):
        from .wiring import postgres

        # Here too: the driver is imported for the first engine.
        return postgres.build(storage.url, configured, clock, kept_s, limits, observer)


def _seal(state: StateSettings, clock: Clock) -> Seal:
    from .wiring import sealing

    def make(keys: SealKeys) -> Sealer:
        from .wiring import cipher

        return cipher.sealer(keys)

    file = None if state.seal_file is None else Path(state.seal_file).expanduser()
    return sealing.build(file, state.seal_keys, clock, make)


def rotate_seal_key(loaded: Loaded) -> tuple[str, Path]:
    """Add a key to the file of seal keys; return its id, and the file.

    Raises:
        ConfigurationError: the keys are in no file, or it cannot be written.
    """
    state = loaded.settings.state
    if state.seal_file is None:
        raise ConfigurationError(
            "there is no file of seal keys to rotate",
            where=loaded.origins.where(("state", "seal_keys")),
            hint="put a new key before the others in state.seal_keys; each of them opens",
        )
    from .wiring import sealing

    file = Path(state.seal_file).expanduser()
    return sealing.rotate_key(file), file


def _checker() -> SchemaChecker:
    def make() -> SchemaChecker:
        from .wiring import checking

        return checking.checker()

    return FirstUseChecker(make)


def _holder(ids: IdSource) -> str:
    """Return the name of this process among all that work on the same turns."""
    return ids.new("gateway_")


def _compact(respond: LlmProvider, composing: Composing) -> Compact:
    return Compact(respond, composing.context.said_in)  # it has its own place for instructions


def _count_tokens(planner: Planner, composing: Composing) -> CountTokens:
    return CountTokens(planner, composing.compose)


def _counting(loaded: Loaded, tells: bool) -> observing.Counting | None:
    """Return where workers count together; who only asks, or serves alone, counts for itself."""
    folder = loaded.environ.get(RUN_FOLDER_VARIABLE)
    if not folder or not tells:
        return None
    counting: observing.Counting = _part("counting").counting(Path(folder))
    return counting


def _limiter(
    loaded: Loaded, clock: Clock, ids: IdSource, observer: Observer, tells: bool
) -> limiting.Limiter:
    """Return who counts what is limited; as for `_counting`, who only asks counts for itself."""
    folder = loaded.environ.get(RUN_FOLDER_VARIABLE)
    own = limiting.of_this_machine(Path(folder) if folder and tells else None, clock)
    url = loaded.settings.storage.redis_url
    if loaded.settings.limits.shared != "redis" or url is None:
        return own
    shared: limiting.Limiter = _part("limiting_redis", "redis").shared(
        url, own, clock, ids, observer
    )
    return shared


def _answers(
    loaded: Loaded, clock: Clock, observer: Observer, *, patient: bool = False
) -> caching.Answers:
    settings = loaded.settings
    url = settings.storage.redis_url
    if settings.cache.backend == "memory" or url is None:
        routes = [route.model for route in settings.routes]
        return caching.in_memory(settings.cache, routes, clock, observer)
    answers: caching.Answers = _part("caching_redis", "redis").build(
        url, settings.cache.max_answer_bytes, clock, observer, patient=patient
    )
    return answers


def _check_health(
    planner: Planner,
    clock: Clock,
    states: TargetStates,
    totals: Callable[[], Totals],
    store: StoreGuard,
    settings: Settings,
    answers: Callable[[], caching.Answers],
) -> CheckHealth:
    if caching.routes(settings) is None:
        return CheckHealth(planner, clock, states, totals, store)
    kept = answers()
    return CheckHealth(planner, clock, states, totals, store, kept.status)


def _telemetry(settings: Settings, tells: bool) -> OwnTelemetry | None:
    telemetry = settings.telemetry
    if not tells or not (telemetry.traces or telemetry.metrics):
        return None
    built: OwnTelemetry = _part("telemetry", "otel").build(settings)
    return built


def _observer(
    log: LogSettings,
    metrics: PrometheusObserver,
    writer: LineWriter,
    clock: Clock,
    tells: bool,
    telemetry: OwnTelemetry | None,
) -> Observer:
    further = () if telemetry is None else telemetry.observers
    return observing.observer(log, metrics, writer, clock, tells, further)


def _rules(loaded: Loaded, prices: PriceBook) -> Mapping[str, RouteRules]:
    if not any(route.rules for route in loaded.settings.routes):
        return {}
    rules: Mapping[str, RouteRules] = _part("rules", "rules").build(loaded, prices)
    return rules


def _fetcher(media: MediaSettings, dry: bool) -> OwnFetcher:
    if dry:
        from .wiring import memory

        return memory.no_images()
    return PublicMediaFetcher(
        max_bytes=media.max_bytes,
        timeout_s=media.timeout_s,
        ports=media.ports,
        allow_addresses=[ip_network(network) for network in media.allow_networks],
    )


class Container(containers.DeclarativeContainer):
    """Every object of a process, each made on first need.

    `tells`: requests are logged. `dry`: upstreams are never called.
    """

    loaded: providers.Dependency[Loaded] = providers.Dependency(instance_of=Loaded)
    tells: providers.Dependency[bool] = providers.Dependency(instance_of=bool, default=False)
    dry: providers.Dependency[bool] = providers.Dependency(instance_of=bool, default=False)
    settings = loaded.provided.settings

    clock = providers.Singleton(SystemClock)
    ids = providers.Singleton(RandomIds)
    log_writer = providers.Singleton(LineWriter)
    counting = providers.Singleton(_counting, loaded, tells)
    metrics = providers.Singleton(observing.metrics, settings.metrics, clock, counting)
    telemetry = providers.Singleton(_telemetry, settings, tells)
    traces = providers.Singleton(tracing.traces, settings.telemetry, clock)
    bodies = providers.Singleton(values.body_watch, settings, clock)
    observer = providers.Singleton(
        _observer, settings.log, metrics, log_writer, clock, tells, telemetry
    )
    state_limits = providers.Singleton(values.state_limits, settings.state)
    store = providers.Singleton(_store, settings, clock, state_limits, observer)
    seal = providers.Singleton(_seal, settings.state, clock)
    fetcher = providers.Singleton(_fetcher, settings.media, dry)
    checker = providers.Singleton(_checker)
    adapters = providers.Singleton(_adapters, loaded, clock, ids, observer, dry)
    target_states = providers.Singleton(attempts.states, settings.breaker, clock, observer)
    retry_budgets = providers.Singleton(attempts.budgets, settings.retry, observer)
    hedges = providers.Singleton(attempts.hedges, settings, retry_budgets, observer)
    limiter = providers.Singleton(_limiter, loaded, clock, ids, observer, tells)
    admission = providers.Singleton(Admission, limiter.provided.limiter, clock, observer)
    limit_rules = providers.Singleton(limiting.rules, settings)
    entries = providers.Singleton(
        _entries, loaded, adapters, clock, observer, target_states, retry_budgets,
        store.provided.vault, fetcher, checker, admission.provider,
    )  # fmt: skip
    price_book = providers.Singleton(prices.build, settings)
    rules = providers.Singleton(_rules, loaded, price_book)
    planner = providers.Singleton(values.planner, loaded, entries, rules)
    router = providers.Singleton(Router, planner, target_states, clock, price_book)
    respond = providers.Singleton(Respond, router, price_book, hedges)
    answers = providers.Singleton(_answers, loaded, clock, observer)
    cached = providers.Singleton(
        caching.around, respond, router, answers.provider, settings, clock, observer
    )
    limited = providers.Singleton(
        limiting.around_all, cached, limit_rules, admission.provider, planner, clock, observer
    )
    turns = store.provided.turns
    turn_wire = providers.Singleton(ResponsesWire, seal.provided.sealer)
    holder = providers.Callable(_holder, ids)
    holding = providers.Singleton(Holding, turns.leases, holder, clock)
    store_guard = providers.Singleton(StoreGuard, turns.state, clock, turns.is_up)
    recording = providers.Singleton(Recording, limited, turns.state, store_guard, holding, clock)
    jobs = providers.Singleton(
        Jobs, recording, planner, turns.state, turns.log, holding, turn_wire, clock, observer, ids,
        settings.state.max_background,
    )  # fmt: skip
    sweeping = providers.Singleton(Sweeping, turns.state, clock, state_limits.provided.every_s)
    recall = providers.Singleton(Recall, turns.state, jobs)
    conversations = providers.Singleton(Conversations, turns.state, holding, ids, clock)
    composing = providers.Singleton(Composing, providers.Factory(ContextLoader, turns.state))
    count_tokens = providers.Singleton(_count_tokens, planner, composing)
    compact = providers.Singleton(_compact, limited, composing)
    state = providers.Singleton(
        StateServices, recall, jobs, conversations, count_tokens, compact, seal.provided.sealer,
        turn_wire,
    )  # fmt: skip
    list_models = providers.Singleton(ListModels, planner)
    check_health = providers.Singleton(
        _check_health, planner, clock, target_states, metrics.provided.totals, store_guard,
        settings, answers.provider,
    )  # fmt: skip
    pace = providers.Singleton(values.pace, settings.health)
    limits = providers.Singleton(values.http_limits, settings.server)
    loop_lag = providers.Singleton(LoopLag)
    shedding = providers.Singleton(weighing.shedding, settings.overload, loop_lag, observer, clock)


def limits_are_there(container: Container) -> bool:
    """Return whether anything is limited, so that somebody has to count."""
    return limiting.are_there(container.loaded().settings)


def kept_answers(container: Container, *, patient: bool) -> caching.Answers:
    """Return where answers are kept, for who looks after them; whoever asks closes it."""
    loaded, clock = container.loaded(), container.clock()
    return _answers(loaded, clock, container.observer(), patient=patient)


def answers_are_kept(container: Container) -> bool:
    """Return whether any route has a cache."""
    return caching.routes(container.loaded().settings) is not None


def _gauges(container: Container) -> Iterable[GaugeSource]:
    """Yield whoever can tell how things stand."""
    yield from (adapter.gauges for adapter in container.adapters().values())
    yield container.target_states().readings
    yield container.loop_lag().readings
    yield container.jobs().readings
    yield container.store_guard().readings
    yield container.store().readings
    if limits_are_there(container):
        yield container.admission().readings
        yield container.limiter().gauges
    if answers_are_kept(container):
        yield container.answers().gauges


def services(container: Container, *, has_keys: bool, body_log: BodyLog | None = None) -> Services:
    """Return what the HTTP side is built from.

    Raises:
        ConfigurationError: others than this machine could call, and no key is there to ask for.
    """
    loaded = container.loaded()
    host = loaded.settings.server.host
    if not has_keys and not is_loopback(host):
        raise ConfigurationError(
            f"server.host is {host}: others could call, and there is no key to ask them for",
            where=loaded.origins.where(("server", "host")),
            hint="set MODELMUX_API_KEY, write [[keys]] in the file, or: modelmux keys create NAME",
        )
    bodies = container.bodies()
    if body_log is not None:
        bodies.log_all(body_log)
    gauges = container.metrics().gauges
    gauges.sources.extend(_gauges(container))
    return Services(
        respond=container.jobs(),
        state=container.state(),
        list_models=container.list_models(),
        check_health=container.check_health(),
        keys=container.store().ring,
        observer=container.observer(),
        clock=container.clock(),
        ids=container.ids(),
        metrics=container.metrics().show,
        watch=gauges.sources.append,
        store_counts=loaded.settings.health.store_counts,
        open_access=is_loopback(host) and not has_keys,
        limits=container.limits(),
        bodies=bodies,
        traces=container.traces(),
        tell_headers=values.header_reader(loaded.settings),
        shedding=container.shedding(),
    )
