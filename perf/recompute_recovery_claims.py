"""The findings of "Do Compressed LLMs Forget Knowledge?" on recoveries as comparisons, by docs/recovery.md and with
nothing of knowcost; recompute_claims.py measures them. Those about texts (perplexity, attention) are not recomputed."""

import re
from collections import defaultdict

PRUNING = ("magnitude", "magnitude_layer", "wanda", "sparsegpt")
PROMPTS = ("prompt", "dynamic_prompt")
RECOVERED = re.compile(r"^(?P<base>(?P<by>[a-z_0-9]+?)(-[^@^~+]+)?@overall)\^(?P<how>(?P<method>[a-z_]+)-r?[0-9+]+)$")


def recovered(slugs):
    """{compressed variant: {(method, recovery): variant}}: in one step, on the study's main data, without options."""
    found = defaultdict(dict)
    for slug in sorted(slugs):
        match = RECOVERED.match(slug)
        if match and match["base"] in slugs and match["by"] != "dense":
            found[match["base"]][match["method"], match["how"]] = slug
    return found


def less(more, fewer):
    """The mean of these variants less the mean of those."""
    return {None: dict.fromkeys(more, 1 / len(more)) | dict.fromkeys(fewer, -1 / len(fewer))}


def by(each, *methods):
    return [slug for (method, _), slug in each.items() if method in methods]


def prompts_and_lora(sign):
    def of(slugs):
        sides = [(by(each, *PROMPTS), by(each, "lora")) for each in recovered(slugs).values()]
        return [less(*pair[::sign]) for pair in sides if all(pair)]

    return of


def prefix(slugs):
    return [less([base], found) for base, each in recovered(slugs).items() if (found := by(each, "prefix"))]


def quantized(slugs):
    made, comparisons = recovered(slugs), []
    pruned = [base for base in made if base.startswith(tuple(f"{method}-" for method in PRUNING))]
    for bits in set(made) - set(pruned):
        for zeros in pruned:
            shared = [key for key in made[bits] if key in made[zeros] and key[0] != "prefix"]
            if shared:
                gained = less([made[bits][key] for key in shared], [made[zeros][key] for key in shared])
                comparisons.append({None: gained[None] | {bits: -1, zeros: 1}})
    return comparisons


def longer(slugs):
    comparisons = []
    for each in recovered(slugs).values():
        prompts = sorted(by(each, "prompt"), key=lambda slug: int(slug.rpartition("-")[2]))
        if len(prompts) > 1:
            comparisons.append({None: {"dense": 0.01, prompts[0]: 1, prompts[-1]: -1}})
    return comparisons


def dynamic(slugs):
    comparisons = []
    for each in recovered(slugs).values():
        for slug in by(each, "dynamic_prompt"):
            base, _, recovery = slug.partition("^")
            parts = [f"{base}^prompt-{size}" for size in recovery.partition("-")[2].split("+")]
            comparisons += [less([slug], [part]) for part in parts if part in slugs]
    return comparisons


CLAIMS = {
    "recover_world": (("decoder",), prompts_and_lora(1)),
    "recover_language": (("decoder",), prompts_and_lora(-1)),
    "recover_prefix": (("decoder",), prefix),
    "recover_quantized": (("decoder",), quantized),
    "recover_longer_errors": (("decoder",), longer),
    "recover_dynamic": (("decoder",), dynamic),
}
COLUMNS = {"recover_world": {"distractor1", "options", "answers"}, "recover_language": {"option1", "endings"}}


def models_of(name, models):
    """The cells that a finding speaks of: those of its domain, by what their questions look like."""
    wanted = COLUMNS.get(name)
    return [[cell for cell in each if not wanted or wanted & set(cell.facts.columns)] for each in models]
