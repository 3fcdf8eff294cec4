"""What the types alone cannot say about providers: addresses, headers, ways to sign in."""

import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from ...domain.capabilities import Capabilities, refine
from ...domain.errors import ConfigurationError
from ...domain.secret import Secret
from .checks_headers import check_header
from .origins import Origins, spell
from .providers import (
    AnthropicSettings,
    AzureSettings,
    BedrockSettings,
    CohereSettings,
    DemoSettings,
    KeyedSection,
    OpenAiCompatSettings,
    ProviderSettings,
    VertexSettings,
)
from .raw_tables import Raw
from .resolving import nearest
from .toml_positions import KeyPath

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_provider(
    provider: ProviderSettings,
    name: str,
    path: KeyPath,
    origins: Origins,
    presets: Collection[str],
) -> None:
    """Raise for the first thing that cannot work of one provider.

    Raises:
        ConfigurationError: with its place.
    """
    if not _NAME.fullmatch(name):
        raise origins.error(
            (*path, "name"),
            f'{spell(path)}: "{name}" cannot be a provider\'s name',
            hint="letters, digits, dot, dash and underscore: clients write name/model",
        )
    for pattern, changes in provider.capabilities.items():
        check_capabilities(changes, (*path, "capabilities", pattern), origins)
    if isinstance(provider, DemoSettings):
        return
    for header, content in provider.headers.items():
        check_header(header, content, (*path, "headers", header), origins)
    if isinstance(provider, KeyedSection):
        if provider.api_key is not None:
            check_header("authorization", provider.api_key, (*path, "api_key"), origins)
        for number, one in enumerate(provider.api_keys):
            check_header("authorization", one, (*path, "api_keys", number), origins)
    if isinstance(provider, OpenAiCompatSettings) and provider.auth_header is not None:
        check_header(provider.auth_header, Secret(""), (*path, "auth_header"), origins)
    if provider.base_url is not None:
        _check_url(provider.base_url, (*path, "base_url"), origins)
    if (
        isinstance(provider, OpenAiCompatSettings)
        and provider.preset is None
        and provider.base_url is None
    ):
        raise origins.error(
            path,
            f'{spell(path)}: "base_url" is missing',
            hint='such as base_url = "https://llm.example.com/v1", or name a preset',
        )
    if isinstance(provider, OpenAiCompatSettings) and provider.preset not in (None, *presets):
        raise origins.error(
            (*path, "preset"),
            f'{spell(path)}: there is no preset "{provider.preset}"',
            hint=nearest(str(provider.preset), presets),
        )
    if isinstance(provider, AzureSettings):
        _check_azure(provider, path, origins)
    if isinstance(provider, BedrockSettings):
        _check_bedrock(provider, path, origins)
    for key, text in _sent_in_headers(provider):
        check_header("x", Secret(text), (*path, key), origins)


def _sent_in_headers(provider: ProviderSettings) -> Iterator[tuple[str, str]]:
    """Yield what of a provider's own keys goes out in a header, beside its key."""
    if isinstance(provider, VertexSettings | AnthropicSettings | BedrockSettings):
        yield "anthropic_beta", ",".join(provider.anthropic_beta)
    if isinstance(provider, AnthropicSettings):
        yield "workspace_id", provider.workspace_id or ""
    if isinstance(provider, CohereSettings):
        yield "client_name", provider.client_name or ""


def _check_url(url: str, path: KeyPath, origins: Origins) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
        parts = urlsplit("")
    if not good:
        raise origins.error(
            path,
            f"{spell(path)}: this is not an http or https address",
            hint='such as "https://llm.example.com/v1"',
        )
    if parts.username is not None:
        raise origins.error(
            path,
            f"{spell(path)}: an address holds no user or password",
            hint='write the key as api_key = "${VARIABLE}"',
        )


def _check_azure(provider: AzureSettings, path: KeyPath, origins: Origins) -> None:
    ways = {
        "api_key": provider.api_key,
        "api_keys": provider.api_keys or None,
        "client_secret": provider.client_secret,
        "identity": provider.identity,
    }
    chosen = [way for way, value in ways.items() if value is not None]
    if len(chosen) > 1:
        raise origins.error(
            (*path, chosen[-1]),
            f"{spell(path)}: {' and '.join(chosen)} are two ways to sign in",
            hint="keep one of them",
        )
    if provider.client_secret is not None and None in (provider.tenant_id, provider.client_id):
        raise origins.error(
            (*path, "client_secret"),
            f"{spell(path)}: client_secret needs tenant_id and client_id beside it",
        )


def _check_bedrock(provider: BedrockSettings, path: KeyPath, origins: Origins) -> None:
    if (provider.api_key or provider.api_keys) and provider.profile is not None:
        raise origins.error(
            (*path, "profile"),
            f"{spell(path)}: an API key and profile are two ways to sign in",
            hint="keep one of them",
        )
    if provider.mantle_base_url is not None:
        _check_url(provider.mantle_base_url, (*path, "mantle_base_url"), origins)


def check_capabilities(changes: Mapping[str, Raw], path: KeyPath, origins: Origins) -> None:
    """Raise for the first change of a model's record that cannot be meant.

    Raises:
        ConfigurationError: with its place.
    """
    for name, value in changes.items():
        try:
            refine(Capabilities(), {name: value})
        except ConfigurationError as error:
            known = Capabilities.__dataclass_fields__
            hint = None if name in known else nearest(name, known)
            message = f'there is no capability "{name}"' if hint else error.message
            raise origins.error((*path, name), f"{spell(path)}: {message}", hint=hint) from error
