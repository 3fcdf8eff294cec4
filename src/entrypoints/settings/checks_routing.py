"""What cannot work of a configuration's routes: names, circles, weights, affinity."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..caller_headers import SECRET_HEADERS
from .checks_headers import HEADER_NAME
from .origins import Origins, spell
from .resolving import nearest
from .routing import RouteSettings
from .sections import Settings
from .toml_positions import KeyPath

_HEADER = re.compile(f"header:{HEADER_NAME}")
_WORDS = ("conversation", "prompt_cache_key")


@dataclass(frozen=True, slots=True)
class _Lead:
    """A place where a route names another; `number` is that other's, None for no route."""

    path: KeyPath
    name: str
    number: int | None


def check_routing(settings: Settings, origins: Origins) -> None:
    """Raise for the first thing that cannot work; targets' providers are known to be there.

    Raises:
        ConfigurationError: with its place.
    """
    routes = settings.routes
    named: dict[str, int] = {}
    for number, route in enumerate(routes):
        named.update(dict.fromkeys((route.model, *route.aliases), number))
    providers = [name for _, name, _ in settings.named_providers()]
    models = {model for _, _, provider in settings.named_providers() for model in provider.models}
    for number, route in enumerate(routes):
        path: KeyPath = ("routes", number)
        _check_targets(route, path, origins)
        _check_affinity(route.affinity, (*path, "affinity"), origins)
    fallbacks = [list(_fallbacks(number, route, named)) for number, route in enumerate(routes)]
    rules = [list(_ruled(number, route, named)) for number, route in enumerate(routes)]
    for leads, what in ((fallbacks, "fallbacks"), (rules, "rules")):
        for lead in (one for of_route in leads for one in of_route):
            _check_name(lead, providers, models, named, origins)
        _check_circles(routes, leads, what, origins)


def _fallbacks(number: int, route: RouteSettings, named: Mapping[str, int]) -> Iterator[_Lead]:
    for index, name in enumerate(route.fallbacks):
        yield _Lead(("routes", number, "fallbacks", index), name, named.get(name))


def _ruled(number: int, route: RouteSettings, named: Mapping[str, int]) -> Iterator[_Lead]:
    for index, rule in enumerate(route.rules):
        if rule.route is not None:
            path = ("routes", number, "rules", index, "route")
            yield _Lead(path, rule.route, named.get(rule.route))


def _check_targets(route: RouteSettings, path: KeyPath, origins: Origins) -> None:
    seen: dict[tuple[str, str], int] = {}
    for index, target in enumerate(route.targets):
        first = seen.setdefault((target.provider, target.model), index)
        if first != index:
            at = (*path, "targets", index)
            raise origins.error(
                at,
                f"{spell(at)}: this is {spell((*path, 'targets', first))} once more",
                hint="a larger weight makes a target's share larger",
            )
    if not any(target.weight for target in route.targets):
        at = (*path, "targets")
        raise origins.error(
            at,
            f"{spell(at)}: every weight is 0, so that none would ever be asked first",
            hint="0 stands for: only when no other can be asked; leave one above it",
        )


def _check_affinity(affinity: str | None, path: KeyPath, origins: Origins) -> None:
    if affinity is None or affinity in _WORDS:
        return
    if not _HEADER.fullmatch(affinity):
        raise origins.error(
            path,
            f'{spell(path)}: "{affinity}" is nothing requests can be kept together by',
            hint='one of "conversation", "prompt_cache_key", or such as "header:x-session-id"',
        )
    if affinity.partition(":")[2].lower() in SECRET_HEADERS:
        raise origins.error(
            path,
            f"{spell(path)}: this header holds a secret, which routing is not told",
            hint='"conversation" needs no header; what belongs to a tenant is apart in any case',
        )


def _check_name(
    lead: _Lead,
    providers: Collection[str],
    models: Collection[str],
    named: Mapping[str, int],
    origins: Origins,
) -> None:
    if lead.number is not None or lead.name in models:
        return
    provider, slash, model = lead.name.partition("/")
    if slash and model and provider in providers:
        return
    near = [f"{known}/{model or 'MODEL'}" for known in providers]
    raise origins.error(
        lead.path,
        f'{spell(lead.path)}: "{lead.name}" is no route, no alias and no provider/model',
        hint=nearest(lead.name, [*named, *sorted(models), *near]),
    )


def _check_circles(
    routes: Sequence[RouteSettings],
    leads: Sequence[Sequence[_Lead]],
    what: str,
    origins: Origins,
) -> None:
    done: set[int] = set()
    for start in range(len(routes)):
        if start in done:
            continue
        # A walk without recursion: a long row of routes is no reason to fail.
        path, walks = [start], [iter(leads[start])]
        while walks:
            lead = next(walks[-1], None)
            if lead is None:
                walks.pop()
                done.add(path.pop())
            elif lead.number in path:
                circle = (*path[path.index(lead.number) :], lead.number)
                told = " -> ".join(routes[number].model for number in circle)
                raise origins.error(
                    lead.path, f"{spell(lead.path)}: {what} go in a circle: {told}",
                    hint="take this one out",
                )  # fmt: skip
            elif lead.number is not None and lead.number not in done:
                path.append(lead.number)
                walks.append(iter(leads[lead.number]))
