"""The demo provider's part of the container."""

from ...adapters.demo.provider import MODEL, DemoProbe, DemoProvider, accepts, capabilities_for
from ..settings.providers import DemoSettings
from .parts import Adapter, Surroundings


def build(settings: DemoSettings, house: Surroundings) -> Adapter:
    llm = DemoProvider(house.clock, house.ids, settings.pace_s)
    return Adapter(llm, capabilities_for, accepts, DemoProbe(), models=(MODEL,))
