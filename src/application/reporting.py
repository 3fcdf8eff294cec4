"""Notes in the journal what was changed of a request, in the caller's own words."""

from collections.abc import Iterable
from dataclasses import replace

from ..domain.adjustments import Adjustment, Policy
from ..domain.errors import UnsupportedFeature
from ..domain.request import GenerationRequest
from .spelling import spelled


def record(request: GenerationRequest, adjustments: Iterable[Adjustment]) -> None:
    """Note `adjustments` in the journal as the policy wants them told.

    Raises:
        UnsupportedFeature: the policy is to reject; names the first.
    """
    for adjustment in adjustments:
        if request.policy is Policy.REJECT:
            param = spelled(adjustment.param, request.dialect)
            raise UnsupportedFeature(
                f"The model cannot take {param!r} as asked ({adjustment.detail}), "
                "and this route rejects what it would have to change.",
                param=param,
            )
        note(request, adjustment)


def note(request: GenerationRequest, adjustment: Adjustment) -> None:
    """Note what the caller allowed: no policy rejects it."""
    told = replace(adjustment, param=spelled(adjustment.param, request.dialect))
    request.journal.adjustments.append(told)
    if request.policy is not Policy.QUIET:
        request.journal.told.append(told)
