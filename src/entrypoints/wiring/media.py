"""The part of the container that fetches what requests point to."""

from ipaddress import ip_network

from ...adapters.transport.media import PublicMediaFetcher
from ..settings.sections import MediaSettings
from .parts import GivePart, OwnFetcher


def fetcher(media: MediaSettings, dry: bool, part: GivePart) -> OwnFetcher:
    if dry:
        blank: OwnFetcher = part("memory").no_images()
        return blank
    return PublicMediaFetcher(
        max_bytes=media.max_bytes,
        timeout_s=media.timeout_s,
        ports=media.ports,
        allow_addresses=[ip_network(network) for network in media.allow_networks],
    )
