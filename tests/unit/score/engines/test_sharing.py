"""Which beginnings requests share: expected ones by hand."""

import random

from knowcost.score.engines import sharing
from knowcost.score.engines.sharing import Branch, Stem

CONTEXT = tuple(range(100, 120))


def test_choices_share_their_context():
    requests = {0: (CONTEXT, [1, 2, 3]), 1: (CONTEXT, [4]), 2: (CONTEXT, [5]), 3: (CONTEXT, [1, 2, 6])}
    [stem] = sharing.of_decoder(requests, dict.fromkeys(requests, 0), window=64)
    assert stem == Stem(CONTEXT, {(1, 2): [0, 3], (): [1, 2]}, keep=1)  # the last token of an answer is not read


def test_a_pair_shares_what_is_before_its_gap():
    """WinoGrande: two contexts, one answer."""
    one, other = [*CONTEXT, 1, 2], [*CONTEXT, 3, 2]
    [stem] = sharing.of_decoder({0: (one, [7, 8]), 1: (other, [7, 8])}, {0: 0, 1: 0}, window=64)
    assert stem == Stem(CONTEXT, {(1, 2, 7): [0], (3, 2, 7): [1]}, keep=1)


def test_rows_that_share_too_little_are_read_whole():
    one, other = [1, 2, 3], [1, 2, 4]
    stems = sharing.of_decoder({0: (one, [7, 8]), 1: (other, [7, 8])}, {0: 0, 1: 0}, window=64)
    assert stems == [Stem((1, 2, 3, 7), {(): [0]}, keep=2), Stem((1, 2, 4, 7), {(): [1]}, keep=2)]


def test_answers_that_begin_alike_share_no_more_than_the_context():
    requests = {0: (CONTEXT, [1, 2, 3]), 1: (CONTEXT, [1, 2, 4, 5])}
    [stem] = sharing.of_decoder(requests, {0: 0, 1: 0}, window=64)
    assert stem.tokens == CONTEXT and stem.tails == {(1, 2): [0], (1, 2, 4): [1]}


def test_a_row_has_the_last_tokens_of_a_window():
    requests = {0: (CONTEXT, [1]), 1: (CONTEXT, [2, 3])}
    stems = sharing.of_decoder(requests, {0: 0, 1: 1}, window=4)
    assert [stem.tokens for stem in stems] == [(116, 117, 118, 119), (117, 118, 119, 2)]
    assert [stem.keep for stem in stems] == [1, 2]


def test_equal_contexts_of_several_questions_are_one_stem():
    requests = {0: (CONTEXT, [1]), 1: (CONTEXT, [2])}
    assert len(sharing.of_decoder(requests, {0: 0, 1: 1}, window=64)) == 1
    stems = sharing.of_encoder_decoder({0: (CONTEXT, [1, 2]), 1: (CONTEXT, [3])}, window=64)
    assert stems == [Stem(CONTEXT, {(1,): [0], (): [1]})]


def test_beginnings_within_beginnings():
    shots = tuple(range(1000, 1100))
    subject = (*shots, *range(2000, 2050))
    stems = [Stem((*subject, 1, 5)), Stem((*subject, 2)), Stem((*shots, 3)), Stem((*shots, 4, 4)), Stem((9, 9))]
    branch = sharing.branched(stems, least=40)
    assert branch.stems == [stems[4]]
    [below] = branch.branches
    assert (below.length, below.tokens) == (100, shots) and below.stems == [stems[2], stems[3]]
    [innermost] = below.branches
    assert (innermost.length, innermost.tokens) == (150, subject[100:])
    assert innermost.stems == [stems[0], stems[1]]


def test_what_is_not_worth_a_pass_does_not_hide_what_is():
    few = tuple(range(1000, 1040))
    many = (*few, *range(2000, 3000))
    stems = [Stem((*many, 1)), Stem((*many, 2)), Stem((*few, 3))]
    branch = sharing.branched(stems, least=1000)
    assert branch.stems == [stems[2]]
    assert [(each.length, each.tokens) for each in branch.branches] == [(1040, many)]


def test_a_beginning_leaves_every_stem_what_somebody_needs_of_it():
    stems = [Stem(CONTEXT * 5, keep=4), Stem((*CONTEXT * 5, 1))]
    [branch] = sharing.branched(stems, least=1).branches
    assert branch.length == 96 and len(branch.stems) == 2


def test_every_stem_is_in_the_tree_once():
    draw = random.Random(0)
    stems = {tuple(draw.randrange(2) for _ in range(draw.randrange(1, 300))) for _ in range(50)}
    shared = tuple(draw.randrange(2) for _ in range(200))
    stems |= {(*shared[: draw.randrange(1, 200)], *(draw.randrange(2) for _ in range(9))) for _ in range(200)}
    made = [Stem(tokens) for tokens in sorted(stems)]

    def below(branch: Branch, before: tuple[int, ...]) -> list[Stem]:
        assert len(before) == branch.length
        assert all(stem.tokens[: branch.length] == before and len(stem.tokens) > len(before) for stem in branch.stems)
        deeper = [stem for each in branch.branches for stem in below(each, before + each.tokens)]
        return branch.stems + deeper

    assert sorted(below(sharing.branched(made, least=40), ()), key=lambda stem: stem.tokens) == made


def test_common_as_one_by_one():
    draw = random.Random(1)
    for _ in range(300):
        one, other = (tuple(draw.randrange(2) for _ in range(draw.randrange(9))) for _ in range(2))
        other = one[: draw.randrange(9)] + other
        counted = next(
            (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
        )
        assert sharing.common(one, other) == counted
