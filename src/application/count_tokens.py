"""Use case: how many input tokens a request is, asked before it is sent."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from ..domain.deferred import Deferred
from ..domain.errors import UnsupportedFeature
from ..domain.request import Generation, GenerationRequest
from .adjusting import adjust
from .estimating import estimate_tokens
from .planning import Planner


@dataclass(frozen=True, slots=True)
class TokenCount:
    """`exact` is the word of the provider's own counter; else `tokens` is our estimate."""

    tokens: int
    exact: bool


@dataclass(frozen=True, slots=True)
class CountTokens:
    """`compose` gives a request's content with all it continues."""

    planner: Planner
    compose: Callable[[GenerationRequest], Awaitable[Generation]]

    async def count(self, request: GenerationRequest) -> TokenCount:
        """Count for the first target of the request's model.

        Raises:
            ModelNotFound: nothing stands behind the model's name.
            UnsupportedFeature: its first target cannot be sent the request.
            ProviderError: the provider has a counter, which did not answer.
        """
        content = await self.compose(request)
        plan = self.planner.plan(request.model)
        target = plan.targets[0]
        fitted, _ = adjust(content, target.capabilities, target.model, request.dialect)
        aimed = replace(
            request.aimed(target.model, target.capabilities, plan.policy),
            content=Deferred.of(fitted),
            verbatim=None,
        )
        if target.provider.counter is not None:
            try:
                return TokenCount(await target.provider.counter.count(aimed), exact=True)
            except UnsupportedFeature:
                pass  # not this model's, or not of what is asked: estimated like anybody's
        return TokenCount(estimate_tokens(content), exact=False)
