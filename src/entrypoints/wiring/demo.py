"""The demo provider's part of the container."""

from ...adapters.demo.provider import MODEL, DemoProbe, DemoProvider, accepts, capabilities_for
from ...application.ports import Clock, IdSource
from ..provider_settings import DemoSettings
from .parts import Adapter


def build(settings: DemoSettings, clock: Clock, ids: IdSource) -> Adapter:
    llm = DemoProvider(clock, ids, settings.pace_s)
    return Adapter(llm, capabilities_for, accepts, DemoProbe(), models=(MODEL,))
