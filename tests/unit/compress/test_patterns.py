import subprocess
import sys

import pytest

from knowcost.common.errors import InputError
from knowcost.compress import patterns
from knowcost.compress.methods.magnitude_layer import MagnitudeLayer
from knowcost.compress.methods.sparsegpt import SparseGPT
from knowcost.compress.methods.wanda import Wanda
from knowcost.spec.levels import Pattern


def test_counts_are_the_authors():
    # By hand from their code: int(columns * sparsity) per row; the value at index int(n * sparsity) goes as well.
    half, third, two_of_four = Pattern(sparsity=0.5), Pattern(sparsity=0.3), Pattern(n=2, m=4)
    assert Wanda().promised_zeros(3, 9, half) == 3 * 4
    assert MagnitudeLayer().promised_zeros(3, 9, half) == 14
    assert SparseGPT().promised_zeros(3, 9, half) == 14
    assert SparseGPT().promised_zeros(2, 300, third) == (76 + 1) + (76 + 1) + (26 + 1)
    assert SparseGPT().promised_zeros(2, 300, two_of_four) == 300
    assert Wanda().promised_zeros(2, 12, Pattern(n=1, m=4)) == 18
    assert MagnitudeLayer().promised_zeros(2, 12, Pattern(n=3, m=4)) == 6
    with pytest.raises(ValueError, match="not N:M"):
        patterns.zeros_of_groups(2, 12, half)


def test_n_of_m_are_kept():
    assert str(Pattern(n=1, m=4)) == "1:4"
    assert Wanda().promised_zeros(1, 4, Pattern(n=1, m=4)) == 3
    assert str(Pattern(sparsity=0.05)) == "5%"


@pytest.mark.parametrize(
    "wrong",
    [{}, {"sparsity": 0}, {"sparsity": 1.0}, {"n": 4, "m": 4}, {"n": 0, "m": 4}, {"n": 2}, {"sparsity": 0.5, "m": 4}],
)
def test_an_impossible_pattern_is_refused(wrong):
    with pytest.raises(InputError):
        Pattern(**wrong)


def test_what_a_layer_cannot_hold_is_refused():
    patterns.check_pattern(12, Pattern(n=2, m=4))
    patterns.check_pattern(13, Pattern(sparsity=0.5))
    with pytest.raises(InputError, match=r"lm_head: its 30 inputs.*groups of 4.*2:4"):
        patterns.check_pattern(30, Pattern(n=2, m=4), "lm_head")
    patterns.check_quantization(30, 3)
    patterns.check_quantization(30, 8, 15)
    for bits in (1, 5, 16):
        with pytest.raises(InputError, match="2, 3, 4, 8"):
            patterns.check_quantization(32, bits)
    for group_size in (0, 7, 64):
        with pytest.raises(InputError, match=f"groups of {group_size}"):
            patterns.check_quantization(32, 4, group_size)


@pytest.mark.parametrize(("m", "width"), [(4, 128), (8, 128), (3, 126), (200, 200)])
def test_no_group_crosses_a_block(m, width):
    assert patterns.block_width(Pattern(n=1, m=m)) == width


def test_the_plan_needs_no_torch():
    code = "import sys, knowcost.compress.patterns; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
