"""Where settings come from, and which word wins."""

from pathlib import Path

import pytest

from modelmux.domain.secret import Secret
from modelmux.entrypoints.settings.file import find_file, load_server, load_settings
from modelmux.entrypoints.settings.listing import list_values, render_toml
from modelmux.entrypoints.settings.providers import (
    AzureSettings,
    OpenAiCompatSettings,
    VertexSettings,
    VllmSettings,
)
from modelmux.entrypoints.settings.toml_positions import KeyPath
from tests.support.configuring import PRESETS, load_nothing, load_text, surroundings

DEMO = '[provider]\ntype = "demo"\n'


def test_a_key_that_is_not_written_has_its_default(tmp_path: Path) -> None:
    loaded = load_text(DEMO, tmp_path)
    assert loaded.settings.server.port == 3000
    assert loaded.origins.source(("server", "port")) == "default"


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    text = f"{DEMO}[server]\nport = 1\n"
    environ = {"MODELMUX_SERVER__PORT": "2"}
    flags: dict[KeyPath, tuple[str, object]] = {("server", "port"): ("--port", 3)}
    places = {
        1: load_text(text, tmp_path),
        2: load_text(text, tmp_path, environ),
        3: load_text(text, tmp_path, environ, flags),
    }
    sources = [loaded.origins.source(("server", "port")) for loaded in places.values()]
    assert [loaded.settings.server.port for loaded in places.values()] == [1, 2, 3]
    assert sources == [
        f"{tmp_path / 'modelmux.toml'}:4:1",
        "environment variable MODELMUX_SERVER__PORT",
        "--port",
    ]


def test_files_are_looked_for_in_order(tmp_path: Path) -> None:
    user = tmp_path / ".config" / "modelmux" / "modelmux.toml"
    user.parent.mkdir(parents=True)
    files = [tmp_path / "a.toml", tmp_path / "b.toml", tmp_path / "modelmux.toml", user]
    for file in files:
        file.touch()
    named = {"MODELMUX_CONFIG_FILE": "b.toml"}
    assert find_file(files[0], surroundings(tmp_path, named)) == files[0]
    assert find_file(None, surroundings(tmp_path, named)) == files[1]
    first = {"MODELMUX_CONFIG": str(files[0]), **named}
    assert find_file(None, surroundings(tmp_path, first)) == files[0]
    assert find_file(None, surroundings(tmp_path)) == files[2]
    files[2].unlink()
    assert find_file(None, surroundings(tmp_path)) == user
    user.unlink()
    assert find_file(None, surroundings(tmp_path)) is None


def test_references_are_followed_and_typed(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("test-key-not-secret\n")
    text = f"""
[server]
host = "${{HOST_PART:-127.0.0}}.1"
port = "${{PORT}}"
trusted_proxies = "${{PROXIES}}"
[provider]
type = "${{KIND}}"
api_key = "${{file:{tmp_path}/key}}"
base_url = "${{URL:-http://127.0.0.1:9/v1}}"
verify_tls = "${{VERIFY}}"
headers = {{ x-price = "$${{5}}" }}
"""
    environ = {"PORT": "4000", "PROXIES": "10.0.0.1, 10.0.0.2", "KIND": "vllm", "VERIFY": "false"}
    settings = load_text(text, tmp_path, environ).settings
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 4000)
    assert settings.server.trusted_proxies == ("10.0.0.1", "10.0.0.2")
    assert isinstance(settings.provider, VllmSettings)
    assert settings.provider.api_key == Secret("test-key-not-secret")
    assert settings.provider.base_url == "http://127.0.0.1:9/v1"
    assert settings.provider.verify_tls is False
    assert settings.provider.headers["x-price"].reveal() == "${5}"


def test_a_reference_to_nothing_counts_as_not_written(tmp_path: Path) -> None:
    text = '[provider]\ntype = "vertex"\nproject = "${PROJECT:-}"\n'
    provider = load_text(text, tmp_path).settings.provider
    assert isinstance(provider, VertexSettings)
    assert provider.project is None


@pytest.mark.parametrize("kind", ["openai_compat", "openai_compatible"])
def test_both_spellings_of_a_compatible_server_are_taken(kind: str, tmp_path: Path) -> None:
    text = f'[provider]\ntype = "{kind}"\nbase_url = "http://127.0.0.1:9/v1"\n'
    assert isinstance(load_text(text, tmp_path).settings.provider, OpenAiCompatSettings)


