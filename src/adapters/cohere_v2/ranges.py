"""How far Cohere's sampling goes, where it goes less far than OpenAI's: data, and its clamp."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from ...domain.adjustments import Adjustment
from ...domain.request import DEFAULT_SAMPLING, Generation, Sampling

# Source: Cohere's API reference, v2 chat.
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "top_p": (0.01, 0.99),
    "top_k": (0, 500),
    "presence_penalty": (0.0, 1.0),
    "frequency_penalty": (0.0, 1.0),
}


def out_of_range(sampling: Sampling) -> Mapping[str, tuple[float, float]]:
    """Return the ranges that `sampling` leaves, by the names of its fields."""
    values = {
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
    }
    return {
        name: RANGES[name]
        for name, value in values.items()
        if value is not None and not RANGES[name][0] <= value <= RANGES[name][1]
    }


def within_ranges(content: Generation) -> tuple[Generation, tuple[Adjustment, ...]]:
    """Return `content` with each value moved to the nearest that is taken, and the changes."""
    sampling = content.sampling
    if sampling is DEFAULT_SAMPLING:
        return content, ()
    wrong = out_of_range(sampling)
    if not wrong:
        return content, ()
    made = tuple(
        Adjustment(name, "clamped", f"into {low} to {high}, which is all there is")
        for name, (low, high) in wrong.items()
    )
    return replace(content, sampling=_clamped(sampling, frozenset(wrong))), made


def _clamped(sampling: Sampling, names: frozenset[str]) -> Sampling:
    def clamp(name: str, value: float | None) -> float | None:
        low, high = RANGES[name]
        return value if value is None or name not in names else min(max(value, low), high)

    top_k = clamp("top_k", sampling.top_k)
    return replace(
        sampling,
        top_p=clamp("top_p", sampling.top_p),
        top_k=None if top_k is None else int(top_k),
        presence_penalty=clamp("presence_penalty", sampling.presence_penalty),
        frequency_penalty=clamp("frequency_penalty", sampling.frequency_penalty),
    )
