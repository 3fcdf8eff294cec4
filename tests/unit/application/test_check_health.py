"""What is known of the providers, and when it is asked for."""

from modelmux.adapters.memory.clock import ManualClock
from modelmux.adapters.memory.scripted import Script, ScriptedProvider
from modelmux.adapters.memory.upstream_probe import ScriptedProbe
from modelmux.application.check_health import CheckHealth, ProviderHealth
from modelmux.application.plan import ProviderEntry
from modelmux.application.planning import Planner
from modelmux.application.ports import ProbeReport
from modelmux.domain.capabilities import Capabilities
from modelmux.domain.errors import UpstreamUnreachable
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
