"""The part of the container that looks for AWS's credentials: it needs the extra `aws`."""

from collections.abc import Mapping

from ...adapters.bedrock.credentials import ChainKeys, region_of
from ...application.ports import Clock

__all__ = ["keys", "region_of"]


def keys(profile: str | None, environ: Mapping[str, str], clock: Clock) -> ChainKeys:
    """Return what AWS's credential chain finds; whoever made it closes it."""
    return ChainKeys(profile, environ, clock)
