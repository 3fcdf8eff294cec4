"""What cannot work about attempts: breakers that would shrink, and two places for one key."""

from .attempts import BreakerSettings
from .origins import Origins, spell
from .providers import KeyedSection, ProviderSettings
from .toml_positions import KeyPath


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
