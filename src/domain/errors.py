"""Every error we raise on purpose, as one tree.

ModelmuxError
├── ConfigurationError               the installation cannot work as it is written
├── RequestError                     the caller's request is at fault; another try changes nothing
│   ├── InvalidRequest               a member is missing, of the wrong type or out of range
│   ├── BodyTooLarge                 more bytes than the limit
│   ├── BodyTooSlow                  the body did not arrive in time
│   ├── WrongMediaType               not JSON, or an encoding we do not read
│   ├── UnsupportedFeature           the target cannot do what was asked, and it was not dropped
│   ├── ModelNotFound                no route, alias or provider of that name
│   ├── NotFound                     no such path or object
│   ├── Conflict                     somebody else writes there now
│   └── MethodNotAllowed             the path exists, the method does not
├── AuthenticationError              we do not know, or do not admit, the caller
│   ├── MissingKey
│   ├── InvalidKey
│   └── Forbidden
├── OverloadError                    the gateway itself has no room; `retry_after_s`
│   ├── TooManyWaiting               a provider's slots and its waiting places are taken
│   ├── RateLimited                  a limit of ours is used up: 429; `limit` names it
│   ├── Overloaded                   the process is short of time or memory, and sheds load
│   └── ShuttingDown
├── StoreError                       a store of ours does not answer; `retry_after_s`
└── ProviderError                    an upstream did not give a whole answer
    ├── ConversionError              what came cannot be said in the caller's dialect
    │   ├── ProviderProtocolBroken   not the protocol: broken JSON, HTML, an empty 200
    │   └── SchemaUnmet              the answer does not fit the schema, and the route is strict
    ├── UpstreamUnreachable          no connection, or it was lost before the answer
    ├── UpstreamTimeout              no connection, first byte or next byte in time
    ├── UpstreamFailed               5xx
    ├── UpstreamOverloaded           503, 529
    ├── UpstreamRateLimited          429; `retry_after_s`
    ├── TargetResting                not asked at all: its breaker is open, or it asked for a rest
    ├── QuotaExhausted               no money left there: 402, insufficient_quota
    ├── UpstreamAuthFailed           it does not take our credentials: 401, 403, no token to be had
    ├── UpstreamRejected             any other 4xx: message, code and param are the upstream's
    │   ├── ContextTooLong
    │   ├── ContentBlocked
    │   └── UpstreamModelNotFound
    └── StreamCut                    the answer began and broke off

`message` is told to callers and so holds no internal address, key or traceback; `detail` is for
the log. `retryable` says whether the same call may succeed a moment later.
"""

from typing import ClassVar


class ModelmuxError(Exception):
    """The root: a sentence for whoever must act, and a detail for the log."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class ConfigurationError(ModelmuxError):
    """Raised at start and by the command line only. `where` is `file:line` or a variable."""

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.where = where
        self.hint = hint


class RequestError(ModelmuxError):
    """`param` names the member at fault as in `messages[2].content`; `code` is the fine word."""

    code: ClassVar[str | None] = None

    def __init__(
        self, message: str, *, param: str | None = None, detail: str | None = None
    ) -> None:
        super().__init__(message, detail=detail)
        self.param = param


class InvalidRequest(RequestError):
    """`reason` is one of OpenAI's codes for 400, such as `invalid_value`."""

    def __init__(
        self, message: str, *, param: str | None = None, reason: str = "invalid_value"
    ) -> None:
        super().__init__(message, param=param)
        self.reason = reason


class BodyTooLarge(RequestError):
    code = "request_too_large"


class BodyTooSlow(RequestError):
    code = "request_timeout"


class WrongMediaType(RequestError):
    code = "unsupported_media_type"


class UnsupportedFeature(RequestError):
    code = "unsupported_parameter"


class ModelNotFound(RequestError):
    """`nearest` are known names that resemble the one asked for, best first."""

    code = "model_not_found"

    def __init__(self, model: str, *, nearest: tuple[str, ...] = ()) -> None:
        hint = f" Did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"The model {model[:200]!r} does not exist here.{hint}", param="model")
        self.nearest = nearest


class NotFound(RequestError):
    code = "not_found"


class Conflict(RequestError):
    """`reason` is the fine word: what is in the way, such as `conversation_locked`."""

    def __init__(self, message: str, *, reason: str, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.reason = reason


class MethodNotAllowed(RequestError):
    """`allowed` are the methods the path takes."""

    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allowed = allowed


class AuthenticationError(ModelmuxError):
    code: ClassVar[str] = "invalid_api_key"


class MissingKey(AuthenticationError):
    code = "missing_api_key"


class InvalidKey(AuthenticationError):
    """Unknown, revoked or expired; a caller is never told which."""


class Forbidden(AuthenticationError):
    code = "forbidden"


class OverloadError(ModelmuxError):
    retryable = True

    def __init__(
        self, message: str, *, retry_after_s: float | None = None, detail: str | None = None
    ) -> None:
        super().__init__(message, detail=detail)
        self.retry_after_s = retry_after_s


class TooManyWaiting(OverloadError):
    pass


class RateLimited(OverloadError):
    """`limit` is what is used up, in words for people, such as `tokens per minute of the key`."""

    def __init__(
        self, message: str, *, limit: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.limit = limit


class Overloaded(OverloadError):
    pass


class ShuttingDown(OverloadError):
    pass


class StoreError(ModelmuxError):
    retryable = True
    retry_after_s = 1.0


class ProviderError(ModelmuxError):
    """`provider` is the configured name; `upstream_*` are the upstream's own words, if any.

    `should_retry` is its word on trying again (`x-should-retry`), None if it gave none.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        detail: str | None = None,
        status: int | None = None,
        upstream_code: str | None = None,
        upstream_type: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        should_retry: bool | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
        self.provider = provider
        self.status = status
        self.upstream_code = upstream_code
        self.upstream_type = upstream_type
        self.param = param
        self.retry_after_s = retry_after_s
        self.should_retry = should_retry


class ConversionError(ProviderError):
    pass


class ProviderProtocolBroken(ConversionError):
    retryable = True


class SchemaUnmet(ConversionError):
    """Raised once the answer is whole, before any of it was told."""


class UpstreamUnreachable(ProviderError):
    retryable = True


class UpstreamTimeout(ProviderError):
    """`phase` is where time ran out: connect, first_byte, first_event, idle, total."""

    retryable = True

    def __init__(self, message: str, *, phase: str, provider: str = "") -> None:
        super().__init__(message, provider=provider)
        self.phase = phase


class UpstreamFailed(ProviderError):
    retryable = True


class UpstreamOverloaded(ProviderError):
    retryable = True


class UpstreamRateLimited(ProviderError):
    retryable = True


class TargetResting(ProviderError):
    """Raised before any I/O; `retry_after_s` is what is left of the rest."""

    retryable = True


class QuotaExhausted(ProviderError):
    pass


class UpstreamAuthFailed(ProviderError):
    pass


class UpstreamRejected(ProviderError):
    pass


class ContextTooLong(UpstreamRejected):
    pass


class ContentBlocked(UpstreamRejected):
    pass


class UpstreamModelNotFound(UpstreamRejected):
    pass


class StreamCut(ProviderError):
    """Raised out of `read` after events came: never retried, what was sent cannot be taken back."""
