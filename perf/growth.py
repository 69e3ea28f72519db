"""How CPU time grows: with tokens of context, choices, variants and parameters, where a model is asked; with variants
and parameters, where it is compressed.

    python perf/growth.py [--model FOLDER] [--questions 16] [--short]

Four points each, on one thread, with made-up questions and Llamas of random weights (--model: the tokens once more with
a real one), our engine and plain HFLM with eight prompts a batch; archives kept in full beside a copy and the sha256 of
the same files. The exponent is fitted to the logarithms: 1 is linear. Attention compares each token with each before
it, so tokens cost a little more than linearly in any engine. Ours holds an answer against a plain one before it trusts
a model's cache, which is in every point and counts for less with more --questions.
"""

import argparse
import copy
import shutil
import tempfile
import time
from pathlib import Path

import torch
from harness_asked import by_hflm, by_knowcost
from machine import told
from made_up import prepare_questions, save_model
from pruning import make_model
from rows import Row, exponent, say, table

from knowcost.common import files, heap
from knowcost.compress.archive import make as archive
from knowcost.models.load import load
from knowcost.score.respondent import Respondent
from knowcost.spec.architectures import family_of

LINEAR = 0.15  # an exponent that is no further from 1 is
SHAPE = (32, 4, 3)  # words of a question, choices, words of each
TOKENS, CHOICES, VARIANTS = (64, 128, 256, 512), (2, 4, 8, 16), (1, 2, 4, 8)
SIZES = ((4, 256), (6, 384), (8, 512), (12, 640))  # layers, width
HEAD = ("what grows", "points", "ours, CPU s", "exponent", "", "theirs, CPU s", "exponent")


def respondent(folder):
    """A model that can be asked."""
    model, tokenizer = load(folder, "float32", "cpu")
    return Respondent(model, tokenizer, family_of(model.config.model_type))


def words(tokenizer):
    """Words that are one token each, behind a space."""
    found = [token[1:] for token in tokenizer.get_vocab() if token[:1] in "\u0120\u2581"]
    return sorted(word for word in found if word.isascii() and word.isalpha()) or None


class Growth:
    """Measures what grows. folder: to work in; questions: how many are asked; times: a point is the least of them."""

    def __init__(self, folder, questions, times):
        self.folder, self.questions, self.times = folder, questions, times
        self.model = save_model(folder / "model")
        self.lines, self.rows = [], []

    def file(self, shape, own=None):
        """Questions of a shape, of the model's own words if it has others."""
        name = "-".join(map(str, (*shape, "own" if own else "made-up")))
        return prepare_questions(self.folder / f"{name}.parquet", self.questions, *shape, own)

    def asked(self, variants, file):
        """[ours, theirs]: CPU seconds of asking so many models."""
        ours = min(sum(by_knowcost(who, file, self.questions).cpu for who in variants) for _ in range(self.times))
        theirs = min(sum(by_hflm(who, file, self.questions, 8).cpu for who in variants) for _ in range(self.times))
        return ours, theirs

    def asking(self):
        """Tokens, choices and variants of one model, and parameters."""
        who = respondent(self.model)
        self.tokens("tokens of context", who)
        _, _, answer = SHAPE
        points = {choices: self.asked([who], self.file((SHAPE[0], choices, answer))) for choices in CHOICES}
        self.add("choices", points)
        others = [who] + [Respondent(copy.deepcopy(who.model), who.tokenizer, who.family) for _ in range(7)]
        file = self.file(SHAPE)
        self.add("variants asked", {count: self.asked(others[:count], file) for count in VARIANTS})
        points = {}
        for place in self.sizes():
            sized = respondent(place)
            points[sized.model.num_parameters()] = self.asked([sized], file)
        self.add("parameters asked", points)

    def tokens(self, what, who):
        own = words(who.tokenizer)
        self.add(what, {count: self.asked([who], self.file((count, 2, 3), own)) for count in TOKENS})

    def sizes(self):
        """Models of every size, the smallest first."""
        for layers, width in SIZES:
            place = self.folder / f"model-{width}"
            yield place if place.exists() else save_model(place, layers=layers, width=width)

    def compressing(self):
        """Variants of one model, and parameters."""
        levels = {count: [str(10 * (1 + i)) for i in range(count)] for count in VARIANTS}
        self.add("variants compressed", {count: self.compressed(self.model, levels[count]) for count in VARIANTS})
        points = {}
        for place in self.sizes():
            points[sum(file.stat().st_size for file in place.glob("*.safetensors")) // 4] = self.compressed(
                place, ["50"]
            )
        self.add("parameters compressed", points)

    def compressed(self, model, levels):
        """(ours, theirs): CPU seconds of archives at so many levels; of as many copies and their sha256."""
        out = self.folder / "out"
        if not (model / "source.json").exists():
            make_model(model)

        def ours():
            archive.make_thresholds(
                model, [("paper", "overall", [int(level) for level in levels])], out / "levels.json"
            )
            inputs = archive.Inputs(model, out / "levels.json")
            for level in levels:
                archive.make_archive("bench", f"magnitude-{level}@overall", inputs, out / level)

        def theirs():
            for level in levels:
                shutil.copytree(model, out / level)
                [files.sha256(file) for file in (out / level).iterdir()]

        return [min(self.cpu(way, out) for _ in range(self.times)) for way in (ours, theirs)]

    def cpu(self, way, out):
        """CPU seconds of one way, into an empty folder."""
        out.mkdir()
        start = time.process_time()
        way()
        taken = time.process_time() - start
        shutil.rmtree(out)
        return taken

    def add(self, what, points):
        """Print a line of points {amount: (ours, theirs)}."""
        mine, its = (exponent({amount: both[place] for amount, both in points.items()}) for place in (0, 1))
        word = "linear" if abs(mine - 1) <= LINEAR else "less than linear" if mine < 1 else "more than linear"
        seconds = [", ".join(f"{both[place]:.2g}" for both in points.values()) for place in (0, 1)]
        amounts = ", ".join(f"{amount:,}" if amount < 1e5 else f"{amount / 1e6:.1f} M" for amount in points)
        self.lines.append((what, amounts, seconds[0], f"{mine:.2f}", word, seconds[1], f"{its:.2f}"))
        reached = mine <= max(1 + LINEAR, its + LINEAR)
        self.rows.append(
            Row(f"growth with {what}", f"x^{mine:.2f}", f"x^{its:.2f}", "", "linear, or as theirs", reached)
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a folder that transformers loads")
    parser.add_argument("--questions", type=int, default=16)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    heap.keep_freed()  # as every job does
    with tempfile.TemporaryDirectory() as folder:
        growth = Growth(Path(folder), 4 if options.short else options.questions, 1 if options.short else 3)
        growth.asking()
        if options.model:
            growth.tokens(f"tokens of context, {options.model.name}", respondent(options.model))
        growth.compressing()
    print(f"{told()}\n\n{table(HEAD, growth.lines, options.markdown)}")
    say(*growth.rows)


if __name__ == "__main__":
    main()
