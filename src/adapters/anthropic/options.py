"""AnthropicOptions: how a provider that speaks Anthropic's API is configured."""

from dataclasses import dataclass, field

from ...domain.secret import Secret
from ..anthropic_messages.encode import VERSION_WITHOUT_SAMPLING
from ..anthropic_messages.saying import OLDER_VERSION, Door
from ..transport.headers import with_own
from ..transport.settings import TransportSettings
from ..transport.url import Url

__all__ = ["OLDER_VERSION", "VERSION_WITHOUT_SAMPLING", "AnthropicOptions"]


@dataclass(frozen=True, slots=True)
class AnthropicOptions:
    """One upstream: where it is, and who we are there.

    `base_url` is what stands before `/v1`. `key` None calls it without one; `bearer` sends the key
    as `Authorization: Bearer`. `version` and `betas` are those of calls that bring none;
    `headers` go along with every call.
    """

    name: str
    base_url: Url
    key: Secret | None = None
    bearer: bool = False
    version: str = OLDER_VERSION
    betas: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    transport: TransportSettings = field(default_factory=TransportSettings)

    def door(self) -> Door:
        """Return how Claude is asked here."""
        return Door(self.version, self.betas, max_event_bytes=self.transport.max_event_bytes)

    def own_headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers of every call, sign-in included; configured ones stand above ours."""
        headers = [
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
        ]
        if self.key is not None:
            key = self.key.reveal()
            signed = ("authorization", f"Bearer {key}") if self.bearer else ("x-api-key", key)
            headers.append(signed)
        return with_own(headers, self.headers)
