"""The ports: what the use cases need and adapters give. Plug-ins import from here."""

from .clock import Clock
from .credentials import Credentials
from .event_log import EventLog, LoggedEvent
from .id_source import IdSource
from .key_ring import KeyRecord, KeyRegistry, KeyRing
from .leases import LeaseKey, Leases
from .llm_provider import Answer, LlmProvider
from .media_fetcher import MediaFetcher
from .observer import Exchange, Observer
from .proof_vault import KeptProof, ProofKey, ProofVault
from .schema_checker import SchemaChecker
from .sealer import SEAL_MARK, Sealer
from .state_store import (
    Appended,
    ConversationExport,
    Exported,
    StateLimits,
    StateStore,
    Swept,
)
from .token_counter import TokenCounter
from .upstream_call import NotSent, UpstreamCall
from .upstream_probe import ProbeReport, UpstreamProbe

__all__ = [
    "Answer",
    "Appended",
    "Clock",
    "ConversationExport",
    "Credentials",
    "EventLog",
    "Exchange",
    "Exported",
    "IdSource",
    "KeptProof",
    "KeyRecord",
    "KeyRegistry",
    "KeyRing",
    "LeaseKey",
    "Leases",
    "LlmProvider",
    "LoggedEvent",
    "MediaFetcher",
    "NotSent",
    "Observer",
    "ProbeReport",
    "ProofKey",
    "ProofVault",
    "SEAL_MARK",
    "SchemaChecker",
    "Sealer",
    "StateLimits",
    "StateStore",
    "Swept",
    "TokenCounter",
    "UpstreamCall",
    "UpstreamProbe",
]
