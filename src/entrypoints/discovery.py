"""Looks around for a provider when nobody configured one; `serve` tells what it found."""

import http.client
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from .settings_environment import FoundProvider, variable_place

_PROBE_TIMEOUT_S = 0.3
_ANSWER_LIMIT_BYTES = 4096
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


def look_around(environ: Mapping[str, str], ask: Ask = ask_local) -> Discovery:
    """Return the providers this machine can reach as it stands; the demo if there are none."""
    finders: Sequence[Callable[[], FoundProvider | None]] = (
        lambda: _vertex(environ),
        lambda: _openai(environ),
        lambda: _azure(environ),
        lambda: _vllm(ask),
        lambda: _ollama(ask),
    )
    found = tuple(provider for find in finders if (provider := find()) is not None)
    remarks: list[str] = []
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named and google_credentials_file(environ) is None:
        remarks.append(f"GOOGLE_APPLICATION_CREDENTIALS names {named}, which is no file")
    if environ.get("ANTHROPIC_API_KEY"):
        remarks.append(
            "ANTHROPIC_API_KEY is set, but this release does not call Anthropic directly: "
            "it is not used"
        )
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
    url = "http://127.0.0.1:11434/v1"
    return FoundProvider(
        {"type": "ollama", "base_url": url}, f"found: {url}", f"an Ollama server at {url}"
    )
