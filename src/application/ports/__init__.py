"""The ports: what the use cases need and adapters give. Plug-ins import from here."""

from .clock import Clock
from .credentials import Credentials
from .id_source import IdSource
from .key_ring import KeyRecord, KeyRegistry, KeyRing
from .llm_provider import Answer, LlmProvider
from .media_fetcher import MediaFetcher
from .observer import Exchange, Observer
from .proof_vault import KeptProof, ProofKey, ProofVault
from .upstream_probe import ProbeReport, UpstreamProbe

__all__ = [
    "Answer",
    "Clock",
    "Credentials",
    "Exchange",
    "IdSource",
    "KeptProof",
    "KeyRecord",
    "KeyRegistry",
    "KeyRing",
    "LlmProvider",
    "MediaFetcher",
    "Observer",
    "ProbeReport",
    "ProofKey",
    "ProofVault",
    "UpstreamProbe",
]
