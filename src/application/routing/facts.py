"""What rules may ask: of a request, and of each of its targets.

A fact is worked out only where a rule uses it: one on the tenant reads no body.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ...domain.conversation import ImageData, ImageReference, ImageUrl, Message, Role, ToolResult
from ...domain.errors import ModelmuxError
from ...domain.request import Generation, GenerationRequest, PlainText
from ..estimating import estimate_tokens
from ..plan import Target
from ..ports import FactKind, Price
from ..targets import Breaker, TargetState
from .code_signs import has_code

_IMAGES = (ImageData, ImageReference, ImageUrl)
_BYTES_A_TOKEN = 4


@dataclass(frozen=True, slots=True)
class SeenTarget:
    """A target, with what this process has seen of it and what is known of its price."""

    target: Target
    state: TargetState | None
    price: Price | None
    now: float


_OfRequest: TypeAlias = Callable[[GenerationRequest], object]
_OfTarget: TypeAlias = Callable[[SeenTarget], object]


def _content(request: GenerationRequest) -> Generation | None:
    return None if request.embedding is not None else request.content.get()


def _tokens(request: GenerationRequest) -> int:
    """Return an estimate; a body that nobody has read yet is not read for it."""
    if request.embedding is None and request.content.is_made:
        return estimate_tokens(request.content.get())
    return request.size_bytes // _BYTES_A_TOKEN


def _images(request: GenerationRequest) -> int:
    content = _content(request)
    if content is None:
        return 0
    spoken = (item for item in content.items if isinstance(item, Message | ToolResult))
    return sum(isinstance(part, _IMAGES) for item in spoken for part in item.parts)


def _turns(request: GenerationRequest) -> int:
    content = _content(request)
    items = () if content is None else content.items
    return sum(isinstance(item, Message) and item.role is Role.USER for item in items)


def _tools(request: GenerationRequest) -> int:
    content = _content(request)
    return 0 if content is None else len(content.tools)


def _has_code(request: GenerationRequest) -> bool:
    content = _content(request)
    return content is not None and has_code(content.items)


def _max_output_tokens(request: GenerationRequest) -> int | None:
    content = _content(request)
    return None if content is None else content.max_output_tokens


def _structured(request: GenerationRequest) -> bool:
    content = _content(request)
    return content is not None and not isinstance(content.output_format, PlainText)


_REQUEST: Mapping[str, tuple[FactKind, _OfRequest]] = {
    "request.model": (FactKind.TEXT, lambda request: request.model),
    "request.dialect": (FactKind.TEXT, lambda request: request.dialect.value),
    "request.tenant": (FactKind.TEXT, lambda request: request.caller.tenant),
    "request.key": (FactKind.TEXT, lambda request: request.caller.key_id or ""),
    "request.tags": (FactKind.TEXTS, lambda request: list(request.caller.tags)),
    "request.stream": (FactKind.FLAG, lambda request: request.stream),
    "request.headers": (FactKind.TEXT_MAP, lambda request: dict(request.headers)),
    "request.size_bytes": (FactKind.WHOLE, lambda request: request.size_bytes),
    "request.tokens": (FactKind.WHOLE, _tokens),
    "request.turns": (FactKind.WHOLE, _turns),
    "request.tools": (FactKind.WHOLE, _tools),
    "request.images": (FactKind.WHOLE, _images),
    "request.has_code": (FactKind.FLAG, _has_code),
    "request.structured": (FactKind.FLAG, _structured),
    "request.max_output_tokens": (FactKind.NUMBER, _max_output_tokens),
}
_TARGET: Mapping[str, tuple[FactKind, _OfTarget]] = {
    "target.provider": (FactKind.TEXT, lambda seen: seen.target.provider.name),
    "target.type": (FactKind.TEXT, lambda seen: seen.target.provider.type),
    "target.model": (FactKind.TEXT, lambda seen: seen.target.model),
    "target.weight": (FactKind.NUMBER, lambda seen: seen.target.weight),
    "target.latency_s": (
        FactKind.NUMBER,
        lambda seen: None if seen.state is None else seen.state.first_event_s,
    ),
    "target.error_rate": (
        FactKind.NUMBER,
        lambda seen: 0.0 if seen.state is None else seen.state.error_rate,
    ),
    "target.healthy": (
        FactKind.FLAG,
        lambda seen: seen.state is None or seen.state.breaker is not Breaker.OPEN,
    ),
    "target.resting": (
        FactKind.FLAG,
        lambda seen: seen.state is not None and seen.state.resting_s(seen.now) > 0,
    ),
    "target.in_flight": (
        FactKind.WHOLE,
        lambda seen: 0 if seen.state is None else seen.state.in_flight,
    ),
    "target.price_input": (
        FactKind.NUMBER,
        lambda seen: None if seen.price is None else seen.price.input,
    ),
    "target.price_output": (
        FactKind.NUMBER,
        lambda seen: None if seen.price is None else seen.price.output,
    ),
}

OF_REQUEST: Mapping[str, FactKind] = {name: kind for name, (kind, _) in _REQUEST.items()}
"""What `when` may ask."""
OF_BOTH: Mapping[str, FactKind] = {
    **OF_REQUEST,
    **{name: kind for name, (kind, _) in _TARGET.items()},
}
"""What `keep` and `prefer` may ask."""


class RequestFacts:
    """The facts of one request, each worked out once; used while it is routed."""

    __slots__ = ("_known", "_request")

    def __init__(self, request: GenerationRequest) -> None:
        self._request = request
        self._known: dict[str, object] = {}

    def of(self, names: Iterable[str]) -> dict[str, object]:
        """Return those of `names` that are of a request.

        Raises:
            ValueError: the content cannot be read, so that nothing can be told of it.
        """
        known, facts = self._known, dict[str, object]()
        for name in names:
            if name not in known and name in _REQUEST:
                try:
                    known[name] = _REQUEST[name][1](self._request)
                except (ModelmuxError, RecursionError) as error:
                    raise ValueError(f"{name} cannot be told: the body is not readable") from error
            if name in known:
                facts[name] = known[name]
        return facts


def facts_of_target(seen: SeenTarget, names: Iterable[str]) -> dict[str, object]:
    """Return those of `names` that are of a target."""
    return {name: _TARGET[name][1](seen) for name in names if name in _TARGET}
