"""Keeps responses and conversations, each for its tenant alone."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from ...domain.turn import Conversation, KeptItem, ResponseRecord


@dataclass(frozen=True, slots=True)
class Appended:
    """What a response adds to its conversation, in one step with the response itself."""

    conversation: str
    items: tuple[KeptItem, ...]


@dataclass(frozen=True, slots=True)
class ConversationExport:
    conversation: Conversation
    items: tuple[KeptItem, ...]


Exported: TypeAlias = ResponseRecord | ConversationExport


@dataclass(frozen=True, slots=True)
class Swept:
    """How many went because their time was over, and because there were too many."""

    expired: int
    crowded: int


@dataclass(frozen=True, slots=True)
class StateLimits:
    """Bounds of what is kept; what is over them goes oldest first at the next sweep.

    A response's age counts from its last use: being read into a context is use. Conversations and
    their items stay until they are deleted or crowded out. A response that runs is never swept,
    nor one used in the last `in_use_s`, nor a conversation written to in that time.
    """

    ttl_s: float = 30 * 86_400.0
    response_bytes: int = 16 * 2**20
    tenant_responses: int = 200_000
    responses: int = 1_000_000
    tenant_conversations: int = 50_000
    conversations: int = 250_000
    conversation_items: int = 10_000
    in_use_s: float = 300.0
    every_s: float = 300.0


class StateStore(Protocol):
    """What returns is durable. Of another tenant's things nothing is ever found or changed.

    All methods raise StoreError when the store does not answer.
    """

    @abstractmethod
    async def add(self, record: ResponseRecord, appended: Appended | None = None) -> None:
        """Keep a response under a new id, and what it adds to its conversation.

        Raises:
            InvalidRequest: it is larger than a response may be.
        """
        ...

    @abstractmethod
    async def settle(self, record: ResponseRecord, appended: Appended | None = None) -> bool:
        """Replace a response that runs; False, and nothing done, if it runs no more or is gone.

        Exactly one of several that settle at once with a status that does not run wins.
        """
        ...

    @abstractmethod
    async def find(self, tenant: str, response_id: str) -> ResponseRecord | None:
        """Return a response that is kept and whose time is not over."""
        ...

    @abstractmethod
    async def chain(self, tenant: str, response_id: str) -> Sequence[ResponseRecord]:
        """Return a response and all it continues, the root first; counts as use of each.

        Empty if it, or any it continues, is not there: a context is whole or not had at all.
        """
        ...

    @abstractmethod
    async def forget(self, tenant: str, response_id: str) -> bool:
        """Delete a response and its events; False if it was not there."""
        ...

    @abstractmethod
    async def abandoned(self) -> Sequence[ResponseRecord]:
        """Return background responses of all tenants that run, without a lease that holds."""
        ...

    @abstractmethod
    async def add_conversation(
        self, conversation: Conversation, items: Sequence[KeptItem]
    ) -> None: ...

    @abstractmethod
    async def find_conversation(self, tenant: str, conversation_id: str) -> Conversation | None: ...

    @abstractmethod
    async def relabel_conversation(
        self, tenant: str, conversation_id: str, metadata: Mapping[str, str]
    ) -> Conversation | None:
        """Replace the metadata; None if it is not there."""
        ...

    @abstractmethod
    async def forget_conversation(self, tenant: str, conversation_id: str) -> bool: ...

    @abstractmethod
    async def items(self, tenant: str, conversation_id: str) -> Sequence[KeptItem] | None:
        """Return all items of a conversation in their order, None if it is not there."""
        ...

    @abstractmethod
    async def append(self, tenant: str, conversation_id: str, items: Sequence[KeptItem]) -> bool:
        """Add items at the end; False if the conversation is not there.

        Raises:
            InvalidRequest: it would hold more than a conversation may, or has an item of that id.
        """
        ...

    @abstractmethod
    async def forget_item(self, tenant: str, conversation_id: str, item_id: str) -> bool: ...

    @abstractmethod
    async def sweep(self) -> Swept:
        """Delete what is over a limit, a slice at a time."""
        ...

    @abstractmethod
    async def erase(self, tenant: str) -> int:
        """Delete all that is kept for a tenant; return how many responses and conversations."""
        ...

    @abstractmethod
    def export(self, tenant: str) -> AsyncIterator[Exported]:
        """Yield all that is kept for a tenant, oldest first, without holding it at once."""
        ...

    @abstractmethod
    async def ping(self) -> None:
        """Return if the store takes writes now."""
        ...
