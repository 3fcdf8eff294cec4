"""What the stores of one process share: in memory a response, its events and its lease are one."""

from dataclasses import dataclass, field

from ...application.ports import LeaseKey, LoggedEvent, StateLimits
from ...domain.turn import Conversation, KeptItem


@dataclass(slots=True)
class HeldResponse:
    """`value` is the stored form, so nobody who was given the record can change what is kept."""

    value: bytes
    runs: bool
    background: bool
    created_at: float
    used_at: float
    previous: str | None
    events: list[LoggedEvent] = field(default_factory=list[LoggedEvent])


@dataclass(slots=True)
class HeldConversation:
    conversation: Conversation
    written_at: float
    items: dict[str, KeptItem] = field(default_factory=dict[str, KeptItem])


@dataclass(frozen=True, slots=True)
class HeldLease:
    holder: str
    until: float


@dataclass(slots=True)
class MemoryState:
    """Keys are tenant and id."""

    limits: StateLimits = field(default_factory=StateLimits)
    responses: dict[tuple[str, str], HeldResponse] = field(
        default_factory=dict[tuple[str, str], HeldResponse]
    )
    conversations: dict[tuple[str, str], HeldConversation] = field(
        default_factory=dict[tuple[str, str], HeldConversation]
    )
    leases: dict[LeaseKey, HeldLease] = field(default_factory=dict[LeaseKey, HeldLease])
