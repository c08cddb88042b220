"""Options as the runtime's ``set-options`` takes them."""

import json
from datetime import timedelta

import pytest

from reprise_guest import Backoff, Match, Options, OutcomeMap


def test_only_what_is_set_is_sent() -> None:
    assert Options().to_json() == "{}"
    options = Options(
        deadline=1,
        attempts=3,
        jitter=0.5,
        headers={"a": "b"},
        outcomes=OutcomeMap(http={"404": "failure"}),
        compensate_failed=True,
        effect="pivot",
        full_answer=True,
    )
    assert options.to_json() == (
        '{"deadline_ms":1000,"retry":{"attempts":3,"jitter":0.5},"headers":{"a":"b"},'
        '"outcome_map":{"http":{"404":"failure"}},"compensate_failed":true,"effect":"pivot","answer":"full"}'
    )


def test_lengths_are_seconds_or_timedeltas() -> None:
    options = Options(timeout=1.5, ongoing_interval=timedelta(milliseconds=200), backoff=Backoff(0.01, 2, 1))
    assert json.loads(options.to_json()) == {
        "timeout_ms": 1500,
        "retry": {"initial_ms": 10, "factor": 2, "max_ms": 1000},
        "ongoing_ms": 200,
    }


@pytest.mark.parametrize(("seconds", "want"), [(0.001, 1), (0.29, 290), (1e9, 0xFFFF_FFFF), (-1, -1000)])
def test_milliseconds(seconds: float, want: int) -> None:
    assert json.loads(Options(timeout=seconds).to_json()) == {"timeout_ms": want}


def test_looks_are_objects_of_the_interface() -> None:
    matches = [
        Match(header="x-declined", outcome="failure"),
        Match(header="x-state", equals="later", outcome="ongoing"),
        Match(body="/error/code", equals=7, outcome="failure"),
        Match(body="/error", equals=None, outcome="unknown"),
    ]
    assert json.loads(Options(outcomes=OutcomeMap(matches=matches, dtm_result=False)).to_json()) == {
        "outcome_map": {
            "matches": [
                {"header": "x-declined", "outcome": "failure"},
                {"header": "x-state", "equals": "later", "outcome": "ongoing"},
                {"body": "/error/code", "equals": 7, "outcome": "failure"},
                {"body": "/error", "equals": None, "outcome": "unknown"},
            ],
            "dtm_result": False,
        }
    }
