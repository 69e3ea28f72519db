"""An endpoint that is looked at before anything is paid, and one that is down."""

import pytest
from helpers.judge_server import JudgeServer

from knowcost.common.errors import InputError
from knowcost.judge import responses
from knowcost.judge.access import Access
from knowcost.judge.budget import Budget
from knowcost.judge.endpoint import Endpoint
from knowcost.judge.request import Request

SECRET = "sk-proj-0123456789abcdef"
ASKED = Request("judge", (("user", "Which?"),), temperature=0, max_tokens=64)


class Waits(list):
    """What sleeps: it only counts."""

    def __call__(self, seconds):
        self.append(seconds)


@pytest.fixture
def check():
    """Check an endpoint for models. bearer: the key that is sent; the rest are attributes of the server."""

    def run(*models, bearer=SECRET, **attributes):
        with JudgeServer() as run.server:
            vars(run.server).update(attributes)
            with Endpoint(Access(run.server.url, bearer), Budget(9, 999), 5, Waits()) as judge:
                judge.check(models)

    return run


def test_an_endpoint_with_these_models_is_asked_for_nothing_that_costs(check):
    check("judge", "other")
    assert [path for path, _, _ in check.server.asked] == ["/v1/models"]


def test_a_model_that_is_not_there_is_named_with_those_that_are(check):
    with pytest.raises(InputError, match=r"judge\.model .*'judgf'.*`judgf` does not exist.* lists: judge, other"):
        check("judge", "judgf")


def test_a_model_that_is_there_but_not_listed_is_let_through(check):
    class Hidden(list):
        def __contains__(self, name):
            return name == "hidden" or list.__contains__(self, name)

    check("hidden", models=Hidden(["judge"]))
    [body] = check.server.bodies
    assert body["max_tokens"] == 16


@pytest.mark.parametrize("listed", ["models/judge", "judge:latest"])
def test_a_model_is_known_by_the_name_that_google_and_ollama_list(check, listed):
    check("judge", models=[listed])


def test_an_endpoint_without_a_list_is_let_through(check):
    check("judge", lists=False)


def test_a_wrong_key_and_none_are_said_before_anything_is_asked(check):
    with pytest.raises(InputError, match=r"HTTP 401.*OPENAI_API_KEY is not one that it lets in") as said:
        check("judge", key="another-key-entirely")
    assert SECRET not in str(said.value) and not check.server.bodies
    with pytest.raises(InputError, match=r"HTTP 401.*OPENAI_API_KEY is not set"):
        check("judge", key=SECRET, bearer="")


def test_an_endpoint_that_is_down_is_not_waited_for():
    with JudgeServer() as gone:
        pass
    with Endpoint(Access(gone.url), Budget(9, 999), 5) as judge:
        with pytest.raises(InputError, match=r"cannot be reached \(.*refused.*is it running"):
            judge.check(["judge"])
        with pytest.raises(InputError, match="cannot be reached"):
            judge.ask(ASKED)


def test_an_endpoint_that_goes_away_is_waited_for_and_costs_no_tokens():
    waits, budget = Waits(), Budget(99, 10**6)
    with JudgeServer() as server:
        judge = Endpoint(Access(server.url), budget, 5, waits)
        judge.check(["judge"])
    with judge, pytest.raises(InputError, match="has not answered in 10 tries"):
        judge.ask(ASKED)
    assert (budget.requests, budget.tokens, len(waits)) == (10, 0, 9)


def test_a_page_where_a_list_of_models_should_be_is_no_endpoint():
    with JudgeServer() as server, Endpoint(Access(server.url), Budget(9, 999), 5) as judge:
        server.models = [7]
        with pytest.raises(InputError, match="does not exist"):
            judge.check(["judge"])
    page = responses.Response(200, {}, b"<html>Welcome</html>")
    with pytest.raises(InputError, match=r"/models: '<html>Welcome</html>'; expected a list of models"):
        responses.models(page, Access("https://host.example"))
    assert (
        responses.models(responses.Response(500, {}, b"Internal Server Error"), Access("https://host.example")) is None
    )
    assert responses.models(responses.Response(200, {}, b'[{"id": "a"}]'), Access("https://host.example")) == {"a"}
