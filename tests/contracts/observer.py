"""The laws of `Observer`: it takes whatever happened, and never raises."""

from abc import ABC, abstractmethod

import pytest

from modelmux.application.ports import Exchange, Observer
from modelmux.domain.adjustments import Adjustment
from modelmux.domain.conversation import Message, Role, Text
from modelmux.domain.deferred import Deferred
from modelmux.domain.dialect import Dialect
from modelmux.domain.errors import UpstreamRateLimited
from modelmux.domain.events import FinishReason, Usage
from modelmux.domain.journal import Journal
from modelmux.domain.request import Caller, Generation, GenerationRequest


def request(provider: str = "vertex", model: str = "claude-test") -> GenerationRequest:
    """Return a request whose last attempt went to `provider`."""
    return GenerationRequest(
        model=model,
        dialect=Dialect.CHAT_COMPLETIONS,
        stream=True,
        content=Deferred.of(Generation((Message(Role.USER, (Text("hello"),)),))),
        caller=Caller("acme", "key1"),
        journal=Journal(provider=provider, model=model, attempts=1),
    )


def finished() -> Exchange:
    """Return a streamed exchange that went well after one failover."""
    return Exchange(
        request_id="req_1",
        method="POST",
        path="/v1/chat/completions",
        status=200,
        duration_s=1.25,
        first_byte_s=0.3,
        stream=True,
        tenant="acme",
        key_id="key1",
        model="sonnet",
        journal=Journal(
            provider="vertex",
            model="claude-test",
            attempts=2,
            adjustments=[Adjustment("temperature", "dropped", "the model does not take it")],
            told=[Adjustment("temperature", "dropped", "the model does not take it")],
            reasons=(FinishReason.STOP,),
            usage=Usage(100, 20, 60, 5, 7),
            outcome="finished",
        ),
    )


def refused() -> Exchange:
    """Return an exchange that ended before anything was planned."""
    return Exchange(
        request_id="req_2",
        method="POST",
        path="/v1/chat/completions",
        status=401,
        duration_s=0.0002,
        error="invalid_api_key",
    )


class ObserverContract(ABC):
    """Inherit, give `observer`."""

    @pytest.fixture
    @abstractmethod
    def observer(self) -> Observer: ...

    def test_takes_what_went_well(self, observer: Observer) -> None:
        observer.exchange_started()
        observer.attempt_settled(request(), 0.25, None)
        observer.exchange_settled(finished())

    def test_takes_what_went_wrong(self, observer: Observer) -> None:
        observer.exchange_started()
        observer.attempt_settled(request(), 0.25, UpstreamRateLimited("slow down", detail="429"))
        observer.exchange_settled(refused())

    def test_takes_an_exchange_that_never_got_anywhere(self, observer: Observer) -> None:
        observer.exchange_started()
        observer.exchange_settled(Exchange("", "", "", client_gone=True))

    def test_takes_text_of_any_kind(self, observer: Observer) -> None:
        exchange = finished()
        exchange.model = exchange.journal.model = '"\n\\\x00\x1b\udcff ключ'
        exchange.error_detail = exchange.request_id = exchange.model
        observer.exchange_started()
        observer.attempt_settled(request("p\n", '"\udcff'), float("inf"), None)
        observer.exchange_settled(exchange)
