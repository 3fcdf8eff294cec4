"""Makes a chat request fit one service: other names, members it refuses, thinking switched off."""

from collections.abc import Mapping
from typing import Final

import msgspec

from ...application.reporting import record
from ...domain.adjustments import Adjustment
from ...domain.dialect import Dialect
from ...domain.request import GenerationRequest
from .preset import Preset

_FORMAT: Final = "encoding_format"
_WITH_USAGE: Final = msgspec.Raw(b'{"include_usage":true}')
_decode = msgspec.json.decode


def tailor(body: dict[str, object], preset: Preset, request: GenerationRequest) -> None:
    """Change `body` to what the service takes, and note what was dropped.

    Raises:
        UnsupportedFeature: something would have to be dropped, and the route rejects that.
    """
    if request.dialect is Dialect.EMBEDDINGS:
        _rename(body, preset.renamed_embeddings)
        dropped = preset.dropped_embeddings
        if _FORMAT in dropped:
            # Nothing is lost: whoever asked for base64 gets it of us.
            body.pop(_FORMAT, None)
        _drop(body, dropped - {_FORMAT}, preset, request)
    elif request.dialect is not Dialect.COMPLETIONS:
        _rename(body, preset.renamed)
        _drop(body, preset.dropped, preset, request)
        no_effort = preset.spelling.no_effort
        if no_effort and "reasoning_effort" in body:
            effort = body["reasoning_effort"]
            if isinstance(effort, msgspec.Raw) and bytes(effort) == b'"none"':
                del body["reasoning_effort"]
                body.update(no_effort)


def ask_for_usage(body: dict[str, object], preset: Preset) -> None:
    """Have a stream tell its usage, whatever the caller wants of it."""
    if not preset.spelling.stream_options:
        body.pop("stream_options", None)  # such a service tells it unasked
        return
    own = body.get("stream_options")
    if isinstance(own, msgspec.Raw):
        options = _decode(own)
        if isinstance(options, dict):
            body["stream_options"] = options | {"include_usage": True}
            return
    body["stream_options"] = _WITH_USAGE


def _rename(body: dict[str, object], names: Mapping[str, str]) -> None:
    for name, other in names.items():
        if name in body and other not in body:
            body[other] = body.pop(name)


def _drop(
    body: dict[str, object], names: frozenset[str], preset: Preset, request: GenerationRequest
) -> None:
    if names.isdisjoint(body):
        return
    dropped = sorted(names.intersection(body))
    record(
        request,
        [Adjustment(name, "dropped", f"{preset.name} does not take it") for name in dropped],
    )
    for name in dropped:
        del body[name]
