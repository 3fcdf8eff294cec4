"""The demo provider's part of the container."""

from ...adapters.demo.provider import MODEL, DemoProbe, accepts, capabilities_for
from ...adapters.demo.provider import DemoProvider as DemoAdapter
from ...application.ports import Clock, IdSource
from ..provider_settings import DemoProvider
from .parts import Adapter


def build(settings: DemoProvider, clock: Clock, ids: IdSource) -> Adapter:
    llm = DemoAdapter(clock, ids, settings.pace_s)
    return Adapter(llm, capabilities_for, accepts, DemoProbe(), models=(MODEL,))
