"""The composition root: which object is given which. It only constructs.

Everything is built once and synchronously; what needs an event loop is opened in `opening.py`. How
a thing is built from the settings stands in its module of `wiring/`. Those that are not for
everybody are imported by `_part` when the configuration names them, so that nobody pays for what is
not used.
"""

from collections.abc import Iterable
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any

from dependency_injector import containers, providers

from ..adapters.json_schema.first_use import FirstUseChecker
from ..adapters.observability.line_writer import LineWriter
from ..adapters.system.clock import SystemClock
from ..adapters.system.ids import RandomIds
from ..application.admission import Admission
from ..application.check_health import CheckHealth
from ..application.compact import Compact
from ..application.composing import Composing
from ..application.context import ContextLoader
from ..application.conversations import Conversations
from ..application.count_tokens import CountTokens
from ..application.filters.recording import Recording
from ..application.holding import Holding
from ..application.jobs import Jobs
from ..application.list_models import ListModels
from ..application.ports import GaugeSource, SchemaChecker
from ..application.recall import Recall
from ..application.respond import Respond
from ..application.routing.router import Router
from ..application.store_guard import StoreGuard
from ..application.sweeping import Sweeping
from ..domain.errors import ConfigurationError
from .debug_log import BodyLog
from .loop_lag import LoopLag
from .loopback import is_loopback
from .responses.turn_wire import ResponsesWire
from .services import Services, StateServices
from .settings.file import Loaded
from .wiring import (
    attempts,
    caching,
    entries,
    limiting,
    media,
    observing,
    planning,
    prices,
    sealing,
    stores,
    tracing,
    values,
    weighing,
)
from .wiring.parts import needing


def _part(name: str, extra: str = "") -> Any:  # Any: a module, whose functions each have a type
    """Import a module of `wiring/`, when the configuration wants it; raises as `needing`."""
    with needing(extra) if extra else nullcontext():
        return import_module(f"{__package__}.wiring.{name}")


def preset_names() -> tuple[str, ...]:
    """Return the names of the known services that speak chat completions."""
    names: tuple[str, ...] = _part("compatible").preset_names()
    return names


def key_variable(preset: str) -> str:
    """Return the variable in which users of a known service keep its key."""
    variable: str = _part("compatible").key_variable(preset)
    return variable


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
    file = Path(state.seal_file).expanduser()
    return sealing.rotate_key(file), file


def _checker() -> SchemaChecker:
    def make() -> SchemaChecker:
        checker: SchemaChecker = _part("checking").checker()
        return checker

    return FirstUseChecker(make)


class Container(containers.DeclarativeContainer):
    """Every object of a process, each made on first need.

    `tells`: requests are logged. `dry`: upstreams are never called.
    """

    loaded: providers.Dependency[Loaded] = providers.Dependency(instance_of=Loaded)
    tells: providers.Dependency[bool] = providers.Dependency(instance_of=bool, default=False)
    dry: providers.Dependency[bool] = providers.Dependency(instance_of=bool, default=False)
    settings = loaded.provided.settings
    part = providers.Object(_part)

    clock = providers.Singleton(SystemClock)
    ids = providers.Singleton(RandomIds)

    log_writer = providers.Singleton(LineWriter)
    counting = providers.Singleton(observing.counting, loaded, tells, part)
    metrics = providers.Singleton(observing.metrics, settings.metrics, clock, counting)
    telemetry = providers.Singleton(observing.telemetry, settings, tells, part)
    traces = providers.Singleton(tracing.traces, settings.telemetry, clock)
    bodies = providers.Singleton(values.body_watch, settings, clock)
    observer = providers.Singleton(
        observing.observer, settings.log, metrics, log_writer, clock, tells, telemetry
    )

    state_limits = providers.Singleton(values.state_limits, settings.state)
    store = providers.Singleton(stores.build, settings, clock, state_limits, observer, part)
    seal = providers.Singleton(sealing.build, settings.state, clock, part)
    fetcher = providers.Singleton(media.fetcher, settings.media, dry, part)
    checker = providers.Singleton(_checker)

    adapters = providers.Singleton(entries.adapters, loaded, clock, ids, observer, dry, part)
    target_states = providers.Singleton(attempts.states, settings.breaker, clock, observer)
    retry_budgets = providers.Singleton(attempts.budgets, settings.retry, observer)
    hedges = providers.Singleton(attempts.hedges, settings, retry_budgets, observer)
    limiter = providers.Singleton(limiting.build, loaded, clock, ids, observer, tells, part)
    admission = providers.Singleton(Admission, limiter.provided.limiter, clock, observer)
    limit_rules = providers.Singleton(limiting.rules, settings)
    provider_entries = providers.Singleton(
        entries.entries, loaded, adapters, clock, observer, target_states, retry_budgets,
        store.provided.vault, fetcher, checker, admission.provider,
    )  # fmt: skip

    price_book = providers.Singleton(prices.build, settings)
    rules = providers.Singleton(planning.rules, loaded, price_book, part)
    planner = providers.Singleton(planning.planner, loaded, provider_entries, rules)
    router = providers.Singleton(Router, planner, target_states, clock, price_book)

    respond = providers.Singleton(Respond, router, price_book, hedges)
    answers = providers.Singleton(caching.build, settings, clock, observer, part)
    cached = providers.Singleton(
        caching.around, respond, router, answers.provider, settings, clock, observer
    )
    limited = providers.Singleton(
        limiting.around_all, cached, limit_rules, admission.provider, planner, clock, observer
    )

    turns = store.provided.turns
    turn_wire = providers.Singleton(ResponsesWire, seal.provided.sealer)
    holding = providers.Singleton(
        Holding, turns.leases, ids.provided.new.call("gateway_"), clock
    )  # fmt: skip
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
    count_tokens = providers.Singleton(CountTokens, planner, composing.provided.compose)
    # What compacts has its own place for instructions.
    compact = providers.Singleton(Compact, limited, composing.provided.context.said_in)
    state = providers.Singleton(
        StateServices, recall, jobs, conversations, count_tokens, compact, seal.provided.sealer,
        turn_wire,
    )  # fmt: skip

    list_models = providers.Singleton(ListModels, planner)
    cache_status = providers.Singleton(caching.status, settings, answers.provider)
    check_health = providers.Singleton(
        CheckHealth, planner, clock, target_states, metrics.provided.totals, store_guard,
        cache_status,
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
    settings, clock = container.loaded().settings, container.clock()
    return caching.build(settings, clock, container.observer(), _part, patient=patient)


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
        tell_headers=planning.header_reader(loaded.settings),
        shedding=container.shedding(),
    )
