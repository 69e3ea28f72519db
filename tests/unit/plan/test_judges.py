"""Doors of the section `judge`, what judgements depend on, and what is said of them before anything runs."""

import re
from dataclasses import replace

import pytest
from helpers import judging

from knowcost.common import paths
from knowcost.common.errors import InputError
from knowcost.judge import count, job
from knowcost.plan import config, design, judges

MODELS = "name\tfamily\tsource\nmine\tdecoder\tacme/Judge-7B\n"
BENCHMARKS = (
    "name\tformat\tsource\tfamilies\n"
    "facts\tboolq\tfacts.jsonl\tdecoder\n"
    "chat\tconversation\tchat.jsonl\tdecoder\n"
    "news\tcnn_dailymail\tnews.csv\tdecoder\n"
)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """`load(**changes of the section judge)`: the study, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    (tmp_path / "models.tsv").write_text(MODELS)

    def study(benchmarks=BENCHMARKS, limit=None, **changes):
        (tmp_path / "benchmarks.tsv").write_text(benchmarks)
        prune = {"name": "prune", "steps": ["wanda"], "scopes": ["overall"], "levels": [50]}
        section = {"groupings": ["paper"], "protocols": ["corrected"], "experiments": [prune]}
        given = {"models": "models.tsv", "benchmarks": "benchmarks.tsv", "study": section, "limit": limit}
        return config.load(given | {"judge": {"model": "gpt-x"} | changes})

    return study


def places(study):
    return [(cell.model, cell.variant, cell.benchmark) for cell in design.judged(study)]


def test_cells_with_texts_are_judged_where_there_is_a_judge(load):
    variants = ("dense", "wanda-50@overall")
    assert places(load()) == [("mine", variant, name) for variant in variants for name in ("chat", "news")]
    assert places(load(rubrics=["mt_bench_single"])) == [("mine", variant, "chat") for variant in variants]
    assert places(load(model=None)) == []


@pytest.mark.parametrize("name", ["mine", "MINE", "acme/judge-7b", "judge-7b", "other/Judge-7B"])
def test_a_model_does_not_judge_itself_unless_told_to(load, name):
    for key in ("model", "second_model"):
        with pytest.raises(
            InputError, match=rf"judge.{key}: '{name}' seems to be the model 'mine' of this study.*allow_self"
        ):
            load(**{key: name})
    load(model=name, allow_self=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rubrics": ["kick_poems"]}, "judge.rubrics: no rubric 'kick_poems'; known: kick_coding"),
        ({"model": None, "second_model": "b"}, "judge.second_model: there is no first one"),
        ({"second_model": "gpt-x"}, "judge.second_model: 'gpt-x' is the first one, too"),
        ({"references": {"facts": "x"}}, "judge.references: no benchmark 'facts' that is answered by texts"),
        ({"references": {"chat": "gone.jsonl"}}, "judge.references: chat: there is no file 'gone.jsonl'"),
        (
            {"references": {"chat": "gone.jsonl"}, "rubrics": ["mt_bench_single", "kick_summary"]},
            "judge.references: chat: none of judge.rubrics holds its answers against others",
        ),
        ({"endpoint": "world"}, "judge.endpoint: 'world' knows the facts of the demo's world alone, and 'chat'"),
        ({"endpoint": "http://user:pw@host/v1?key=1"}, "judge.endpoint: .* does not match"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_while_planning(load, changes, message):
    with pytest.raises(InputError, match=message):
        load(**changes)


@pytest.mark.parametrize("model", ["gpt-x", None])
def test_a_password_in_the_endpoint_s_address_is_refused_before_it_is_stored_and_not_shown(load, model):
    with pytest.raises(InputError, match=r"judge\.endpoint: an address with a user or a password") as said:
        load(model=model, endpoint="https://me:hush@judge.example/v1")
    assert "hush" not in str(said.value)


@pytest.mark.parametrize("name", ["acme/Judge-7B\n", " gpt-x"])
def test_blanks_around_a_judge_s_name_are_refused(load, name):
    """With them a model of the study would not be known for one."""
    for key in ("model", "second_model"):
        with pytest.raises(InputError, match=rf"judge\.{key}"):
            load(**{key: name})


def test_a_judge_without_texts_and_rubrics_for_other_texts(load):
    rows = BENCHMARKS.splitlines(keepends=True)
    with pytest.raises(InputError, match=r"judge.model: no benchmark of this study is answered by texts"):
        load("".join(rows[:2]))
    with pytest.raises(InputError, match=r"judge.rubrics: kick_summary are for other benchmarks than chat"):
        load("".join(rows[:3]), rubrics=["kick_summary"])


def test_the_world_s_judge_may_judge_the_world(load):
    table = BENCHMARKS.replace("chat.jsonl", "resources/world/chat.jsonl")
    load(table, endpoint="world", rubrics=["mt_bench_pair"])  # for the summaries there is no rubric


def test_judgements_depend_on_what_is_asked_and_not_on_how_fast(load):
    before = judges.depends(load().config["judge"])
    same = {
        "requests": 5,
        "tokens": 5,
        "parallel": 9,
        "seconds": 1,
        "allow_self": True,
        "endpoint": "http://localhost/v1",
    }
    assert judges.depends(load(**same).config["judge"]) == before
    for changes in ({"model": "gpt-y"}, {"second_model": "b"}, {"rubrics": ["kick_summary"]}, {"temperature": 0.2},
                    {"reply_tokens": 5}):  # fmt: skip
        assert judges.depends(load(**changes).config["judge"]) != before


def announced(study):
    return list(judges.announce(study.config, study.benchmarks, places(study)))


def test_a_study_that_is_not_here_is_counted_from_the_table(load):
    said, key = announced(load(limit=10, rubrics=["kick_general", "kick_coding", "mt_bench_pair", "summary_single"]))
    # 2 variants x 10 rows x (one of the first two in 2 orders, 2 turns of the third in 2, and 1 of the last)
    assert f"judge gpt-x: {2 * 10 * (2 + 4 + 1)} of 140 judgements are missing. They take at most so many" in said
    assert "(limit 20,000)" in said and "answered by 143,360 at most (limit 50,000,000)." in said
    assert "OPENAI_API_KEY is not set" in key


def test_what_is_not_known_yet_is_said(load):
    said, _ = announced(load())
    assert said == (
        "judge gpt-x: how many judgements there are is known when chat, news is here (limits: 20,000 requests, "
        "50,000,000 tokens)"
    )
    rows = BENCHMARKS.replace("families\n", "families\tper_relation\n").replace(
        "news.csv\tdecoder", "news.csv\tdecoder\t5"
    )
    said, _ = announced(load(rows))
    assert f"{2 * 3 * 5 * 2} of 60 judgements are missing (and those of chat, whose" in said


def test_official_files_have_eighty_rows(load):
    rows = BENCHMARKS.replace("conversation", "vicuna").replace("cnn_dailymail", "mt_bench")
    said, _ = announced(load(rows, rubrics=["mt_bench_pair"]))
    assert f"{2 * 80 * 2 + 2 * 80 * 2 * 2} of 960 judgements are missing. They" in said


def test_limits_that_will_not_do_are_said(load):
    said, _ = announced(load(limit=10, requests=100, tokens=100))
    assert said.endswith("The limits do not hold them: raise judge.requests and judge.tokens.")


def test_what_is_here_is_counted_as_it_is_asked(load, tmp_path):
    """Beside the job's own count: of a cell that is here the same, of one that is not no less."""
    judging.study(tmp_path, count=3)
    here = load(rubrics=["kick_general", "kick_coding", "mt_bench_pair"])
    plan = count.Plan(
        here.config["judge"], [("m", each, "chat") for each in ("dense", judging.VARIANT)], here.benchmarks, None
    )
    found = count.count(plan)
    # 3 questions (writing, coding, math) x 2 turns x 2 orders, and 2 first turns in 2 orders, of 2 variants
    assert (found.judgements, found.kept, found.unknown) == (2 * (3 * 2 * 2 + 2 * 2), 0, set())
    with pytest.raises(InputError, match=r"judge.requests: 32 requests are missing"):
        job.judge([paths.scores(*place) for place in plan.places], here.config["judge"] | {"requests": 1})
    (tmp_path / paths.scores("m", judging.VARIANT, "chat")).unlink()
    unseen = count.count(plan)
    assert unseen.judgements == 32 and unseen.prompt_tokens > found.prompt_tokens
    assert count.count(replace(plan, limit=1)).judgements == 16 + 4 + 2  # of the one that is not here its first row


def test_references_that_do_not_match_a_benchmark_that_is_here(load, tmp_path):
    judging.chat(tmp_path, count=2)
    (tmp_path / "gpt.jsonl").write_text('{"question_id": "q0", "text": "x"}\n')
    with pytest.raises(InputError, match=r"gpt.jsonl has no answer to 1 of the 2 rows of chat, the first is 'q1'"):
        announced(load(references={"chat": "gpt.jsonl"}))
    announced(load(references={"chat": "gpt.jsonl"}, limit=1))


def test_a_key_is_asked_for_where_something_is_to_be_asked(load, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-of-this-test")
    assert len(announced(load())) == 1
    monkeypatch.delenv("OPENAI_API_KEY")
    assert len(announced(load(endpoint="http://127.0.0.1:9/v1"))) == 1  # needs none
    assert re.search("will stop as things are: .*not set", announced(load())[1])
