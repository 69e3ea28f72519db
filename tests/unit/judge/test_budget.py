"""What a run may spend: never more than the limits, whoever asks at the same time."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from knowcost.common.errors import InputError
from knowcost.judge.budget import Budget


def spend(budget, most, used):
    with budget.request(most) as bill:
        bill.tokens = used


def test_so_many_requests_are_made_and_no_more():
    budget = Budget(requests=2, tokens=100)
    spend(budget, 10, 1)
    spend(budget, 10, 1)
    with pytest.raises(InputError, match=r"judge\.requests: this run has made 2 requests, .* kept: run again"):
        spend(budget, 10, 1)
    assert (budget.requests, budget.tokens) == (2, 2)


def test_a_request_that_might_pass_the_limit_is_not_made():
    budget = Budget(requests=9, tokens=100)
    spend(budget, 100, 50)
    spend(budget, 50, 49)
    with pytest.raises(InputError, match=r"judge\.tokens: this run has used 99 of 100 tokens.* may take 2"):
        spend(budget, 2, 1)
    spend(budget, 1, 1)
    assert (budget.requests, budget.tokens) == (3, 100)


def test_what_ends_in_an_error_counts_as_the_bill_says():
    budget = Budget(requests=9, tokens=100)
    with pytest.raises(KeyError), budget.request(40):
        raise KeyError
    assert (budget.requests, budget.tokens) == (1, 40)


def test_many_at_a_time_wait_for_what_others_leave():
    """Each may take 60 of 100 tokens and takes 10: alone, one after the other, five fit (40 used, 60 left), a sixth
    does not (50 used)."""
    budget = Budget(requests=99, tokens=100)
    with ThreadPoolExecutor(8) as pool:
        ends = [pool.submit(spend, budget, 60, 10) for _ in range(8)]
    assert sum(end.exception() is None for end in ends) == 5
    assert all(isinstance(end.exception(), InputError | None) for end in ends)
    assert (budget.requests, budget.tokens) == (5, 50)
