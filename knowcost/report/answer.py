"""The answer: what compression cost in this run, in a few sentences."""

from pathlib import Path

from knowcost.aggregate import tables
from knowcost.common import paths
from knowcost.common.errors import InputError

REFERENCE = 40  # percent: the sparsity at which the answer compares, or the nearest one that was run
KEEP = 95  # percent of the dense model's facts that the answer's smallest model has to keep


def answer(tables_dir):
    """The answer in a few sentences, from a folder of tables."""
    return answer_lines(tables.read(tables_dir))


def answer_lines(tables):
    """What compression cost in this run, as a list of sentences; tables: {name: frame} of tables.read."""
    drops = tables["drops"]
    drops = drops[~drops.assign(slug=drops["variant"].str.replace("canonical.", "")).duplicated(["family", "slug"])]
    lines = [*_about_pruning(drops), *_about_int8(drops), *_about_final(drops), *_about_size(drops)]
    lines = [line for line in lines if line] or [
        "Only dense models were asked so far: there is nothing to compare yet."
    ]
    scores = tables["scores"][tables["scores"]["experiment"] == "dense"]
    means = scores.groupby(["family", "model"], sort=False)["accuracy"].mean().groupby("family", sort=False).mean()
    known = _each({family: f"{100 * mean:.1f}%" for family, mean in means.items()}, "by")
    return [*lines, f"Uncompressed, facts answered right: {known}."] if len(means) else lines


def _about_pruning(drops):
    rows = drops[drops["experiment"] == "prune"]
    methods = list(rows["method"].unique())
    rows = rows[rows["method"] == ("magnitude" if "magnitude" in methods else "".join(methods[:1]))]
    level = _nearest(rows["level"])
    at = rows[(rows["level"] == level) & rows["drop_points"].notna()]
    yield _sentence({f"Pruning everything by {level:.0f}%": at[at["scope"] == "overall"]})
    yield _halves(at[at["scope"].isin(["attention", "feed_forward"])])
    kept = rows[(rows["scope"] == "overall") & (rows["drop_percent"] <= 100 - KEEP)]
    most = kept.groupby("family", sort=False)["level"].max()
    if len(most):
        parts = _each({family: f"{value:.0f}%" for family, value in most.items()}, "for")
        yield f"Highest sparsity of everything that costs at most {100 - KEEP}% of the accuracy: {parts}."


def _halves(rows):
    """Which half of the network suffers more, family by family; None unless both were pruned."""
    real = rows[rows.groupby("family")["measurable"].transform("max") > 0]
    both = real.pivot(index="family", columns="scope", values="drop_points").reindex(real["family"].unique())
    if not {"attention", "feed_forward"} <= set(both.columns):
        return None
    both, clauses = both.dropna(subset=["attention", "feed_forward"]), []
    for worse, better in (("attention", "feed_forward"), ("feed_forward", "attention")):
        some = both[both[worse] > both[better]]
        if len(some):
            words = {family: f"{row[worse]:.1f} against {row[better]:.1f} points" for family, row in some.iterrows()}
            subject = {"attention": "attention costs", "feed_forward": "feed-forward layers cost"}[worse]
            other = {"attention": "attention", "feed_forward": "feed-forward layers"}[better]
            clauses.append(f"{subject} more than {other}: {_each(words, 'on')}")
    return f"At that sparsity {'; '.join(clauses)}." if clauses else None


def _about_int8(drops):
    rows = drops[(drops["experiment"] == "quantize") & (drops["method"] == "int8")]
    names = {"attention": "Int8 in attention", "feed_forward": "in feed-forward layers", "overall": "everywhere"}
    yield _sentence({words: rows[rows["scope"] == scope] for scope, words in names.items()})


def _about_final(drops):
    rows = drops[drops["experiment"].isin(["final_unstructured", "final_structured"])]
    level = _nearest(rows["level"])
    single, whole = (
        rows[(rows["level"] == level) & (rows["experiment"] == name)]
        for name in ("final_unstructured", "final_structured")
    )
    yield _sentence({f"Removing {level:.0f}% of the final layer's single weights": single, "of its rows": whole})


def _about_size(drops):
    parts = {}
    for family, rows in drops.groupby("family", sort=False):
        fit = rows[(rows["kept_percent"] >= KEEP) & (rows["bytes_saved_percent"] > 0)]
        if len(fit):
            best = fit.loc[fit["bytes_saved_percent"].idxmax()]
            parts[family] = f"{_words(best)} ({best['bytes_saved_percent']:.0f}% fewer bytes)"
    if parts:
        yield f"Smallest variant that still knows {KEEP}% of what the dense model knew: {_each(parts, 'for')}."


def _words(row):
    """A variant in words, from its row of the drops table; longer recipes keep their slug."""
    names = {"overall": "everything", "feed_forward": "feed-forward layers", "final": "final layer"}
    scope = names.get(row["scope"], row["scope"].replace("_", "-"))
    forms = {
        "prune": "{scope} pruned by {level:.0f}%",
        "quantize": "{scope} in {method}",
        "prune_quantize": "{scope} pruned by {level:.0f}%, then in {method}",
        "final_unstructured": "{scope} pruned by {level:.0f}%",
        "final_structured": "{level:.0f}% of the {scope}'s rows removed",
    }
    form = forms.get(row["experiment"], row["variant"])
    return form.format(scope=scope, level=row["level"], method=row["method"].rpartition("+")[2])


def _sentence(subjects):
    """One sentence from {subject: rows of the drops table, one per family}; None if no subject has rows."""
    clauses, unit, named = [], " points of accuracy", None
    for subject, rows in subjects.items():
        costs = {}
        for row in rows[rows["drop_points"].notna()].to_dict("records"):
            costs[row["family"]] = "nothing measurable"
            if row["measurable"] and row["drop_points"] > 0:
                costs[row["family"]] = f"{row['drop_points']:.1f}{unit}"
                unit = ""
        if costs:
            words = costs[named] if list(costs) == [named] else _each(costs, "on")
            clauses.append(f"{subject}{'' if clauses else ' costs'} {words}")
            named = next(iter(costs)) if len(costs) == 1 else None
    return "; ".join(clauses) + "." if clauses else None


def _each(words, joint):
    """{family: words} as a list: "a on encoder, b on encoder-decoder and c on decoder models", equal words once."""
    if len(words) > 1 and len(set(words.values())) == 1:
        (text,) = set(words.values())
        return f"{text} in {'any' if text.startswith('nothing') else 'every'} family"
    groups = {}
    for family, text in words.items():
        groups.setdefault(text, []).append(_family(family))
    parts = [f"{text} {joint} {' and '.join(families)}" for text, families in groups.items()]
    last = ", " if any(len(families) > 1 for families in groups.values()) else " and "
    return last.join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:]) + " models"


def _nearest(levels):
    return min(levels.dropna().unique(), key=lambda level: (abs(level - REFERENCE), level), default=REFERENCE)


def _family(name):
    return name.replace("_", "-")


def main():
    """Print the answer of the last run in the current folder."""
    if not any(Path(paths.TABLES).glob("*")):
        raise InputError(f"{paths.TABLES}: no tables in this folder; run `snakemake` or `make demo` here first")
    print("\n".join(f"- {line}" for line in answer(paths.TABLES)))
    print(f"The whole study: {paths.REPORT}")
