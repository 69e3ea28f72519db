"""Questions asked by our engine (knowcost/score/engines/lm_eval.py) and by plain lm_eval's HFLM, on the same models.

    python perf/harness.py [--models FOLDER ...] [--data FOLDER] [--tasks NAME ...] [--questions 40]
                           [--threads 1 all] [--dtype float32] [--short] [--markdown]

CPU seconds, each model and number of threads in a process of its own, on models that are loaded: the harness's
requests, tokens, forward passes and rows. The task object is the same for both, so questions and prompts are. HFLM has
the batch size of 1, 4, 8, 16 and 32 that is the fastest on eight questions; it is asked before and after ours, and its
lower time counts. Ours is asked twice, as two variants of a job: `next` has what is made once per job already.

--models: folders that transformers loads; without any, models of random weights. --data: raw benchmarks in the layout
of DATA below, ../shared/data beside the repository if it is there; those that are not there are left out, and models of
random weights are asked made-up questions in the shapes of real ones. --questions: of each task, a quarter of it of
five-shot MMLU. --dtype bfloat16 or float16 measures something else: how far ours is from HFLM with one prompt a batch,
beside how far HFLM with eight is from that. --short: for `make bench`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from machine import told
from rows import HEAD, beside, say, table

ROOT = Path(__file__).resolve().parents[1]
# {task: (format, place in --data)}
DATA = {
    "boolq": ("boolq", "boolq/validation.jsonl"),
    "piqa": ("piqa", "piqa/valid.jsonl"),
    "arc-easy": ("arc", "arc/ARC-Easy-Test.jsonl"),
    "arc-challenge": ("arc", "arc/ARC-Challenge-Test.jsonl"),
    "hellaswag": ("hellaswag", "hellaswag/validation.jsonl.gz"),
    "sciq": ("sciq", "sciq/validation.jsonl"),
    "winogrande": ("winogrande", "winogrande/winogrande_xl-validation.jsonl"),
    "mmlu-5shot": ("mmlu_5shot", "mmlu"),
    "lambada": ("lambada", "lambada/lambada_test.jsonl"),
    "webquestions": ("webquestions", "webquestions/test.json"),
    "triviaqa": ("triviaqa", "triviaqa/rc.wikipedia.nocontext-validation.jsonl.gz"),
}
# Hoang et al. 2024, as in config/presets/recovery.benchmarks.tsv.
NINE = ("arc-easy", "arc-challenge", "sciq", "webquestions", "triviaqa", "piqa", "hellaswag", "lambada", "winogrande")
# Made-up questions in the shape of a task's: words before the choices, choices, words of each.
SHAPES = {
    "like boolq": (130, 2, 1),
    "like piqa": (10, 2, 22),
    "like arc-easy": (25, 4, 4),
    "like hellaswag": (60, 4, 28),
    "like sciq": (105, 4, 2),
}
GOALS = {"sciq": 3, "arc-easy": 2, "hellaswag": 1.8}  # decoders: HFLM's CPU / ours; no other task more than 5% slower
TOGETHER, LEAST = 1.7, 0.95
SIZES = [1, 4, 8, 16, 32]


def prepare(data, wanted, folder):
    """{task: file} of the raw benchmarks that are there; says which are not."""
    from knowcost.benchmarks import prepared

    found = {}
    for name in wanted:
        format, place = DATA[name]
        if not (data / place).exists():
            print(f"{name} is left out: no {place} in {data}", file=sys.stderr)
            continue
        found[name] = str(folder / f"{name}.parquet")
        prepared.prepare({"name": name, "format": format}, data / place, found[name])
    return found


def asked(model, files, threads, options):
    """What harness_asked.py says of each task, as it comes."""
    questions = {file: options.questions for file in files.values()}
    questions |= {file: -(-options.questions // 4) for name, file in files.items() if name == "mmlu-5shot"}
    job = {"model": str(model), "files": files, "questions": questions, "threads": threads}
    job |= {"dtype": options.dtype, "sizes": options.sizes}
    command = [sys.executable, str(Path(__file__).with_name("harness_asked.py")), json.dumps(job)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryFile("w+") as said:  # the harness's progress bars
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environment) as process:
            yield from (json.loads(line) for line in process.stdout if line.startswith("{"))
        said.seek(0)
        if process.returncode:
            raise SystemExit(f"{model}: asking ended with status {process.returncode}\n{said.read()[-2000:]}")


COST = (
    "task",
    "questions",
    "HFLM, CPU s",
    "again",
    "batch size",
    "ours, CPU s",
    "next",
    "HFLM / ours",
    "next",
    "passed",
)
COST += ("apart by", "verdicts")
NOISE = ("task", "questions", "ours: most", "mean", "verdicts", "HFLM, 8 a batch: most", "mean", "verdicts")


def cost_line(each):
    """A task's cells under COST."""
    ratios = [each["theirs_cpu"] / each["first_cpu"], each["theirs_cpu"] / each["next_cpu"]]
    ratios.append(each["theirs_wall"] / each["first_wall"])
    seconds = [f"{each[name]:.1f}" for name in ("theirs_cpu", "again_cpu", "first_cpu", "next_cpu")]
    return (
        each["task"],
        str(each["questions"]),
        *seconds[:2],
        str(each["batch_size"]),
        *seconds[2:],
        *(f"{ratio:.2f}" for ratio in ratios),
        number(each["most"]),
        str(each["verdicts"]),
    )


