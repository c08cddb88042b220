"""Options of a branch: how long, how often, with which headers, what answers mean, what the call does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

#: A length of time: seconds, or a ``timedelta``.
Length = float | timedelta

#: What an attempt ended in: done; refused for good; not yet done, asked again at a fixed interval; nobody knows, tried
#: again with growing pauses.
Outcome = Literal["success", "failure", "ongoing", "unknown"]


class _Any:
    """Whatever value there is."""


#: A `Match` without `equals`: the place has a value, whichever it is.
ANY = _Any()


@dataclass(frozen=True, kw_only=True)
class Match:
    """One look at an answer: a header (gRPC: metadata), or a place in a JSON body, and what it means.

    ``Match(header="x-state", equals="later", outcome="ongoing")``, ``Match(body="/error/code", equals=7,
    outcome="failure")``. Name either ``header`` or ``body``, a JSON pointer (RFC 6901).
    """

    outcome: Outcome
    header: str | None = None
    body: str | None = None
    equals: object = ANY

    def _json(self) -> dict[str, Any]:
        place = _set(header=self.header, body=self.body)
        return place | ({} if self.equals is ANY else {"equals": self.equals}) | {"outcome": self.outcome}


@dataclass(frozen=True, kw_only=True)
class OutcomeMap:
    """What answers of a service with other conventions than 409, 425, ABORTED and FAILED_PRECONDITION mean.

    Matches come before all else, and the first that fits decides; then statuses, of which the narrowest range wins;
    then the conventions.
    """

    #: An HTTP status, ``"404"``, or a range of them, ``"500-599"``.
    http: Mapping[str, Outcome] = field(default_factory=dict)
    #: A gRPC status by its name, ``"NOT_FOUND"``.
    grpc: Mapping[str, Outcome] = field(default_factory=dict)
    #: Looks at headers and bodies.
    matches: Sequence[Match] = ()
    #: False: don't read an outcome out of a body ``{"dtm_result": "FAILURE"}``.
    dtm_result: bool | None = None

    def _json(self) -> dict[str, Any]:
        return _set(
            http=dict(self.http) or None,
            grpc=dict(self.grpc) or None,
            matches=[match._json() for match in self.matches] or None,
            dtm_result=self.dtm_result,
        )


@dataclass(frozen=True)
class Backoff:
    """Pause after the first attempt, its growth from one to the next, and the longest pause."""

    initial: Length
    factor: float
    longest: Length


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of a branch. What is not set is the runtime's default.

    ``tx.branch(Options(timeout=2, attempts=5, backoff=Backoff(0.1, 2, 10), headers={"x-tenant": "acme"}))``
    """

    #: Longest time of one attempt.
    timeout: Length | None = None
    #: Longest time of all attempts together; then the call ends as `DeadlinePassed`.
    deadline: Length | None = None
    #: Most attempts; then the call ends as `Exhausted`.
    attempts: int | None = None
    #: How pauses between attempts grow.
    backoff: Backoff | None = None
    #: Share of a pause that chance takes off, 0.0 to 1.0, so that calls don't come back all at once.
    jitter: float | None = None
    #: Pause after an answer "ongoing".
    ongoing_interval: Length | None = None
    #: Headers (gRPC: metadata) to send.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: What answers of a service with other conventions mean.
    outcomes: OutcomeMap = OutcomeMap()
    #: Sent as ``idempotency-key``.
    idempotency_key: str | None = None
    #: Roll the branch back also when its action was refused.
    compensate_failed: bool | None = None
    #: ``"read-only"``: the call changes nothing, so there is nothing to undo. ``"pivot"``: there is no way back from
    #: it; when it has succeeded the transaction can't fail any more: what follows is repeated until it succeeds, and
    #: the workflow has to return.
    effect: Literal["read-only", "pivot"] | None = None
    #: The reply has headers too. They are recorded, so ask for them where they are needed.
    full_answer: bool = False

    def to_json(self) -> str:
        """What the runtime's ``set-options`` takes: an object with what is set.

        Errors: ``TypeError`` or ``ValueError`` if a value is none that JSON has.
        """
        options = _set(
            timeout_ms=_milliseconds(self.timeout),
            deadline_ms=_milliseconds(self.deadline),
            retry=self._retry() or None,
            ongoing_ms=_milliseconds(self.ongoing_interval),
            headers=dict(self.headers) or None,
            outcome_map=self.outcomes._json() or None,
            idempotency_key=self.idempotency_key,
            compensate_failed=self.compensate_failed,
            effect=self.effect,
            answer="full" if self.full_answer else None,
        )
        return json.dumps(options, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    def _retry(self) -> dict[str, Any]:
        pauses: dict[str, Any] = {}
        if self.backoff is not None:
            pauses["initial_ms"] = _milliseconds(self.backoff.initial)
            pauses["factor"] = self.backoff.factor
            pauses["max_ms"] = _milliseconds(self.backoff.longest)
        return pauses | _set(attempts=self.attempts, jitter=self.jitter)


def seconds(length: Length) -> float:
    """A length of time in seconds."""
    return length.total_seconds() if isinstance(length, timedelta) else length


def _milliseconds(length: Length | None) -> int | None:
    return None if length is None else min(round(seconds(length) * 1_000_000) // 1_000, 0xFFFF_FFFF)


def _set(**values: Any) -> dict[str, Any]:
    """What is not none."""
    return {name: value for name, value in values.items() if value is not None}


#: What `read_only()` and `pivot()` of a branch set.
READ_ONLY = Options(effect="read-only").to_json()
PIVOT = Options(effect="pivot").to_json()
