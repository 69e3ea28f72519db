"""The judge's job against an endpoint on this machine: what is asked, kept, read, and asked no second time."""

import errno
from pathlib import Path

import pytest
from helpers import judging
from helpers.judge_server import JudgeServer

from knowcost import judge as stage
from knowcost.common import paths, seal
from knowcost.common.errors import InputError
from knowcost.common.parquet import read
from knowcost.judge import job, kept


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in, with a key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-of-this-test")
    return tmp_path


@pytest.fixture
def asks(here, monkeypatch):
    """`asks(judge, cells, **changes)` runs the job against a JudgeServer; how many requests it made."""

    def run(judge, cells, **changes):
        monkeypatch.setenv("OPENAI_BASE_URL", judge.url)
        before = len(judge.bodies)
        job.judge(cells, judging.JUDGE | changes)
        return len(judge.bodies) - before

    return run


def rows(variant=judging.VARIANT, benchmark="chat"):
    return read(paths.judgements("m", variant, benchmark))[0].to_pylist()


def better(text, _):
    """What a fair judge thinks: the variant is better in second turns."""
    return 9 if text.startswith("ours") and text.split()[2] == "2" else 5


def test_both_orders_of_every_answer_and_the_null(here, asks):
    cells = judging.study(here, count=2)
    with JudgeServer(score=better) as judge:
        assert asks(judge, cells) == 2 * 2 * 2 * 2  # questions, turns, orders, variants
    assert [(each["id"], each["turn"], each["verdict"]) for each in rows()] == [
        ("q0", 1, "tie"), ("q0", 2, "win"), ("q1", 1, "tie"), ("q1", 2, "win"),
    ]  # fmt: skip
    assert {(each["first"], each["second"]) for each in rows() if each["turn"] == 2} == {("win", "win")}
    assert {each["relation"] for each in rows()} == {"writing", "coding"}
    assert {each["verdict"] for each in rows("dense")} == {"tie"}  # its own text once more
    shown = [body["messages"][1]["content"] for body in judge.bodies]
    assert sum("again q0 1" in text for text in shown) == 4  # alone, and in the second turn; twice each


def test_what_a_file_says_of_itself(here, asks):
    cells = judging.study(here, count=1)
    with JudgeServer() as judge:
        asks(judge, cells)
    about = read(paths.judgements("m", judging.VARIANT, "chat"))[1]
    files = [paths.benchmark("chat"), *cells]
    assert about["digests"] == {file: seal.check(file) for file in files}
    assert (about["model"], about["variant"], about["benchmark"]) == ("m", judging.VARIANT, "chat")
    assert (about["kind"], about["judges"], about["rubrics"]) == ("conversation", ["judge"], {"mt_bench_pair": 1})
    assert (about["version"], about["endpoint"]) == (stage.STAGE_VERSION, "127.0.0.1")
    everything = b"".join(path.read_bytes() for path in here.rglob("*") if path.is_file())
    assert b"sk-a-key-of-this-test" not in everything


def test_nothing_is_asked_twice_and_the_same_bytes_are_written(here, asks):
    cells = judging.study(here, count=1)
    with JudgeServer() as judge:
        assert asks(judge, cells) == 8
        first = Path(paths.judgements("m", judging.VARIANT, "chat")).read_bytes()
        assert asks(judge, cells) == 0
        assert Path(paths.judgements("m", judging.VARIANT, "chat")).read_bytes() == first
        # Another rubric asks only what is new (the dense model's texts once), a second judge the same of another model.
        assert asks(judge, cells, rubrics=["mt_bench_pair", "mt_bench_single"]) == 2 + 2
        assert asks(judge, cells, second_model="other") == 8
    assert [each["judge"] for each in rows()[:2]] == ["judge", "other"]


class Breaks(JudgeServer):
    """Takes no more keys once it has answered `count` requests."""

    def __init__(self, count, *arguments, **options):
        super().__init__(*arguments, **options)
        self.count = count

    def mood(self):
        self.count -= 1
        if self.count == 0:
            self.key = "another"
        return super().mood()


def test_a_run_that_ends_in_the_middle_goes_on(here, asks):
    cells = judging.study(here, count=1)
    with Breaks(3) as judge:
        with pytest.raises(InputError, match="OPENAI_API_KEY"):
            asks(judge, cells, parallel=1)
        answered = judge.bodies[:3]
        assert not Path(paths.judgements("m", judging.VARIANT, "chat")).exists()
        judge.key = None
        asks(judge, cells)
        later = judge.bodies[4:]  # behind the one that was refused
        assert len(later) == 8 - 3 and not any(body in answered for body in later)


def test_what_is_no_verdict_is_asked_once_more_in_other_words_and_then_counted(here, asks):
    cells = judging.study(here, count=1, turns=1)
    with JudgeServer("garbage", times=1) as judge:
        assert asks(judge, cells, parallel=1) == 2 * 2 + 1
        again = judge.bodies[1]["messages"][1]["content"]
        assert again == judge.bodies[0]["messages"][1]["content"].rstrip() + (
            '\n\nEnd your reply with your verdict and nothing else: "[[A]]", "[[B]]" or "[[C]]".'
        )
    assert [each["failed"] for each in rows("dense") + rows()] == [None, None]
    with JudgeServer("garbage") as judge:
        assert asks(judge, cells, model="other") == 2 * 4
        assert asks(judge, cells, model="other") == 0
    assert [(each["verdict"], each["failed"]) for each in rows()] == [(None, "unparsed")]


