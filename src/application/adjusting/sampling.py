"""How tokens are drawn, and how many."""

from dataclasses import replace

from ...domain.capabilities import Thinking
from ...domain.dialect import Dialect
from ...domain.errors import UnsupportedFeature
from ...domain.request import (
    DEFAULT_SAMPLING,
    Sampling,
)
from .fitting import Fitting
from .wishes import asks_to_think


def fit_sampling(fit: Fitting) -> None:
    can, sampling = fit.can, fit.content.sampling
    if sampling is DEFAULT_SAMPLING:
        return
    taken = can.sampling
    if fit.outward is Dialect.RESPONSES:
        taken &= can.responses_sampling
    if sampling.candidates > 1 and "n" not in taken:
        raise UnsupportedFeature("The model gives one answer a call: n must be 1.", param="n")
    thinks = can.thinking is Thinking.BUDGET and asks_to_think(fit.content)
    unset = DEFAULT_SAMPLING
    for name, fields in _SAMPLING_FIELDS.items():
        if all(getattr(sampling, key) == getattr(unset, key) for key in fields):
            continue  # getattr: the keys are names of Sampling's own fields, from the table below
        if name in taken and not (thinks and _against_thinking(name, sampling)):
            continue
        sampling = replace(sampling, **{key: getattr(unset, key) for key in fields})
        why = "the model takes it only without thinking" if name in taken else "not taken"
        fit.tell(name, "dropped", why)
    if sampling.temperature is not None and sampling.temperature > can.max_temperature:
        fit.tell("temperature", "clamped", f"to {can.max_temperature}, the highest there is")
        sampling = replace(sampling, temperature=can.max_temperature)
    if not can.blank_stop and any(not stop.strip() for stop in sampling.stop):
        fit.tell("stop", "dropped", "sequences of white space alone are not taken")
        sampling = replace(sampling, stop=tuple(stop for stop in sampling.stop if stop.strip()))
    if can.max_stop is not None and len(sampling.stop) > can.max_stop:
        fit.tell("stop", "clamped", f"only the first {can.max_stop} sequences are kept")
        sampling = replace(sampling, stop=sampling.stop[: can.max_stop])
    if sampling is not fit.content.sampling:
        fit.content = replace(fit.content, sampling=sampling)


_SAMPLING_FIELDS = {
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "presence_penalty": ("presence_penalty",),
    "frequency_penalty": ("frequency_penalty",),
    "seed": ("seed",),
    "stop": ("stop",),
    "logit_bias": ("logit_bias",),
    "logprobs": ("logprobs", "top_logprobs"),
}


def _against_thinking(name: str, sampling: Sampling) -> bool:
    match name:
        case "temperature":
            return sampling.temperature != 1
        case "top_p":
            return sampling.top_p is not None and sampling.top_p < 0.95
        case _:
            return name == "top_k"


def fit_limits(fit: Fitting) -> None:
    highest = fit.can.max_output_tokens
    asked = fit.content.max_output_tokens
    if asked == 0 and fit.outward is not Dialect.MESSAGES:
        raise UnsupportedFeature(
            "The model cannot be asked for no token at all: only Claude's cache is warmed so.",
            param="max_completion_tokens",
        )
    if highest is not None and asked is not None and asked > highest:
        fit.content = replace(fit.content, max_output_tokens=highest)
        fit.tell("max_completion_tokens", "clamped", f"to {highest}, the most there is")
