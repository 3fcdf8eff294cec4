"""What is known of the providers, and when it is asked for."""

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.memory.state import MemoryState
from modelmux.adapters.memory.state_store import MemoryStateStore
from modelmux.adapters.memory.upstream_probe import ScriptedProbe
from modelmux.application.check_health import CheckHealth, ProviderHealth
from modelmux.application.plan import ProviderEntry
from modelmux.application.planning import Planner
from modelmux.application.ports import ProbeReport, Totals
from modelmux.application.store_guard import StoreGuard
from modelmux.application.targets import Breaker, TargetState, TargetStates
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.errors import StoreError, UpstreamAuthFailed, UpstreamUnreachable
from modelmux.domain.events import FinishReason, ResponseFinished, ResponseStarted

WELL = ProbeReport(True, "answers", ("small", "large"))
GONE = ProbeReport.failed(UpstreamUnreachable("It cannot be reached.", detail="10.0.0.7:80"))
ANSWER = Script(((ResponseStarted("", ""), ResponseFinished((FinishReason.STOP,))),))


def entry(
    name: str, probe: ScriptedProbe | None = None, models: tuple[str, ...] = ()
) -> ProviderEntry:
    provider = ScriptedProvider(ANSWER)
    return ProviderEntry(name, "scripted", provider, lambda _: Capabilities(), models, probe)


async def test_nobody_is_asked_for_a_report() -> None:
    probe = ScriptedProbe(GONE)
    report = CheckHealth(Planner([entry("a", probe)]), ManualClock()).report()
    assert report.providers == (ProviderHealth("a", "scripted"),)
    assert (report.status, probe.asked) == ("ok", 0)


async def test_one_provider_that_fails_degrades_and_a_later_answer_mends() -> None:
    clock = ManualClock()
    planner = Planner([entry("a", ScriptedProbe(GONE, WELL)), entry("b", ScriptedProbe(WELL))])
    check = CheckHealth(planner, clock)
    first = await check.probe_all()
    assert first.status == "degraded"
    assert [one.healthy for one in first.providers] == [False, True]
    clock.advance(15)
    second = await check.probe_all()
    assert second.status == "ok"
    assert [one.last_check for one in second.providers] == [clock.now(), clock.now()]


async def test_what_is_private_is_told_to_the_operator_alone() -> None:
    check = CheckHealth(Planner([entry("a", ScriptedProbe(GONE))]), ManualClock())
    (health,) = (await check.probe_all()).providers
    assert "10.0.0.7" not in health.detail
    assert "10.0.0.7" in health.explain()


async def test_a_provider_that_cannot_be_asked_is_neither_well_nor_unwell() -> None:
    check = CheckHealth(Planner([entry("a")]), ManualClock())
    report = await check.probe_all()
    assert (report.status, report.providers[0].healthy) == ("ok", None)


async def test_models_found_become_names_unless_the_configuration_lists_some() -> None:
    planner = Planner(
        [entry("open", ScriptedProbe(WELL)), entry("listed", ScriptedProbe(WELL), ("own",))]
    )
    await CheckHealth(planner, ManualClock()).probe_all()
    assert {(model.id, model.owned_by) for model in planner.models()} == {
        ("small", "open"),
        ("large", "open"),
        ("own", "listed"),
    }


def answers(state: TargetState, clock: ManualClock, took_s: float) -> None:
    """Have a call answered."""
    state.admit(clock.monotonic())
    clock.advance(took_s)
    state.began(clock.monotonic(), took_s, trial=False)
    state.in_flight -= 1


def fails(state: TargetState, clock: ManualClock, times: int) -> None:
    """Have calls fail one after the other."""
    for _ in range(times):
        state.admit(clock.monotonic())
        state.failed(clock.monotonic(), trial=False)
        state.in_flight -= 1


async def test_a_caller_that_was_answered_mends_what_a_probe_found() -> None:
    clock, states = ManualClock(), TargetStates()
    check = CheckHealth(Planner([entry("a", ScriptedProbe(GONE))]), clock, states)
    await check.probe_all()
    clock.advance(5)
    assert not check.is_well("a")
    answers(states.of("a", "m"), clock, 0.25)
    clock.advance(2)
    (health,) = check.report().providers
    assert (health.healthy, health.detail) == (True, "answers calls")
    assert health.last_check == clock.now() - 2
    assert "10.0.0.7" not in health.explain()
    await check.probe("a", fresh_s=1)
    assert not check.is_well("a")


async def test_who_answered_a_moment_ago_is_not_asked() -> None:
    clock, states = ManualClock(), TargetStates()
    silent, listing = ProbeReport(True, "answers"), ScriptedProbe(WELL)
    probe = ScriptedProbe(silent)
    planner = Planner([entry("a", probe), entry("lists", listing)])
    check = CheckHealth(planner, clock, states)
    await check.probe_all()
    for name in ("a", "lists"):
        answers(states.of(name, "m"), clock, 0.25)
        await check.probe(name, fresh_s=60)
    # What a provider lists is learnt of nobody else.
    assert (probe.asked, listing.asked) == (1, 2)
    clock.advance(61)
    await check.probe("a", fresh_s=60)
    assert probe.asked == 2


