"""Looks around for a provider when nobody configured one; `serve` tells what it found."""

import http.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from .environment import FoundProvider, variable_place

_PROBE_TIMEOUT_S = 0.3
_ANSWER_LIMIT_BYTES = 4096
_BEDROCK_KEY = "AWS_BEARER_TOKEN_BEDROCK"
_SIGNER = "botocore"
# What AWS sets for whoever runs there: in containers, and in Kubernetes.
_AWS_ROLES = (
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
)
Ask: TypeAlias = Callable[[int, str], bytes | None]
"""Port and path on this machine -> the beginning of a 200 answer; None for anything else."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """`remarks` are about what was seen and not taken."""

    providers: tuple[FoundProvider, ...]
    remarks: tuple[str, ...] = ()


def ask_local(port: int, path: str) -> bytes | None:
    """Ask a server on this machine's loopback, briefly."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.read(_ANSWER_LIMIT_BYTES) if response.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def is_installed(package: str) -> bool:
    """Return whether a package could be imported; it is not."""
    return find_spec(package) is not None


def look_around(
    environ: Mapping[str, str],
    ask: Ask = ask_local,
    installed: Callable[[str], bool] = is_installed,
) -> Discovery:
    """Return the providers this machine can reach as it stands; the demo if there are none."""
    finders: Sequence[Callable[[], FoundProvider | None]] = (
        lambda: _vertex(environ),
        lambda: _openai(environ),
        lambda: _azure(environ),
        lambda: _by_key(environ, "anthropic", ("ANTHROPIC_API_KEY",), "ANTHROPIC_BASE_URL"),
        lambda: _by_key(environ, "gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY")),
        lambda: _bedrock(environ, installed),
        lambda: _by_key(environ, "cohere", ("CO_API_KEY", "COHERE_API_KEY")),
        lambda: _by_key(environ, "huggingface", ("HF_TOKEN",)),
        lambda: _vllm(ask),
        lambda: _ollama(ask),
    )
    found = tuple(provider for find in finders if (provider := find()) is not None)
    remarks: list[str] = []
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named and google_credentials_file(environ) is None:
        remarks.append(f"GOOGLE_APPLICATION_CREDENTIALS names {named}, which is no file")
    remarks += _about_aws(environ, installed)
    if not found:
        found = (
            FoundProvider(
                {"type": "demo"},
                "built in",
                "nothing else was found; it answers to the model name demo alone",
            ),
        )
    return Discovery(found, tuple(remarks))


def google_credentials_file(environ: Mapping[str, str]) -> tuple[Path, str] | None:
    """Return the file google-auth would take, and what names it."""
    if named := environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        path = Path(named).expanduser()
        return (path, "GOOGLE_APPLICATION_CREDENTIALS") if path.is_file() else None
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "~").expanduser()
    folder = Path(environ.get("CLOUDSDK_CONFIG") or home / ".config" / "gcloud")
    if appdata := environ.get("APPDATA"):
        folder = Path(environ.get("CLOUDSDK_CONFIG") or Path(appdata) / "gcloud")
    path = folder / "application_default_credentials.json"
    return (path, "gcloud's own sign-in") if path.is_file() else None


def _vertex(environ: Mapping[str, str]) -> FoundProvider | None:
    file = google_credentials_file(environ)
    if file is None:
        return None
    table: dict[str, object] = {"type": "vertex"}
    places: dict[str, str] = {}
    for key, names in {
        "project": ("VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT"),
        "region": ("VERTEX_REGION", "GOOGLE_CLOUD_LOCATION"),
    }.items():
        if name := next((name for name in names if environ.get(name)), None):
            table[key] = f"${{{name}}}"
            places[key] = variable_place(name)
    told = f"Google credentials ({file[1]}: {file[0]})"
    return FoundProvider(table, f"found: {file[0]}", told, places)


def _openai(environ: Mapping[str, str]) -> FoundProvider | None:
    if not environ.get("OPENAI_API_KEY"):
        return None
    table: dict[str, object] = {"type": "openai", "api_key": "${OPENAI_API_KEY}"}
    places = {"api_key": variable_place("OPENAI_API_KEY")}
    if environ.get("OPENAI_BASE_URL"):
        table["base_url"] = "${OPENAI_BASE_URL}"
        places["base_url"] = variable_place("OPENAI_BASE_URL")
    return FoundProvider(table, "found: OPENAI_API_KEY", "OPENAI_API_KEY is set", places)


