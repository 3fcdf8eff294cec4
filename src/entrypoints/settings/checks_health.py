"""What the types alone cannot say about probes."""

from .health import HealthSettings
from .origins import Origins
from .toml_positions import KeyPath


def check_health_settings(health: HealthSettings, origins: Origins) -> None:
    """Raise where the times contradict each other.

    Raises:
        ConfigurationError: with its place.
    """
    path: KeyPath = ("health", "probe_when_unwell_s")
    # Nobody who shortens the one has to know of the other.
    if health.probe_when_unwell_s > health.probe_every_s and path in origins.places:
        raise origins.error(
            path,
            "health.probe_when_unwell_s is longer than health.probe_every_s",
            hint="a provider that is unwell is asked more often, not less",
        )