async def test_of_each_provider_is_told_how_its_targets_are() -> None:
    clock, states = ManualClock(), TargetStates()
    check = CheckHealth(Planner([entry("a"), entry("b")]), clock, states)
    for took_s in (0.1, 0.1, 0.1):
        answers(states.of("a", "quick"), clock, took_s)
    slow = states.of("a", "slow")
    answers(slow, clock, 0.5)
    slow.rest(clock.monotonic(), 20.0)
    clock.advance(5)
    health, other = check.report().providers
    assert health.latency_s is not None
    assert round(health.latency_s, 3) == 0.2
    assert [target.model for target in health.targets] == ["quick", "slow"]
    assert [target.resting_s for target in health.targets] == [0.0, 15.0]
    assert (health.breaker, health.error_rate) == (Breaker.CLOSED, 0.0)
    assert (other.latency_s, other.targets) == (None, ())


async def test_calls_that_fail_count_more_than_a_probe_that_does_not() -> None:
    clock, states = ManualClock(), TargetStates()
    check = CheckHealth(Planner([entry("a", ScriptedProbe(WELL))]), clock, states)
    fails(states.of("a", "m"), clock, 5)
    await check.probe_all()
    report = check.report()
    (health,) = report.providers
    assert (report.status, health.breaker) == ("degraded", Breaker.OPEN)
    assert (health.healthy, health.error_rate) == (False, 1.0)
    assert states.of("a", "m").breaker is Breaker.OPEN


async def test_one_target_of_several_that_is_open_degrades_but_its_provider_is_well() -> None:
    clock, states = ManualClock(), TargetStates()
    check = CheckHealth(Planner([entry("a")]), clock, states)
    answers(states.of("a", "good"), clock, 0.1)
    fails(states.of("a", "bad"), clock, 5)
    report = check.report()
    assert report.status == "degraded"
    assert (report.providers[0].healthy, report.providers[0].breaker) == (True, Breaker.OPEN)
    assert check.is_any_usable()


async def test_a_gateway_is_usable_as_long_as_one_target_is() -> None:
    clock, states = ManualClock(), TargetStates()
    probe = ScriptedProbe(GONE, GONE, WELL)
    check = CheckHealth(Planner([entry("a", probe), entry("b")]), clock, states)
    assert check.is_any_usable()
    await check.probe_all()
    assert check.is_any_usable()
    fails(states.of("b", "m"), clock, 5)
    assert not check.is_any_usable()
    clock.advance(60)  # the breaker lets somebody try
    assert check.is_any_usable()
    states.of("b", "m").rest(clock.monotonic(), 30.0)
    assert not check.is_any_usable()
    await check.probe_all()
    assert not check.is_any_usable()
    await check.probe_all()
    assert check.is_any_usable()


async def test_who_does_not_let_us_ask_may_still_answer_calls() -> None:
    for status, usable in ((401, False), (403, True)):
        refusal = ProbeReport.failed(UpstreamAuthFailed("It refuses our key.", status=status))
        check = CheckHealth(Planner([entry("a", ScriptedProbe(refusal))]), ManualClock())
        report = await check.probe_all()
        assert (report.status, report.providers[0].healthy) == ("degraded", False)
        assert check.is_any_usable() is usable


async def test_a_model_that_nobody_has_tried_may_be_usable() -> None:
    clock, states = ManualClock(), TargetStates()
    check = CheckHealth(Planner([entry("a", models=("one", "other"))]), clock, states)
    fails(states.of("a", "one"), clock, 5)
    assert check.is_any_usable()
    fails(states.of("a", "other"), clock, 5)
    assert not check.is_any_usable()


async def test_a_store_that_is_down_is_told() -> None:
    clock = ManualClock()
    store = StoreGuard(MemoryStateStore(MemoryState(), clock), clock)
    check = CheckHealth(
        Planner([entry("a")]), clock, totals=lambda: Totals(10, 1, 5.0), store=store
    )
    assert (check.report().status, check.report().state_store) == ("ok", "up")
    store.failed(StoreError("the disk is full"))
    report = check.report()
    assert (report.status, report.state_store) == ("degraded", "down")
    assert report.totals.requests == 10


async def test_of_many_models_the_busiest_are_told() -> None:
    clock, states = ManualClock(), TargetStates()
    for number in range(200):
        answers(states.of("a", f"m{number}"), clock, 0.1)
    answers(states.of("a", "m150"), clock, 0.1)
    (health,) = CheckHealth(Planner([entry("a")]), clock, states).report().providers
    assert len(health.targets) == 64
    assert health.targets[0].model == "m150"