def _azure(environ: Mapping[str, str]) -> FoundProvider | None:
    if not (environ.get("AZURE_OPENAI_ENDPOINT") and environ.get("AZURE_OPENAI_API_KEY")):
        return None
    table: dict[str, object] = {"type": "azure"}
    places: dict[str, str] = {}
    for key, name in {
        "base_url": "AZURE_OPENAI_ENDPOINT",
        "api_key": "AZURE_OPENAI_API_KEY",
        "api_version": "AZURE_OPENAI_API_VERSION",
        "models": "AZURE_OPENAI_DEPLOYMENT",
    }.items():
        if environ.get(name):
            table[key] = f"${{{name}}}"
            places[key] = variable_place(name)
    told = "AZURE_OPENAI_ENDPOINT and AZURE_OPENAI_API_KEY are set"
    return FoundProvider(table, "found: AZURE_OPENAI_ENDPOINT", told, places)


def _by_key(
    environ: Mapping[str, str], kind: str, names: Sequence[str], address: str | None = None
) -> FoundProvider | None:
    """Return the provider of a vendor whose key is in one of `names`, the first that is set."""
    name = next((name for name in names if environ.get(name)), None)
    if name is None:
        return None
    table: dict[str, object] = {"type": kind, "api_key": f"${{{name}}}"}
    places = {"api_key": variable_place(name)}
    if address is not None and environ.get(address):
        table["base_url"] = f"${{{address}}}"
        places["base_url"] = variable_place(address)
    return FoundProvider(table, f"found: {name}", f"{name} is set", places)


def _bedrock(environ: Mapping[str, str], installed: Callable[[str], bool]) -> FoundProvider | None:
    way, region = _aws_way(environ), _aws_region(environ)
    if way is None or region is None or not (way == _BEDROCK_KEY or installed(_SIGNER)):
        return None
    table: dict[str, object] = {"type": "bedrock", "region": f"${{{region}}}"}
    places = {"region": variable_place(region)}
    if way == _BEDROCK_KEY:
        table["api_key"] = f"${{{way}}}"
        places["api_key"] = variable_place(way)
    return FoundProvider(table, f"found: {way}", f"AWS credentials ({way})", places)


def _about_aws(environ: Mapping[str, str], installed: Callable[[str], bool]) -> list[str]:
    way = _aws_way(environ)
    if way is None:
        return []
    seen = f"AWS credentials are there ({way})"
    if _aws_region(environ) is None:
        return [f"{seen}, but no region: set AWS_REGION for Bedrock"]
    if way != _BEDROCK_KEY and not installed(_SIGNER):
        return [f'{seen}, but not what signs with them: pip install "modelmux[aws]"']
    return []


def _aws_way(environ: Mapping[str, str]) -> str | None:
    """Return what AWS credentials there seem to be: a look at names, at nothing that is inside."""
    if environ.get(_BEDROCK_KEY):
        return _BEDROCK_KEY
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return "AWS_ACCESS_KEY_ID"
    named = (*_AWS_ROLES, "AWS_PROFILE")
    if name := next((name for name in named if environ.get(name)), None):
        return name
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or "~").expanduser()
    file = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials")
    return str(file) if file.expanduser().is_file() else None


def _aws_region(environ: Mapping[str, str]) -> str | None:
    """Return the variable that names the region."""
    return next((name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if environ.get(name)), None)


def _vllm(ask: Ask) -> FoundProvider | None:
    # Many things listen on port 8000; vLLM signs its list of models.
    listed = ask(8000, "/v1/models")
    if listed is None or b'"vllm"' not in listed:
        return None
    url = "http://127.0.0.1:8000/v1"
    return FoundProvider(
        {"type": "vllm", "base_url": url}, f"found: {url}", f"a vLLM server at {url}"
    )


def _ollama(ask: Ask) -> FoundProvider | None:
    if ask(11434, "/api/version") is None:
        return None
    url = "http://127.0.0.1:11434"
    return FoundProvider(
        {"type": "ollama", "base_url": url}, f"found: {url}", f"an Ollama server at {url}"
    )