def test_a_known_service_is_a_type_and_gives_the_name(tmp_path: Path) -> None:
    loaded = load_text('[[providers]]\ntype = "ollama"\n[[providers]]\ntype = "vllm"\n', tmp_path)
    named = loaded.settings.named_providers()
    assert [(path, name) for path, name, _ in named] == [
        (("providers", 0), "ollama"),
        (("providers", 1), "vllm"),
    ]


def test_a_secret_shows_in_no_repr_and_no_listing(tmp_path: Path) -> None:
    text = (
        '[provider]\ntype = "vllm"\napi_key = "${K}"\nheaders = { x-key = "${K}" }\n'
        '[[keys]]\nname = "me"\nkey = "${K}"\n'
    )
    loaded = load_text(text, tmp_path, {"K": "test-key-not-secret"})
    shown = [repr(loaded.settings), render_toml(loaded), str(list_values(loaded))]
    assert all("test-key-not-secret" not in text for text in shown)
    assert 'api_key = "***"' in render_toml(loaded)


def test_the_listing_tells_the_source_of_each_value(tmp_path: Path) -> None:
    text = '[provider]\ntype = "vllm"\nbase_url = "${URL}"\n'
    environ = {"URL": "http://127.0.0.1:9/v1", "MODELMUX_PORT": "1"}
    sources = {it.key: it.source for it in list_values(load_text(text, tmp_path, environ))}
    file = tmp_path / "modelmux.toml"
    assert sources["provider.base_url"] == f"{file}:3:1, from ${{URL}}"
    assert sources["provider.type"] == f"{file}:2:1"
    assert sources["server.port"] == "environment variable MODELMUX_PORT"
    assert sources["server.host"] == "default"


def test_what_is_shown_can_be_read_again(tmp_path: Path) -> None:
    text = (
        '[[providers]]\ntype = "ollama"\nmodels = ["a"]\n[providers.capabilities."a*"]\n'
        'tools = false\n[[routes]]\nmodel = "x"\naliases = ["y"]\n'
        'targets = [{ provider = "ollama", model = "a" }]\n'
    )
    loaded = load_text(text, tmp_path)
    again = load_text(render_toml(loaded), tmp_path)
    assert again.settings == loaded.settings


ENVIRONMENTS = {
    "vertex": (
        {"PROVIDER_TYPE": "vertex", "VERTEX_PROJECT": "p", "VERTEX_REGION": "eu"},
        VertexSettings(project="p", region="eu"),
    ),
    "vllm": (
        {"PROVIDER_TYPE": "vllm", "OPENAI_BASE_URL": "http://vllm:8000/v1"},
        VllmSettings(base_url="http://vllm:8000/v1"),
    ),
    "compatible": (
        {
            "PROVIDER_TYPE": "openai_compatible",
            "OPENAI_BASE_URL": "http://llm:1/v1",
            "OPENAI_API_KEY": "test-key-not-secret",
        },
        OpenAiCompatSettings(base_url="http://llm:1/v1", api_key=Secret("test-key-not-secret")),
    ),
    "azure": (
        {
            "PROVIDER_TYPE": "azure",
            "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com",
            "AZURE_OPENAI_API_KEY": "test-key-not-secret",
            "AZURE_OPENAI_API_VERSION": "2024-10-21",
            "AZURE_OPENAI_DEPLOYMENT": "chat",
        },
        AzureSettings(
            base_url="https://x.openai.azure.com",
            api_key=Secret("test-key-not-secret"),
            api_version="2024-10-21",
            models=("chat",),
        ),
    ),
    "a preset": (
        {"PROVIDER_TYPE": "deepseek", "DEEPSEEK_API_KEY": "test-key-not-secret"},
        OpenAiCompatSettings(preset="deepseek", api_key=Secret("test-key-not-secret")),
    ),
}


@pytest.mark.parametrize("case", ENVIRONMENTS.values(), ids=ENVIRONMENTS.keys())
def test_the_environment_alone_is_enough(
    case: tuple[dict[str, str], object], tmp_path: Path
) -> None:
    environ, provider = case
    assert load_nothing(tmp_path, environ).settings.provider == provider


def test_openais_key_goes_to_no_other_service(tmp_path: Path) -> None:
    environ = {"PROVIDER_TYPE": "deepseek", "OPENAI_API_KEY": "test-key-not-secret"}
    provider = load_nothing(tmp_path, environ).settings.provider
    assert provider == OpenAiCompatSettings(preset="deepseek")


