"""Retry budgets: what keeps retries from making an outage worse."""

from dataclasses import dataclass, field

from .ports import Event, Observer


@dataclass(slots=True)
class RetryBudget:
    """One provider's tokens: a first attempt earns `share` of one, a retry or a hedge costs one.

    It begins with `reserve`, and holds no more: N failing calls are at most N x (1 + share) +
    reserve calls at the upstream.
    """

    provider: str
    share: float = 0.2
    reserve: float = 10.0
    observer: Observer | None = None
    _tokens: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens = self.reserve

    def earn(self) -> None:
        """A first attempt is made."""
        self._tokens = min(self._tokens + self.share, self.reserve)

    def take(self) -> bool:
        """Pay for a further attempt; False, and counted, if that cannot be."""
        # Fifths do not add up to one in binary.
        if self._tokens > 1.0 - 1e-6:
            self._tokens -= 1.0
            return True
        if self.observer is not None:
            self.observer.count(Event.RETRY_DENIED, self.provider)
        return False


class RetryBudgets:
    """Of each provider one budget; the names are the configuration's."""

    def __init__(
        self, share: float = 0.2, reserve: float = 10.0, observer: Observer | None = None
    ) -> None:
        self._share = share
        self._reserve = reserve
        self._observer = observer
        self._budgets: dict[str, RetryBudget] = {}

    def of(self, provider: str) -> RetryBudget:
        """Return the budget of a provider."""
        budget = self._budgets.get(provider)
        if budget is None:
            budget = RetryBudget(provider, self._share, self._reserve, self._observer)
            self._budgets[provider] = budget
        return budget
