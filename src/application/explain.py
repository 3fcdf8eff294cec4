"""Use case: tell what would be sent for a request, and why, without sending it.

The request goes the whole way that it would go to each target, through every filter; the clients
of upstreams alone are dry, and raise the call in place of making it.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from ..domain.adjustments import Adjustment
from ..domain.deferred import Deferred
from ..domain.errors import ModelmuxError
from ..domain.journal import Journal
from ..domain.redaction import REDACTED, redact
from ..domain.request import GenerationRequest
from .context import compose_alone, compose_apart
from .plan import Plan, Strategy, Target
from .ports import NotSent, UpstreamCall
from .routing.order import Order
from .routing.router import Router

# The headers whose values are nobody's secret. Of the others, which configurations may bring, only
# the names are told.
_OPEN_HEADERS: Final = frozenset(
    {
        "accept", "anthropic-beta", "anthropic-version", "anthropic-workspace-id", "content-type",
        "openai-beta", "openai-organization", "openai-project", "user-agent", "x-amz-date",
        "x-amz-target", "x-client-name", "x-goog-user-project",
    }
)  # fmt: skip
_OPEN_QUERY: Final = frozenset({"alt", "api-version", "beta"})
_GOES_BY_STATE: Final = frozenset(
    {Strategy.LEAST_CONNECTIONS, Strategy.LATENCY, Strategy.AVAILABILITY}
)
_DIFFERS_EACH_TIME: Final = frozenset({Strategy.ROUND_ROBIN, Strategy.WEIGHTED})
_STAND_IN: Final = re.compile(r"(?:[\w-]{1,32} )?\{[A-Za-z ]{1,40}\}")
_SCHEME: Final = re.compile(r"(?:Bearer|Basic) (?=.)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WouldSend:
    """`call` holds no secrets; `relayed` says that it is the caller's own body.

    `told` are those of `adjustments` that the caller's answer would tell of. `more` says that
    there are further calls of its kind, for the rest of a batch.
    """

    call: UpstreamCall
    relayed: bool
    adjustments: tuple[Adjustment, ...] = ()
    told: tuple[Adjustment, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class WouldRefuse:
    """The target cannot take the request, or the request is wrong."""

    error: ModelmuxError


@dataclass(frozen=True, slots=True)
class AnswersItself:
    """The provider is within the gateway and calls nobody."""

    adjustments: tuple[Adjustment, ...] = ()


Outcome: TypeAlias = WouldSend | WouldRefuse | AnswersItself


@dataclass(frozen=True, slots=True)
class ExplainedTarget:
    """`number` is its place in the plan, from 1; what is tried first may have any."""

    number: int
    target: Target
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Explanation:
    """`targets` are those that are tried, in their order, or the one that was asked for.

    `order` tells why, and why others are not. `notes` say in which ways the truth may be another.
    """

    order: Order
    targets: tuple[ExplainedTarget, ...]
    notes: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        """Return the plan that is followed, which is another's where a rule leads there."""
        return self.order.plan

    @property
    def works(self) -> bool:
        """Whether any of the targets can take the request."""
        return any(not isinstance(one.outcome, WouldRefuse) for one in self.targets)


@dataclass(frozen=True, slots=True)
class Explain:
    """The router's providers must be dry, or they are called.

    `live` says that the states of targets are those of a running gateway.
    """

    router: Router
    live: bool = False

    async def explain(self, request: GenerationRequest, only: int | None = None) -> Explanation:
        """Return what each target would be sent; `only` is the number of a single one.

        Raises:
            ModelNotFound: nothing stands behind the name.
            Forbidden: a rule refuses the request.
        """
        order = self.router.order(request, tell=True)
        plan = order.plan
        notes = [*self._notes(plan), *_notes_on_turn(request)]
        if request.turn is not None:
            content = request.content
            compose = compose_alone if _continued(request) is None else compose_apart
            request = replace(request, content=Deferred(lambda: compose(content.get())))
        numbered = [(number_of(plan, target), target) for target in order.targets]
        if only is not None:
            numbered = list(enumerate(plan.every_target, 1))[only - 1 : only]
        targets = [
            ExplainedTarget(number, target, await _outcome(plan, target, request))
            for number, target in numbered
        ]
        if any(_fetches(one.outcome) for one in targets):
            notes.append("images by address are not fetched: one white dot stands for each")
        return Explanation(order, tuple(targets), tuple(notes))

    def _notes(self, plan: Plan) -> list[str]:
        if plan.strategy in _GOES_BY_STATE and not self.live:
            return ["how the targets do is known to a running gateway alone: --live asks it"]
        if plan.strategy in _DIFFERS_EACH_TIME:
            return [f"{plan.strategy} puts the next request in another order"]
        planner = self.router.planner
        providers = planner.providers
        known = {entry.id for entry in planner.models()}
        named = {one.name for one in providers}
        if plan.route in known or plan.route.partition("/")[0] in named:
            return []
        unasked = [one.name for one in providers if one.probe is not None and not one.models]
        if len(unasked) < 2:
            return []
        return [
            f"nobody was asked what they serve ({', '.join(unasked)}): "
            "a running gateway may know better who has this model"
        ]


def number_of(plan: Plan, target: Target) -> int:
    """Return the place of a target in its plan, from 1."""
    return next(number for number, one in enumerate(plan.every_target, 1) if one is target)


def _notes_on_turn(request: GenerationRequest) -> list[str]:
    continued = _continued(request)
    if continued is None:
        return []
    return [f"it continues {continued}, whose items are not looked up: they stand before these"]


def _continued(request: GenerationRequest) -> str | None:
    turn = request.turn
    return None if turn is None else turn.asked.previous or turn.asked.conversation


async def _outcome(plan: Plan, target: Target, request: GenerationRequest) -> Outcome:
    journal = Journal()
    aimed = replace(request, journal=journal).aimed(
        target.model, target.capabilities, plan.policy, plan.schema_rules
    )
    try:
        answer = await target.provider.llm.open(aimed)
    except NotSent as dry:
        return _would_send(dry, journal)
    except ModelmuxError as error:
        return WouldRefuse(error)
    await answer.aclose()
    return AnswersItself(tuple(journal.adjustments))


def _would_send(dry: NotSent, journal: Journal) -> WouldSend:
    call = dry.call
    headers = tuple((name, _shown(name, value)) for name, value in call.headers)
    return WouldSend(
        replace(call, url=_shown_url(call.url), headers=headers),
        journal.relayed,
        tuple(journal.adjustments),
        tuple(journal.told),
        more=journal.attempts > 1,  # what is split goes out side by side
    )


def _shown(name: str, value: str) -> str:
    if name.lower() in _OPEN_HEADERS:
        return redact(value)
    if _STAND_IN.fullmatch(value):
        return value
    scheme = _SCHEME.match(value)
    return f"{scheme[0] if scheme else ''}{REDACTED}"


def _shown_url(url: str) -> str:
    path, mark, query = url.partition("?")
    shown = [
        f"{name}{equals}{value if name.lower() in _OPEN_QUERY or not value else REDACTED}"
        for name, equals, value in (pair.partition("=") for pair in query.split("&"))
    ]
    return f"{path}{mark}{'&'.join(shown)}"


def _fetches(outcome: Outcome) -> bool:
    return isinstance(outcome, WouldSend) and any(
        one.action == "fetched" for one in outcome.adjustments
    )
