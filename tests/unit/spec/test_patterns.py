"""Patterns made out of names."""

import pytest

from knowcost.spec import patterns
from knowcost.spec.scopes import matches


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["head"], ["head"]),
        (["h.#.a.q", "h.#.a.k", "h.#.m.up"], ["h.#.a.{q,k}", "h.#.m.up"]),
        (["l.#.in.dense", "l.#.out.dense", "l.#.att.out.dense"], ["l.#.{in,out}.dense", "l.#.att.out.dense"]),
        (["e.l.#.fc1", "e.l.#.fc2", "d.l.#.fc1", "d.l.#.fc2"], ["{e,d}.l.#.{fc1,fc2}"]),
        (["e.l.#.fc1", "d.l.#.fc2"], ["e.l.#.fc1", "d.l.#.fc2"]),  # neither e.l.#.fc2 nor d.l.#.fc1 is meant
        (["{moe,mlp}.e.#.w1", "{moe,mlp}.e.#.w2"], ["{moe,mlp}.e.#.{w1,w2}"]),
    ],
)
def test_few_patterns_match_the_names_and_nothing_else(names, expected):
    assert patterns.compact(names) == expected


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("layers.#.fc", "layers.#.fc", "layers.#.fc"),
        ("layers.#.moe.gate", "layers.#.mlp.gate", "layers.#.{moe,mlp}.gate"),
        ("embed_out", "lm_head", "{embed_out,lm_head}"),
        ("encoder.layers.#.fc", "layers.#.fc", "layers.#.fc"),
    ],
)
def test_the_pattern_of_two_names_of_one_layer_matches_both(one, other, expected):
    pattern = patterns.either(one, other)
    assert pattern == expected
    assert all(matches(pattern, f"model.{patterns.numbered(name)}") for name in (one, other))


def test_numbers_of_layers_become_marks_and_back():
    assert patterns.unnumbered("h.12.mlp.experts.3.w1") == "h.#.mlp.experts.#.w1"
    assert patterns.unnumbered("layer2.fc1") == "layer2.fc1"
    assert patterns.numbered("h.#.mlp.w1") == "h.0.mlp.w1"
