"""The section on what models write: sentences that follow the table's word, from rows by hand."""

from math import nan

import pandas as pd
from helpers import wrote

from knowcost.aggregate import examples as aggregated
from knowcost.aggregate import rule
from knowcost.report import examples, judged, written
from knowcost.report.table import MINUS
from knowcost.spec.variants import AS_PUBLISHED

NEAR, FAR = "gptq-4bit@overall", "magnitude-60@overall"


def kept(slug, value, **more):
    return wrote.measured(slug, "kept", **{"value": value, "low": value - 5.5, "high": value + 5.5} | more)


def length(slug="dense", **more):
    return wrote.measured(slug, "tokens", **more)


def test_where_nothing_was_written_there_is_no_section():
    assert written.section(wrote.frames(), []) is None and not list(written.answer(wrote.frames()))


def test_sentences_say_how_much_who_is_near_who_is_poorer_and_who_loops():
    rows = [length(n=160, clusters=80), kept("dense", 97.0), kept(NEAR, 80.5), kept(FAR, 12.0)]
    rows += [wrote.measured(FAR, "unique_tokens", value=20.0, dense=60.0, change=-40.0, low=-45.0, high=-35.0,
                            decision=rule.COSTS),
             wrote.measured(NEAR, "unique_tokens", change=-5.0, decision=rule.UNSURE),
             wrote.measured(FAR, "loops", value=31.0, dense=1.0, change=30.0, decision=rule.COSTS)]  # fmt: skip
    assert list(written.sentences(wrote.frames(rows)["written"])) == [
        "m wrote 160 answers on talk (80 independent questions), uncompressed and with each of 2 variants. Most like "
        "the dense model's are the answers with everything in 4 bit (GPTQ), which keep 80.5% (75.0 to 86.0) of them, "
        "least those with everything pruned by 60%, which keep 12.0% (6.5 to 17.5) (the dense model, asked once "
        "more, keeps 97.0%). 1 of 2 variants uses fewer different tokens an answer, most of all everything pruned by "
        "60%: 40.0 (35.0 to 45.0) fewer than the dense model's 60.0. Oftener than the dense model's (1.0%) answers "
        "run in loops with everything pruned by 60% (31.0%)."
    ]


def test_what_is_not_shown_is_not_said():
    rows = [length(), length(NEAR), kept(NEAR, 80.5),
            wrote.measured(NEAR, "loops", value=9.0, change=8.0, decision=rule.UNSURE),
            wrote.measured(NEAR, "unique_tokens", change=-8.0, decision=rule.EQUAL)]  # fmt: skip
    (line,) = written.sentences(wrote.frames(rows)["written"])
    assert (
        "and with one variant. The answers with everything in 4 bit (GPTQ), which keep 80.5% (75.0 to 86.0) of" in line
    )
    assert "of no variant" in line.lower() and "fewer" not in line
    (line,) = written.sentences(wrote.frames([length(clusters=nan)])["written"])
    assert line == "m wrote 40 answers on talk."


def test_the_answer_has_one_sentence_and_doubts_a_doubtful_judge():
    rows, verdict = [length(), kept(FAR, 12.0)], wrote.judgement(FAR, preference=-28.7, low=-36.0, high=-20.0)
    about = [wrote.judge()]
    (line,) = written.answer(wrote.frames(rows, [verdict], about))
    assert line == (
        "What m writes (talk): the answers with everything pruned by 60%, which keep 12.0% (6.5 to 17.5) of the dense "
        "model's; judged by gpt (mt_bench_pair), answers lose to the dense model's own with 1 of 1 variants, most with "
        "everything pruned by 60% (28.7 points (20.0 to 36.0) below even)."
    )
    about = [wrote.judge(flipped_percent=45.0)]
    (line,) = written.answer(wrote.frames(rows, [verdict], about))
    assert line.endswith("; that judge is not to be believed without a second look.")


def test_the_table_has_means_and_below_them_changes():
    rows = [wrote.measured("dense", "repeated", value=4.0), kept("dense", 97.0), kept(NEAR, 80.0, low=70.0, high=90.0),
            wrote.measured(NEAR, "repeated", value=6.0, change=2.0, low=-1, high=5, decision=rule.UNSURE)]  # fmt: skip
    (table,) = written.section(wrote.frames(rows), []).tables
    assert [column.title for column in table.columns] == ["variant", "repeated (%)", "kept of the dense model's (%)"]
    dense, near = table.rows
    assert [cell.text for cell in dense] == ["dense", "4.0", "97.0"] and dense[1].below == dense[2].below == ""
    assert [cell.text for cell in near] == ["everything in 4 bit (GPTQ)", "6.0?", "80.0"]
    assert [cell.below for cell in near[1:]] == [f"+2.0 ({MINUS}1.0 to 5.0)", "70.0 to 90.0"]


def shown(variant, text, length=None, question="q?", turn=1, ended="ended", **more):
    row = {"family": "decoder", "model": "m", "benchmark": "talk", "id": "7", "relation": "maths", "turn": turn}
    row |= {"question": question, "question_length": 600, "variant": variant, "text": text, "ended": ended}
    return row | {"length": len(text) if length is None else length} | more


def test_examples_stand_side_by_side_turn_by_turn():
    rows = [shown("dense", "four", question="2 + 2?" * 100), shown(NEAR, "fo", 900, ended="length"),
            shown("dense", "", turn=2), shown(NEAR, "y", turn=2, ended="window")]  # fmt: skip
    (made,) = examples.examples(pd.DataFrame(rows, columns=aggregated.COLUMNS))
    ((name, (first, second)),) = made.questions
    assert (made.title, name) == ("m on talk", "Question 7 (maths)")
    assert first.question.below == "" and second.question.below == "the first 2 of 600 characters"
    assert [(each.who, each.text, each.below) for each in first.answers] == [
        ("dense", "four", ""),
        ("everything in 4 bit (GPTQ)", "fo", "the first 2 of 900 characters; stopped at the most tokens allowed"),
    ]
    assert [each.below for each in second.answers] == ["no text at all", "stopped at the end of the model's window"]


def test_without_a_judge_the_page_says_how_to_name_one():
    section = written.section(wrote.frames([length()]), [])
    assert section.words[-1] == judged.NO_JUDGE


def test_what_is_there_for_a_paper_s_audit_alone_is_in_no_sentence():
    lost = "magnitude-40@final+lost@final"
    rows = [length(), length(lost), length(NEAR), kept(NEAR, 80.5), kept(lost, 1.0),
            wrote.measured(NEAR, "kept", benchmark="talk@published", experiment=AS_PUBLISHED)]  # fmt: skip
    found = written.section(wrote.frames(rows), [])
    assert not any("lost as published" in text for text in found.words) and "with one variant" in found.words[0]
    assert [line.split(":")[0] for line in written.answer(wrote.frames(rows))] == ["What m writes (talk)"]
    assert [table.title for table in found.tables] == [f"What is written: m on {x}" for x in ("talk", "talk@published")]
