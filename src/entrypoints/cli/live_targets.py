"""How a running gateway's targets do, as its `/health` tells: `modelmux explain --live`."""

from typing import Literal

import msgspec

from ...application.targets import Breaker, TargetStates
from ...domain.errors import ConfigurationError
from .asking_health import ask_health

_TIMEOUT_S = 3.0


class _Target(msgspec.Struct, frozen=True):
    model: str
    breaker: Literal["closed", "half_open", "open"]
    resting_s: float
    error_rate: float
    first_event_ms: float | None = None
    in_flight: int = 0


class _Provider(msgspec.Struct, frozen=True):
    name: str
    healthy: bool | None = None
    targets: tuple[_Target, ...] = ()


class _Health(msgspec.Struct, frozen=True):
    providers: tuple[_Provider, ...]


_DECODER = msgspec.json.Decoder(_Health)


def take_over_live(states: TargetStates, url: str, now: float) -> None:
    """Give each target the state that a running gateway has seen; `now` is monotonic.

    Raises:
        ConfigurationError: nobody answers there, or not as a gateway of this kind does.
    """
    try:
        _, body = ask_health(url, _TIMEOUT_S)
        health = _DECODER.decode(body)
    except OSError as error:
        raise ConfigurationError(
            str(error), where="--live", hint="start it: modelmux serve; or name it: --url"
        ) from error
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"what answers at {url} is no gateway of this version: {error}", where="--live"
        ) from error
    for provider in health.providers:
        states.probed(provider.name, now, healthy=provider.healthy is not False)
        for target in provider.targets:
            first_event_ms = target.first_event_ms
            states.of(provider.name, target.model).take_over(
                now,
                breaker=Breaker(target.breaker),
                rest_s=target.resting_s,
                first_event_s=None if first_event_ms is None else first_event_ms / 1000,
                error_rate=target.error_rate,
                in_flight=target.in_flight,
            )
