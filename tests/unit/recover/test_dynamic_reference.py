"""What is chosen, against a slow computation of its own: plain transformers, which reads the prompts as part of the
text under masks that are put together here, and says how its eager attention looked."""

import pytest
import torch
from helpers import tiny

from knowcost.recover.dynamic import Dynamic

LENGTHS = (3, 5, 7)
LOW = torch.finfo(torch.float32).min
LEARNED = ("opt", "gpt2")


def starts(model_type):
    """Where each prompt begins among the positions: it ends before position 7, or stands where it was trained."""
    return [0 if model_type in LEARNED else 7 - length for length in LENGTHS]


def mask_of(rows, width, shown):
    """(rows, 1, 15 + width, 15 + width) of zeros and LOW: prompts see themselves, the text sees what is shown."""
    mask = torch.full((rows, 1, 15 + width, 15 + width), LOW)
    begin = 0
    for prompt, length in enumerate(LENGTHS):
        for one in range(length):
            for other in range(one + 1):
                mask[:, 0, begin + one, begin + other] = 0
        for row in range(rows):
            if prompt in shown[row]:
                mask[row, 0, 15:, begin : begin + length] = 0
        begin += length
    for one in range(width):
        mask[:, 0, 15 + one, 15 : 15 + one + 1] = 0
    return mask


class Reference:
    def __init__(self, kind, prompts, ids, contexts):
        self.model = tiny.model(kind)
        self.model.set_attn_implementation("eager")
        self.kind, self.ids, self.contexts = kind, ids, contexts
        embedded = self.model.get_input_embeddings()(ids)
        self.embedded = torch.cat([torch.cat(prompts).expand(len(ids), -1, -1), embedded], dim=1)
        names = ("self_attn", "attention", "attn")
        self.layers = [part for name, part in self.model.named_modules() if name.split(".")[-1] in names]
        assert len(self.layers) == 2

    def run(self, shown, begins):
        """(logits of the text, attention of every layer). shown: per layer, row by row, which prompts the text sees;
        begins: the position of each row's first token."""
        rows, width = self.ids.shape
        hooks = []
        for layer, of_layer in zip(self.layers, shown, strict=True):
            mask = mask_of(rows, width, of_layer)

            def put(module, args, kwargs, mask=mask):
                assert kwargs["attention_mask"].shape == mask.shape
                return args, kwargs | {"attention_mask": mask}

            hooks.append(layer.register_forward_pre_hook(put, with_kwargs=True))
        places = [[start + i for start, length in zip(starts(self.kind), LENGTHS, strict=True) for i in range(length)]
                  + [begin + i for i in range(width)] for begin in begins]  # fmt: skip
        output = self.model(
            inputs_embeds=self.embedded,
            attention_mask=mask_of(rows, width, [range(3)] * rows),
            position_ids=torch.tensor(places),
            use_cache=False,
            output_attentions=True,
        )
        for hook in hooks:
            hook.remove()
        return output.logits[:, 15:], output.attentions

    def means(self, attention, row):
        """Of one row of one layer: the mean attention for each prompt."""
        found, begin = [], 0
        for length in LENGTHS:
            total = 0.0
            for token in range(self.contexts[row]):
                for other in range(length):
                    total += attention[row, :, 15 + token, begin + other].mean().item()
            found.append(total / self.contexts[row] / length)
            begin += length
        return found


def per_layer(reference):
    """(lengths chosen row by row, logits): layer after layer, each with those before it masked already."""
    rows = len(reference.ids)
    shown = [[range(3)] * rows for _ in reference.layers]
    chosen = [[] for _ in range(rows)]
    for layer in range(len(reference.layers)):
        attention = reference.run(shown, [7] * rows)[1][layer]
        for row in range(rows):
            means = reference.means(attention, row)
            best = means.index(max(means))
            chosen[row].append(LENGTHS[best])
            shown[layer] = [*shown[layer][:row], [best], *shown[layer][row + 1 :]]
    return chosen, reference.run(shown, [7] * rows)[0]


def per_input(reference):
    rows = len(reference.ids)
    _, attentions = reference.run([[range(3)] * rows] * len(reference.layers), [7] * rows)
    chosen = []
    for row in range(rows):
        by_layer = [reference.means(attention, row) for attention in attentions]
        means = [sum(each) / len(by_layer) for each in zip(*by_layer, strict=True)]
        chosen.append([LENGTHS[means.index(max(means))]])
    shown = [[[LENGTHS.index(length)] for [length] in chosen]] * len(reference.layers)
    begins = [length if reference.kind in LEARNED else 7 for [length] in chosen]
    return chosen, reference.run(shown, begins)[0]


@pytest.mark.parametrize("reading", [per_layer, per_input])
@pytest.mark.parametrize("kind", ["llama", "opt", "gpt2", "gpt_neox", "qwen2"])
def test_what_is_chosen_and_said(kind, reading):
    draw = torch.Generator().manual_seed(3)
    ids = torch.randint(6, 100, (12, 9), generator=draw)
    contexts = [1 + row % 8 for row in range(12)]
    model = tiny.model(kind)
    near = model.get_input_embeddings().weight[7].detach()  # so that inputs differ in which they attend to
    prompts = [near + 0.3 * torch.randn(length, 16, generator=draw) for length in LENGTHS]
    chooser = Dynamic(model, prompts, per_layer=reading is per_layer)
    with torch.no_grad():
        expected, logits = reading(Reference(kind, prompts, ids, contexts))
        with chooser.reading(contexts):
            torch.testing.assert_close(model(ids).logits, logits, atol=1e-5, rtol=1e-4)
    assert chooser.chosen() == expected
    if kind not in LEARNED:  # whose choices hardly vary; else nothing was shown
        assert len({length for row in expected for length in row}) > 1
