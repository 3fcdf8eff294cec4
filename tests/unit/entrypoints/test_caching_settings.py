"""A cache's configuration: what is refused, and what becomes of the rest."""

from pathlib import Path

import pytest

from modelmux.application.filters.caching import CachedRoutes, CacheRules
from modelmux.domain.errors import ConfigurationError
from modelmux.entrypoints.caller_headers import cache_control, no_headers, told_headers
from modelmux.entrypoints.settings.discovery import Discovery
from modelmux.entrypoints.settings.file import Loaded, Surroundings, load_settings
from modelmux.entrypoints.wiring.caching import routes
from modelmux.entrypoints.wiring.planning import header_reader

PROVIDER = '[provider]\ntype = "demo"\n'
ROUTE = '[[routes]]\nmodel = "r"\ntargets = [{ provider = "demo", model = "demo" }]\n'


def load(text: str, folder: Path) -> Loaded:
    file = folder / "modelmux.toml"
    file.write_text(text + PROVIDER)
    around = Surroundings({"HOME": str(folder)}, folder, "linux", lambda _: Discovery(()))
    return load_settings(file, (), surroundings=around)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[cache]\nbackend = "redis"\n', 2, "storage.redis_url"),
        ("[cache]\nmax_bytes = 1000\nmax_answer_bytes = 1001\n", 3, "larger (1001)"),
        ("[cache]\nmax_bytes = 0\n", 2, "max_bytes"),
        ('[cache]\nbackend = "disk"\n', 2, "backend"),
        (f"{ROUTE}cache = {{ ttl_s = 0 }}\n", 4, "ttl_s"),
        (f"{ROUTE}cache = {{ ttl_s = 31536001 }}\n", 4, "a year"),
        (f'{ROUTE}cache = {{ requests = "some" }}\n', 4, "requests"),
        (f"{ROUTE}cache = {{ ttl = 3 }}\n", 4, "ttl"),
        (f"{ROUTE}cache = {{ tools = true, ttl_s = 700000 }}\n", 4, "proof_days: 7"),
        ("[routing]\ncache = { ttl_s = 31536001 }\n", 2, "a year"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(
    text: str, line: int, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(text, tmp_path)
    assert words in caught.value.message
    assert caught.value.where is not None
    assert f"modelmux.toml:{line}" in caught.value.where


def test_without_a_cache_nothing_is_built_and_no_header_read(tmp_path: Path) -> None:
    settings = load(ROUTE, tmp_path).settings
    assert routes(settings) is None
    assert header_reader(settings) is no_headers
    assert no_headers({b"cache-control": b"no-store"}) == {}


def test_routes_have_what_they_say_and_models_without_one_the_default(tmp_path: Path) -> None:
    other = ROUTE.replace('"r"', '"other"')
    text = (
        "[routing]\ncache = {}\n"
        f'{ROUTE}cache = {{ ttl_s = 60, requests = "all", tools = true }}\n{other}'
    )
    settings = load(text, tmp_path).settings
    rules = CacheRules(60, every_request=True, tools=True)
    assert routes(settings) == CachedRoutes({"r": rules, "other": None}, CacheRules())
    assert header_reader(settings) is cache_control
    said = {b"cache-control": b"no-store", b"authorization": b"Bearer x"}
    assert cache_control(said) == {"cache-control": "no-store"}
    assert cache_control({b"accept": b"*/*"}) == {}


def test_where_routing_reads_headers_the_cache_does_with_it(tmp_path: Path) -> None:
    text = f'{ROUTE}cache = {{}}\naffinity = "header:x-session"\n'
    assert header_reader(load(text, tmp_path).settings) is told_headers
    assert told_headers({b"cache-control": b"no-store"}) == {"cache-control": "no-store"}
