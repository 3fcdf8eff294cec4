"""An explanation as people and programs read it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, assert_never

from ...application.explain import (
    AnswersItself,
    ExplainedTarget,
    Explanation,
    WouldRefuse,
    WouldSend,
    number_of,
)
from ...application.plan import Plan, Strategy, Target
from ...domain.adjustments import Adjustment
from ...domain.errors import RequestError
from ..explaining import ReadRequest
from ..settings.raw_tables import is_list, is_table
from .console import in_one_line, print_result, say

_LONGEST_SHOWN: Final = 400
_SHOWN: Final = 60


def tell(read: ReadRequest, explanation: Explanation) -> None:
    """Write an explanation for people."""
    plan, request = explanation.plan, read.request
    guessed = ", guessed" if read.guessed else ""
    streamed = ", streamed" if request.stream else ""
    print_result(f'request  "{request.model}" ({request.dialect}{guessed}{streamed})')
    strategy = "" if plan.strategy is Strategy.ORDERED else f", {plan.strategy}"
    print_result(f"plan     {plan.route}, policy {plan.policy}{strategy}")
    order = explanation.order
    for note in order.notes:
        print_result(f"  {note}")
    for target, reason in zip(order.targets, order.reasons, strict=True):
        print_result(f"  {number_of(plan, target)}. {_named(target)}: {reason}")
    for one in order.passed_over:
        print_result(
            f"  {number_of(plan, one.target)}. {_named(one.target)}: not tried: {one.reason}"
        )
    for explained in explanation.targets:
        print_result("")
        for line in _lines_of(explained):
            print_result(line)
    for note in explanation.notes:
        say(f"note: {note}")


def _named(target: Target) -> str:
    return f"{target.name} ({target.provider.type})"


def _lines_of(one: ExplainedTarget) -> Iterator[str]:
    name = f"{one.number}. {one.target.provider.name}/{one.target.model}"
    outcome = one.outcome
    match outcome:
        case WouldRefuse(error):
            yield f"{name}: refused"
            yield f"  {in_one_line(error)}"
        case AnswersItself(adjustments):
            yield f"{name}: answered by the gateway itself"
            yield from (_adjusted(it, told=True) for it in adjustments)
        case WouldSend(call, relayed, adjustments, told, more):
            yield f"{name}: {'relayed' if relayed else 'translated'}"
            yield from (_adjusted(it, told=it in told) for it in adjustments)
            yield f"{call.method} {call.url}"
            yield from (f"{header}: {value}" for header, value in call.headers)
            yield ""
            yield _pretty(call.body)
            if more:
                yield "(the first of several calls, each for a part of the input)"
        case _:
            assert_never(outcome)


def _adjusted(adjustment: Adjustment, *, told: bool) -> str:
    quiet = "" if told else " (the caller is not told)"
    return f"  {adjustment}: {adjustment.detail}{quiet}"


def _pretty(body: bytes) -> str:
    return json.dumps(_shortened(json.loads(body)), indent=2, ensure_ascii=False) if body else ""


def _shortened(value: object) -> object:
    """Return plain JSON in which files and images are cut: nobody reads them."""
    if is_table(value):
        return {key: _shortened(one) for key, one in value.items()}
    if is_list(value):
        return [_shortened(one) for one in value]
    if isinstance(value, str) and len(value) > _LONGEST_SHOWN and not any(map(str.isspace, value)):
        return f"{value[:_SHOWN]}... ({len(value)} letters)"
    return value


# Any: what `json.dumps` takes
def as_json(read: ReadRequest, explanation: Explanation) -> Mapping[str, Any]:
    """Return an explanation for programs."""
    plan, request, order = explanation.plan, read.request, explanation.order
    return {
        "model": request.model,
        "dialect": request.dialect,
        "guessed": read.guessed,
        "stream": request.stream,
        "route": plan.route,
        "policy": plan.policy,
        "strategy": plan.strategy,
        "choice": order.notes,
        "plan": [
            _placed(plan, target, reason)
            for target, reason in zip(order.targets, order.reasons, strict=True)
        ],
        "passed_over": [_placed(plan, one.target, one.reason) for one in order.passed_over],
        "targets": [{"number": one.number, **_outcome(one)} for one in explanation.targets],
        "notes": explanation.notes,
    }


# Any: what `json.dumps` takes
def _placed(plan: Plan, target: Target, reason: str) -> Mapping[str, Any]:
    return {
        "number": number_of(plan, target),
        "provider": target.provider.name,
        "type": target.provider.type,
        "model": target.model,
        "reason": reason,
    }


def _outcome(one: ExplainedTarget) -> Mapping[str, Any]:
    outcome = one.outcome
    match outcome:
        case WouldRefuse(error):
            param = error.param if isinstance(error, RequestError) else None
            return {"lane": "refused", "message": in_one_line(error), "param": param}
        case AnswersItself(adjustments):
            return {"lane": "own", "adjustments": [_member(it, told=True) for it in adjustments]}
        case WouldSend(call, relayed, adjustments, told, more):
            return {
                "lane": "relayed" if relayed else "translated",
                "adjustments": [_member(it, told=it in told) for it in adjustments],
                "request": {
                    "method": call.method,
                    "url": call.url,
                    "headers": call.headers,
                    "body": json.loads(call.body) if call.body else None,
                },
                "more_calls": more,
            }
        case _:
            assert_never(outcome)


def _member(adjustment: Adjustment, *, told: bool) -> Mapping[str, Any]:
    return {
        "param": adjustment.param,
        "action": adjustment.action,
        "detail": adjustment.detail,
        "told": told,
    }
