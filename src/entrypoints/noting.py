"""Members that are unknown below the top level: noted, left out, and the rest read all the same.

Types that refuse unknown members find them. What is noted is told the caller if it is lost.
"""

import re
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from ..domain.errors import InvalidRequest
from .members import PLACE, Members, decode_member, misfit

T = TypeVar("T")

_MEMBERS = msgspec.json.Decoder(Members)
_PLAIN = msgspec.json.Decoder()
_UNKNOWN = "Object contains unknown field"
_ECHOED = frozenset(
    {
        "annotations", "audio", "created", "id", "index", "logprobs", "object", "parsed",
        "parsed_arguments", "reasoning_details", "status",
    }
)  # fmt: skip
_MAX_NOTED = 16
# Each different one costs a pass over the value, and all hold the interpreter: a fifth of a second.
_MAX_PASSED_BYTES = 32 * 1024 * 1024
_MIN_PASSES = 16
_STEP = re.compile(r"\[\d+\]|\.[^.\[]+")


def decode_noting(
    decoder: "msgspec.json.Decoder[T]", raw: Raw, param: str, ignored: dict[str, None]
) -> T:
    """`decode_member` for types that refuse unknown members: those are noted and left out.

    Notes read like `messages.cache_control`. What is null or empty says nothing, and what our own
    answers hold comes back in every history: neither is noted.
    """
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        if not str(error).startswith(_UNKNOWN):
            raise misfit(str(error), param) from None
    except RecursionError:
        raise InvalidRequest(f"'{param}' nests too deeply.", param=param) from None
    value: Any = decode_member(_PLAIN, raw, param)  # Any: plain JSON
    for _ in range(max(_MIN_PASSES, _MAX_PASSED_BYTES // memoryview(raw).nbytes)):
        try:
            return msgspec.convert(value, decoder.type)
        except msgspec.ValidationError as error:
            text = str(error)
            if not text.startswith(_UNKNOWN):
                raise misfit(text, param) from None
        name = text.split("`")[1]
        if _drop(value, text, name):
            _note(ignored, param, name)
    raise _too_many_unknown(param)


def decode_keeping(
    decoder: "msgspec.json.Decoder[T]", raw: Raw, param: str, ignored: dict[str, None]
) -> T:
    """`decode_noting` for structs some of whose members stay unread: they are decoded from text."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        text = str(error)
        if not text.startswith(_UNKNOWN):
            raise misfit(text, param) from None
    except RecursionError:
        raise InvalidRequest(f"'{param}' nests too deeply.", param=param) from None
    members = decode_member(_MEMBERS, raw, param)
    for _ in range(_MIN_PASSES):
        name = text.split("`")[1]
        place = PLACE.search(text)
        if place is None or not place[1]:
            said = bool(decode_member(_PLAIN, members.pop(name), param))
        else:
            head = _STEP.findall(place[1])[0][1:]
            inner: dict[str, Any] = {head: decode_member(_PLAIN, members[head], param)}  # as below
            said = _drop(inner, text, name)
            members[head] = Raw(msgspec.json.encode(inner[head]))
        if said:
            _note(ignored, param, name)
        try:
            return decoder.decode(msgspec.json.encode(members))
        except msgspec.ValidationError as error:
            text = str(error)
            if not text.startswith(_UNKNOWN):
                raise misfit(text, param) from None
    raise _too_many_unknown(param)


def _note(ignored: dict[str, None], param: str, name: str) -> None:
    if name not in _ECHOED and len(ignored) < _MAX_NOTED:
        ignored[f"{param.partition('[')[0]}.{name[:64]}"] = None


def _too_many_unknown(param: str) -> InvalidRequest:
    return InvalidRequest(
        f"'{param}' has too many different members that are unknown here.",
        param=param,
        reason="unknown_parameter",
    )


# Any, below: plain JSON, in which everything may be anything.


def _drop(value: Any, text: str, name: str) -> bool:
    """Take the member `name`, of which msgspec's `text` speaks, out of all objects of one kind.

    Those are the elements at the same place of their arrays that have the same tag: to be told of
    each of them would take a pass over all. Returns whether one of the members said anything.
    """
    place = PLACE.search(text)
    holder: Any = value
    alike: list[Any] = [value]
    for step in _STEP.findall(place[1] if place is not None else ""):
        if step.startswith("["):
            holder = holder[int(step[1:-1])]
            alike = [one for each in alike for one in _elements(each)]
        else:
            holder = holder[step[1:]]
            alike = [each[step[1:]] for each in alike if _has(each, step[1:])]
    tags = holder.get("type"), holder.get("role")
    said = False
    for each in alike:
        if _has(each, name) and (each.get("type"), each.get("role")) == tags:
            said = bool(each.pop(name)) or said
    return said


def _elements(value: Any) -> list[Any]:
    elements: list[Any] = value
    return elements if isinstance(value, list) else []


def _has(value: Any, name: str) -> bool:
    return isinstance(value, dict) and name in value
