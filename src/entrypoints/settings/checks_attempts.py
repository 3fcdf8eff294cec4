"""What cannot work about attempts: times that contradict each other, two places for one key."""

from .attempts import BreakerSettings, RetrySettings
from .origins import Origins, spell
from .providers import KeyedSection, ProviderSettings
from .routing import RouteSettings
from .toml_positions import KeyPath

_WAITS = ("first_wait_s", "longest_wait_s")


def check_breaker(breaker: BreakerSettings, origins: Origins) -> None:
    """Raise if the longest time to stay open is shorter than the first.

    Raises:
        ConfigurationError: with its place.
    """
    if breaker.longest_open_s < breaker.open_s:
        path: KeyPath = ("breaker", "longest_open_s")
        raise origins.error(
            path,
            f"{spell(path)}: it is shorter than open_s, which is {breaker.open_s:g}",
            hint="a breaker stays open for open_s at first, and longer each time a trial fails",
        )


def check_retries(retry: RetrySettings, origins: Origins) -> None:
    """Raise if the first wait is longer than the longest.

    Raises:
        ConfigurationError: with its place.
    """
    if retry.first_wait_s > retry.longest_wait_s:
        written = next((one for one in _WAITS if origins.places.get(("retry", one))), _WAITS[0])
        raise origins.error(
            ("retry", written),
            f"retry: first_wait_s ({retry.first_wait_s:g}) is longer than longest_wait_s "
            f"({retry.longest_wait_s:g})",
            hint="the wait is doubled each time, up to the longest",
        )


def check_route_times(route: RouteSettings, path: KeyPath, origins: Origins) -> None:
    """Raise for a time of the route that another one lets never come, and hedges without a second.

    Raises:
        ConfigurationError: with its place.
    """
    first, total, hedge = route.first_event_timeout_s, route.total_timeout_s, route.hedge_after_s
    if first is not None and total is not None and first > total:
        raise origins.error(
            (*path, "first_event_timeout_s"),
            f"{spell(path)}: first_event_timeout_s ({first:g}) is longer than total_timeout_s "
            f"({total:g})",
            hint="total_timeout_s is for all attempts and the whole answer",
        )
    if hedge is None:
        return
    at = (*path, "hedge_after_s")
    for name, limit in (("first_event_timeout_s", first), ("total_timeout_s", total)):
        if limit is not None and hedge >= limit:
            raise origins.error(
                at,
                f"{spell(at)}: it never comes to that, {name} is {limit:g}",
                hint="a hedge is for an attempt that still runs",
            )
    if len(route.targets) == 1 and not route.fallbacks:
        raise origins.error(
            at,
            f"{spell(at)}: there is no second target to ask",
            hint="name another target, or fallbacks",
        )


def check_api_keys(provider: ProviderSettings, path: KeyPath, origins: Origins) -> None:
    """Raise if keys stand in two places, or one of them twice.

    Raises:
        ConfigurationError: with its place.
    """
    if not isinstance(provider, KeyedSection) or not provider.api_keys:
        return
    at = (*path, "api_keys")
    if provider.api_key is not None:
        raise origins.error(
            at,
            f"{spell(path)}: api_key and api_keys are two places for the same thing",
            hint="write all of them in api_keys",
        )
    texts = [key.reveal() for key in provider.api_keys]
    for number, text in enumerate(texts):
        if text in texts[:number]:
            raise origins.error(
                (*at, number),
                f"{spell((*at, number))}: this key stands there twice",
                hint="each key has limits of its own: the same one twice has them once",
            )