def test_overrides_add_to_the_provider_of_the_environment(tmp_path: Path) -> None:
    environ = {"PROVIDER_TYPE": "vllm", "MODELMUX_PROVIDER__MODELS": "a, b"}
    provider = load_nothing(tmp_path, environ).settings.provider
    assert provider == VllmSettings(models=("a", "b"))


def test_an_override_reaches_into_a_list(tmp_path: Path) -> None:
    environ = {"MODELMUX_PROVIDERS__0__BASE_URL": "http://127.0.0.1:9/v1"}
    loaded = load_text('[[providers]]\ntype = "vllm"\n', tmp_path, environ)
    assert loaded.settings.providers == (VllmSettings(base_url="http://127.0.0.1:9/v1"),)


def test_a_key_of_the_environment_joins_those_of_the_file(tmp_path: Path) -> None:
    text = f'{DEMO}[[keys]]\nname = "a"\nhash = "sha256:{"0" * 64}"\n'
    loaded = load_text(text, tmp_path, {"MODELMUX_API_KEY": "test-key-not-secret"})
    assert [(key.name, key.tenant) for key in loaded.settings.keys] == [
        ("a", "default"),
        ("MODELMUX_API_KEY", "default"),
    ]
    assert loaded.settings.keys[1].key == Secret("test-key-not-secret")


def test_a_value_of_the_environment_is_never_read_as_a_reference(tmp_path: Path) -> None:
    loaded = load_nothing(tmp_path, {"MODELMUX_API_KEY": "test-${HOME}-not-secret"})
    assert loaded.settings.keys[0].key == Secret("test-${HOME}-not-secret")


def test_nobody_is_looked_for_where_a_provider_is_written(tmp_path: Path) -> None:
    assert load_nothing(tmp_path).found == ("demo: nothing was found",)
    assert load_text(DEMO, tmp_path).found == ()


def test_state_is_kept_in_the_users_data_folder(tmp_path: Path) -> None:
    own = load_nothing(tmp_path).settings.storage.path
    assert own == str(tmp_path / ".local" / "share" / "modelmux" / "modelmux.db")
    xdg = load_nothing(tmp_path, {"XDG_DATA_HOME": "/data"}).settings.storage.path
    assert xdg == str(Path("/data/modelmux/modelmux.db"))


def test_the_servers_section_is_read_without_the_rest(tmp_path: Path) -> None:
    (tmp_path / "modelmux.toml").write_text('[server]\nport = 5\n[provider]\ntype = "${NO}"\n')
    around = surroundings(tmp_path, {"MODELMUX_HOST": "0.0.0.0"})
    server = load_server(None, around)
    assert (server.host, server.port) == ("0.0.0.0", 5)


def test_a_configuration_is_read_in_a_moment(tmp_path: Path) -> None:
    text = "".join(
        f'[[providers]]\nname = "p{n}"\ntype = "vllm"\nmodels = ["m{n}"]\n' for n in range(200)
    )
    loaded = load_text(text, tmp_path)
    assert len(loaded.settings.named_providers()) == 200
    assert load_settings(None, PRESETS, None, surroundings(tmp_path)).settings == loaded.settings


def test_the_seal_keys_stand_beside_the_database(tmp_path: Path) -> None:
    named = load_text('[storage]\npath = "~/kept/all.db"\n', tmp_path, {"HOME": "/home/x"})
    assert named.settings.state.seal_file is not None
    assert Path(named.settings.state.seal_file).name == "seal.keys"
    assert Path(named.settings.state.seal_file).parent.name == "kept"
    postgres = load_text('[storage]\nurl = "postgresql://db/x"\n', tmp_path)
    assert postgres.settings.storage.path is None
    assert postgres.settings.state.seal_file == str(
        tmp_path / ".local" / "share" / "modelmux" / "seal.keys"
    )


def test_what_keeps_nothing_needs_no_file_of_seal_keys(tmp_path: Path) -> None:
    assert load_text('[storage]\npath = ":memory:"\n', tmp_path).settings.state.seal_file is None
    given = {"MODELMUX_STATE__SEAL_KEYS": f"{'a' * 32},{'b' * 32}"}
    state = load_nothing(tmp_path, given).settings.state
    assert (len(state.seal_keys), state.seal_file) == (2, None)
    shared = load_text('[storage]\npath = ":memory:"\nredis_url = "redis://r"\n', tmp_path)
    assert shared.settings.state.seal_file is not None
    assert shared.keeping_nothing().settings.state.seal_file is None
