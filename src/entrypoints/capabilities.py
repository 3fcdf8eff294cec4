"""GET /v1/capabilities: what stands behind each name clients may use, and what it can do.

An endpoint of our own. A record is the domain's, field by field under the same names: choices as
their words, sets as sorted lists.
"""

from dataclasses import fields
from enum import Enum
from typing import Any, Literal, TypeAlias

from litestar import Request, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from msgspec import Struct

from ..application.plan import Plan, Target
from ..domain.capabilities import Capabilities
from .services import Services
from .state.asking import admitted

Word: TypeAlias = bool | int | float | str | None
Record: TypeAlias = dict[str, Word | list[str]]


class TargetShape(Struct, frozen=True):
    """`model` is the upstream's name; `type` the provider's, as the configuration has it."""

    provider: str
    type: str
    model: str
    reason: str
    capabilities: Record


class StructuredOutputShape(Struct, frozen=True):
    strict: bool
    repair: bool


class NameShape(Struct, frozen=True):
    """`id` is the name clients use, `route` what it stands for; targets are in the order tried."""

    id: str
    route: str
    policy: str
    structured_output: StructuredOutputShape
    targets: list[TargetShape]
    object: Literal["model.capabilities"] = "model.capabilities"


class CapabilityList(Struct, frozen=True):
    data: list[NameShape]
    object: Literal["list"] = "list"


def capability_routes(services: Services) -> list[HTTPRouteHandler]:
    """Return the route /v1/capabilities."""

    @get("/v1/capabilities", sync_to_thread=False, operation_id="capabilities")
    def list_capabilities(
        request: "Request[Any, Any, State]",  # Any: user and auth are not used
        model: FromQuery[str | None] = None,
    ) -> CapabilityList:
        """Tell what each name can do, or the one that `model` names."""
        admitted(request, services)
        known = services.list_models
        names = [entry.id for entry in known.list()] if model is None else [model]
        return CapabilityList([encode_plan(name, known.plan(name)) for name in names])

    return [list_capabilities]


def encode_plan(name: str, plan: Plan) -> NameShape:
    rules = plan.schema_rules
    return NameShape(
        name,
        plan.route,
        plan.policy.value,
        StructuredOutputShape(rules.strict, rules.repair),
        [_encode_target(target) for target in plan.targets],
    )


def encode_record(record: Capabilities) -> Record:
    """Return the record as JSON has it."""
    return {field.name: _word(getattr(record, field.name)) for field in fields(record)}


def _encode_target(target: Target) -> TargetShape:
    provider = target.provider
    record = encode_record(target.capabilities)
    return TargetShape(provider.name, provider.type, target.model, target.reason, record)


# Any: the fields of a record, each in turn; of its containers all are sets of words
def _word(value: Any) -> Word | list[str]:
    if isinstance(value, Enum):
        return str(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    members: frozenset[str] = value
    return sorted(str(member) for member in members)
