"""The conformance guest in Python: every scenario of ``../SCENARIOS.md`` on the SDK alone."""

from dataclasses import dataclass
from typing import Any

from reprise_guest import Failure, Transaction, workflow

from . import answers, concurrency, phase_two, surroundings, transactions

SCENARIOS = {
    name.removesuffix("_").replace("_", "-"): function
    for room in (answers, concurrency, phase_two, surroundings, transactions)
    for name, function in room.SCENARIOS.items()
}


@dataclass
class Input:
    """Which scenario to run, with the parameters that some of them have."""

    scenario: str
    count: int = 0
    amount: float = 0


@workflow(handlers=phase_two.HANDLERS)
async def conformance(tx: Transaction, order: Input) -> Any:
    """Runs one scenario."""
    scenario = SCENARIOS.get(order.scenario)
    if scenario is None:
        raise Failure("unknown scenario")
    return await scenario(tx, order)
