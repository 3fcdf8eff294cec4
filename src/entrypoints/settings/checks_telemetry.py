"""What cannot work of the settings for OpenTelemetry."""

from urllib.parse import urlsplit

from .checks_headers import check_header
from .origins import Origins, spell
from .telemetry import TelemetrySettings
from .toml_positions import KeyPath


def check_telemetry(telemetry: TelemetrySettings, origins: Origins) -> None:
    """Raise for the first thing that cannot work.

    Raises:
        ConfigurationError: with its place.
    """
    if telemetry.endpoint is not None:
        path: KeyPath = ("telemetry", "endpoint")
        _check_endpoint(telemetry.endpoint, path, origins)
        if not telemetry.traces and not telemetry.metrics:
            raise origins.error(
                path,
                f"{spell(path)}: nothing is sent there",
                hint="write traces = true, or metrics = true, or both",
            )
    if telemetry.content and not telemetry.traces:
        path = ("telemetry", "content")
        raise origins.error(path, f"{spell(path)}: content goes into traces, and there are none")
    for name, value in telemetry.headers.items():
        check_header(name, value, ("telemetry", "headers", name), origins)


def _check_endpoint(endpoint: str, path: KeyPath, origins: Origins) -> None:
    try:
        parts = urlsplit(endpoint)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        apart = parts.username is None and not parts.query
    except ValueError:
        good = apart = False
    if not good or not apart:
        raise origins.error(
            path,
            f"{spell(path)}: this is not the base of an OTLP/HTTP address",
            hint='such as "http://127.0.0.1:4318"; a key goes into telemetry.headers',
        )
