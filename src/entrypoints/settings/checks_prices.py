"""What makes a price: a table with gaps would tell costs that are wrong."""

from collections.abc import Collection, Mapping
from math import isfinite

from .origins import Origins, spell
from .resolving import nearest
from .toml_positions import KeyPath

NEEDED = ("input", "output")
_KINDS = (*NEEDED, "cached", "cache_write")


def check_prices(
    models: Mapping[str, Mapping[str, float]],
    path: KeyPath,
    providers: Collection[str],
    origins: Origins,
) -> None:
    """Raise for the first price that cannot be counted with; `path` is where `models` stand.

    Raises:
        ConfigurationError: with its place.
    """
    for name, price in models.items():
        at = (*path, name)
        provider, slash, model = name.partition("/")
        if not slash or not model:
            raise origins.error(
                at, f"{spell(at)}: a price is of provider/model", hint='such as "openai/gpt-5*"'
            )
        if provider not in providers:
            raise origins.error(
                at,
                f'{spell(at)}: there is no provider "{provider}"',
                hint=nearest(provider, providers),
            )
        for kind, dollars in price.items():
            if kind not in _KINDS:
                raise origins.error(
                    (*at, kind),
                    f'{spell(at)}: there is no price of "{kind}"',
                    hint=nearest(kind, _KINDS),
                )
            if not isfinite(dollars) or dollars < 0:
                raise origins.error(
                    (*at, kind),
                    f"{spell((*at, kind))}: a price is a number that is not below zero",
                    hint="US dollars for a million tokens",
                )
        for kind in NEEDED:
            if kind not in price:
                raise origins.error(
                    at,
                    f'{spell(at)}: the price of "{kind}" is missing',
                    hint=f"write {kind} = 0.0 if it costs nothing; leave the line out if it is "
                    "not known",
                )