def noise_line(each):
    """A task's cells under NOISE."""
    ours, eight = each["ours"], each["eight"]
    values = [(number(one["most"]), number(one["mean"]), str(one["verdicts"])) for one in (ours, eight)]
    return each["task"], str(ours["questions"]), *values[0], *values[1]


def number(value):
    """A difference of log-likelihoods; there is none of texts."""
    return "-" if value is None else f"{value:.1e}"


def together(found, names, what):
    """The sum over tasks, each per question, so that all weigh as a study weighs them that asks as many of each; or
    None where one is missing."""
    tasks = [each for each in found if each["task"] in names]
    if len(tasks) < len(names):
        return None
    keys = [key for key in tasks[0] if key.endswith(("_cpu", "_wall"))]
    questions = max(each["questions"] for each in tasks)
    sums = {key: questions * sum(each[key] / each["questions"] for each in tasks) for key in keys}
    amounts = {"questions": sum(each["questions"] for each in tasks), "batch_size": ""}
    far = max(each["most"] for each in tasks if each["most"] is not None)
    return {"task": what, **amounts, **sums, "most": far, "verdicts": sum(each["verdicts"] for each in tasks)}


def judged(found, where, decoder):
    """Rows of bench's table: each task beside its goal, and what is together."""
    rows = []
    for each in found:
        name = each["task"].removeprefix("like ")
        least = GOALS.get(name, LEAST) if decoder else LEAST
        least = TOGETHER if name.startswith(("the nine", "all")) else least
        rows.append(beside(f"{each['task']}, {where}", each["first_cpu"], each["theirs_cpu"], "s of CPU", least))
    return rows


def measure(model, files, threads, options):
    """Print the table of one model and number of threads, and hand its rows on."""
    costs = options.dtype == "float32"
    where = f"{model.name}, {threads} thread{'s' if threads > 1 else ''}"
    found = []
    for each in asked(model, files, threads, options):
        found.append(each)
        print(f"  {where}: {each['task']}", file=sys.stderr, flush=True)
    if costs:
        decoder = "T5" not in model.joinpath("config.json").read_text()
        sums = [together(found, NINE, "the nine of Hoang et al.")]
        sums += [] if decoder else [together(found, [each["task"] for each in found], "all together")]
        found += [each for each in sums if each]
    head, line = (COST, cost_line) if costs else (NOISE, noise_line)
    print(f"\n{where}, {options.dtype}\n\n{table(head, [line(each) for each in found], options.markdown)}", flush=True)
    if costs:
        verdicts = judged(found, where, decoder)
        say(*verdicts)
        missed = [row for row in verdicts if not row.reached]
        print(f"\n{len(verdicts) - len(missed)} of {len(verdicts)} goals reached")
        if missed:
            print("\n" + table(HEAD, [row.cells for row in missed], options.markdown))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data", metavar="FOLDER")
    parser.add_argument("--tasks", nargs="+", choices=DATA, default=list(DATA), metavar="NAME")
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--threads", nargs="+", default=["1", "all"], help="numbers, or `all`")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], default="float32")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    options.sizes = SIZES
    if options.short:
        options.questions, options.threads, options.sizes = min(options.questions, 12), ["1"], [1, 8]
    cores = len(os.sched_getaffinity(0))
    threads = sorted({cores if each == "all" else int(each) for each in options.threads})
    print(told(), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        run(options, threads, Path(temporary))


def run(options, threads, folder):
    from made_up import prepare_questions, save_model

    if options.models:
        models = [model for model in options.models if (model / "config.json").exists()]
        for model in set(options.models) - set(models):
            print(f"{model} is left out: no config.json in it", file=sys.stderr)
        files = prepare(options.data, options.tasks, folder)
    else:
        families = ("decoder", "encoder_decoder")
        models = [save_model(folder / f"random {family}", family) for family in families]
        files = {
            name: str(prepare_questions(folder / f"{name}.parquet", options.questions, *shape))
            for name, shape in SHAPES.items()
        }
    for model in models if files else []:
        for count in threads:
            measure(model, files, count, options)


if __name__ == "__main__":
    main()