def test_a_run_that_ended_before_the_second_try_makes_only_that(here, asks):
    cells = judging.study(here, count=1, turns=1)[:1]
    with Breaks(1, "garbage", times=1) as judge:
        with pytest.raises(InputError, match="OPENAI_API_KEY"):
            asks(judge, cells, parallel=1)
        judge.key = None
        assert asks(judge, cells) == 2
        later = [body["messages"][1]["content"] for body in judge.bodies[-2:]]
        assert ["and nothing else" in text for text in sorted(later, key=len)] == [False, True]


def test_what_the_judge_cannot_read_is_kept_as_such(here, asks):
    cells = judging.study(here, count=1, turns=1)
    with JudgeServer("too_long") as judge:
        assert asks(judge, cells) == 4
        assert asks(judge, cells) == 0
    assert [(each["verdict"], each["failed"]) for each in rows()] == [(None, "too_long")]


class NoRoomForMore(JudgeServer):
    """Says what cannot be read, and has no room for a reminder."""

    def mood(self):
        return "too_long" if "and nothing else" in self.bodies[-1]["messages"][1]["content"] else "garbage"


def test_a_reminder_that_makes_a_question_too_long_leaves_what_was_said_before(here, asks):
    cells = judging.study(here, count=1, turns=1)[:1]
    with NoRoomForMore() as judge:
        assert asks(judge, cells, parallel=1) == 4
        assert asks(judge, cells, parallel=1) == 0
    replies = [kept.read(path.stem) for path in Path(paths.JUDGEMENTS).rglob("*.json")]
    assert [[bool(reply.text) for reply in each] for each in replies] == [[True, False]] * 2
    assert [(each["failed"], each["answered_by"]) for each in rows("dense")] == [("unparsed", "judge-2026")]


@pytest.mark.parametrize(("key", "most"), [("requests", 7), ("tokens", 2000)])
def test_limits_that_are_too_low_are_said_before_anything_is_asked(here, asks, key, most):
    cells = judging.study(here, count=1)
    with JudgeServer() as judge:
        with pytest.raises(
            InputError, match=rf"judge.{key}: 8 requests are missing, .* limit is {most:,} {key}; raise"
        ):
            asks(judge, cells, **{key: most})
        assert not judge.asked


def test_what_the_endpoint_lacks_is_said_before_anything_is_paid(here, asks, monkeypatch):
    cells = judging.study(here, count=1)
    with JudgeServer() as judge:
        judge.key = "another"
        with pytest.raises(InputError, match="OPENAI_API_KEY"):
            asks(judge, cells)
        assert not judge.bodies
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(InputError, match="OPENAI_API_KEY is not set"):
        job.judge(cells, judging.JUDGE | {"endpoint": "https://judge.example/v1"})


def test_where_replies_cannot_be_kept_nothing_is_asked(here, asks, monkeypatch):
    def refuse(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    cells = judging.study(here, count=1)
    monkeypatch.setattr(kept.tempfile, "TemporaryFile", refuse)
    with JudgeServer() as judge:
        with pytest.raises(InputError, match=rf"{paths.JUDGEMENTS}: replies cannot be kept there \(Read-only"):
            asks(judge, cells)
        assert not judge.asked


def test_references_are_held_against_in_one_order(here, asks):
    cells = judging.study(here, count=1)
    (here / "gpt.jsonl").write_text('{"question_id": "q0", "text": "reference"}\n')
    with JudgeServer("prefers_first") as judge:
        assert asks(judge, cells, references={"chat": "gpt.jsonl"}) == 2 * (2 * 2 + 1)
    against = [each for each in rows() if each["against"] == "reference"]
    assert [(each["turn"], each["first"], each["second"], each["verdict"]) for each in against] == [
        (1, None, "loss", "loss")
    ]
    assert [each["verdict"] for each in rows() if each["against"] == "dense"] == ["tie", "tie"]  # it takes the first
    assert "gpt.jsonl" in read(paths.judgements("m", "dense", "chat"))[1]["digests"]


def test_references_that_do_not_match_are_said_before_anything_is_asked(here, asks):
    cells = judging.study(here, count=2)
    (here / "gpt.jsonl").write_text('{"question_id": "q0", "text": "reference"}\n')
    with JudgeServer() as judge:
        with pytest.raises(InputError, match=r"gpt.jsonl has no answer to 1 of the 2 rows of chat, the first is 'q1'"):
            asks(judge, cells, references={"chat": "gpt.jsonl"})
        assert not judge.asked


def test_a_rubric_that_applies_to_no_row_leaves_an_empty_file(here, asks):
    cells = judging.study(here, count=1)  # of the category writing
    with JudgeServer() as judge:
        assert asks(judge, cells, rubrics=["kick_maths"]) == 0
    assert rows() == []


def test_a_cell_that_does_not_belong_to_the_dense_model_s(here, asks):
    judging.study(here, count=2)
    other = judging.cell(here, {("q9", 1): "x"})
    with JudgeServer() as judge, pytest.raises(InputError, match=r"chat.parquet: row 'q9' is none of the benchmark's"):
        asks(judge, [other])
