"""The ports: what the use cases need and adapters give. Plug-ins import from here."""

from .cache import Cache, CachedAnswer, CacheKey
from .clock import Clock
from .credentials import Credentials
from .event_log import EventLog, LoggedEvent
from .id_source import IdSource
from .key_ring import KeyRecord, KeyRegistry, KeyRing
from .leases import LeaseKey, Leases
from .llm_provider import Answer, LlmProvider
from .media_fetcher import MediaFetcher
from .observer import Event, Exchange, Gauge, GaugeSource, Observer, Reading, Totals
from .outgoing import TRACEPARENT
from .price_book import Price, PriceBook
from .proof_vault import KeptProof, ProofKey, ProofVault
from .rate_limiter import Limit, LimitKey, LimitKind, RateLimiter, Standing
from .rule_engine import MAX_EXPRESSION_LETTERS, FactKind, Rule, RuleEngine
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
    "Cache",
    "CacheKey",
    "CachedAnswer",
    "Clock",
    "ConversationExport",
    "Credentials",
    "EventLog",
    "Event",
    "Exchange",
    "Exported",
    "FactKind",
    "Gauge",
    "GaugeSource",
    "IdSource",
    "KeptProof",
    "KeyRecord",
    "KeyRegistry",
    "KeyRing",
    "LeaseKey",
    "Leases",
    "Limit",
    "LimitKey",
    "LimitKind",
    "LlmProvider",
    "LoggedEvent",
    "MAX_EXPRESSION_LETTERS",
    "MediaFetcher",
    "NotSent",
    "Observer",
    "Price",
    "PriceBook",
    "ProbeReport",
    "ProofKey",
    "ProofVault",
    "RateLimiter",
    "Reading",
    "Rule",
    "RuleEngine",
    "SEAL_MARK",
    "SchemaChecker",
    "Sealer",
    "Standing",
    "StateLimits",
    "StateStore",
    "Swept",
    "TRACEPARENT",
    "TokenCounter",
    "Totals",
    "UpstreamCall",
    "UpstreamProbe",
]
