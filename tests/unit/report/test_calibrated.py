"""What calibration saw, on texts and questions small enough to count by hand."""

import pytest

from knowcost.benchmarks import prepared
from knowcost.common.errors import InputError
from knowcost.compress.calibration import texts
from knowcost.report.calibrated import saw, standing, words_of

CLOZES = (
    "id,cloze,answer\n"
    "1,Ada Byron was born in [MASK].,London\n"
    "2,Ada Byron speaks [MASK] at home.,English\n"
    "3,Ada is [MASK].,here\n"  # three words: not looked for
)
WINOGRANDE = (
    '{"qID": "w1", "sentence": "The cup fell off _ for good.", "option1": "it", "option2": "us", "answer": "2"}'
)
USED = {"calibration": {"name": "c4", "source": "allenai/c4", "samples": 8, "length": 64, "texts": 2}}


@pytest.fixture
def benchmarks(tmp_path):
    made = []
    for name, format_, text in (("own", "cloze", CLOZES), ("wino", "winogrande", WINOGRANDE)):
        source = tmp_path / f"{name}.{'csv' if name == 'own' else 'jsonl'}"
        source.write_text(text)
        made.append(tmp_path / f"{name}.parquet")
        prepared.prepare({"name": name, "format": format_}, source, made[-1])
    return made


def prepare(folder, *said):
    source, out = folder / "said.csv", folder / "said.arrow"
    source.write_text("text\n" + "".join(f'"{text}"\n' for text in said))
    texts.prepare({"name": "c4"}, source, out)
    return out


def test_sentences_that_stand_word_for_word_are_counted(tmp_path, benchmarks):
    out = prepare(
        tmp_path,
        "I heard: ADA Byron was born in\nLondon, or so. Ada Byron speaks French at home.",
        "the cup fell off it for good; the cup fell off us",
    )
    assert saw([USED, {}], {"c4": out}, benchmarks) == [
        "c4: 8 windows of 64 tokens from 2 texts of allenai/c4. 1 of the 3 sentences that benchmarks ask (33.3%) "
        "stands in these texts word for word."
    ]


def test_a_gap_holds_the_right_answer(tmp_path, benchmarks):
    said = saw([USED], {"c4": prepare(tmp_path, "The cup fell off us for good")}, benchmarks)
    assert "1 of the 3 sentences" in said[0]


def test_none_is_said_where_none_stands_there(tmp_path, benchmarks):
    said = saw([USED], {"c4": prepare(tmp_path, "Ada Byron was born in Londonderry.")}, benchmarks)
    assert said[0].endswith("None of the 3 sentences that benchmarks ask stands in these texts word for word.")


def test_texts_that_are_gone_are_not_spoken_of(tmp_path, benchmarks):
    assert "not looked at" in saw([USED], {"c4": tmp_path / "gone.arrow"}, benchmarks)[0]
    assert "not looked at" in saw([USED], {}, benchmarks)[0]


def test_a_study_without_calibration_says_nothing(benchmarks):
    assert saw([{}], {}, benchmarks) == []


def test_damaged_texts_are_named(tmp_path, benchmarks):
    out = prepare(tmp_path, "Ada Byron was born in Oslo.")
    out.write_bytes(out.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"said\.arrow"):
        saw([USED], {"c4": out}, benchmarks)


def test_sentences_that_begin_alike_are_told_apart():
    asked = [words_of("a b c d e"), words_of("a b c d f"), words_of("b c d e")]
    assert standing(asked, ["x A, b c d e!"]) == {asked[0], asked[2]}
