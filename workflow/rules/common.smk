# What every stage's rules need: the checked configuration and the constraints that close the wildcards over it.

import functools
import itertools
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The package beside this workflow, also where a Snakefile elsewhere uses it as a module.
sys.path.insert(0, str(Path(workflow.current_basedir).parents[1]))

from knowcost import aggregate, benchmarks, compress, draw, fetch, judge, recover, score, world
from knowcost import report as report_stage
from knowcost.aggregate import names
from knowcost.benchmarks.formats import kind_of
from knowcost.benchmarks.kinds import KINDS
from knowcost.common import addresses, paths
from knowcost.common.display import visible
from knowcost.common.errors import InputError
from knowcost.compress import calibration, registry
from knowcost.compress.calibration import texts
from knowcost.draw import index
from knowcost.fetch import rows
from knowcost.plan import config as configuration
from knowcost.plan import asking, batching, design, experiments, fitting, judges, origin, place, resources, start
from knowcost.plan import series
from knowcost.recover import registry as recoveries
from knowcost.score import cells
from knowcost.spec.families import FAMILIES
from knowcost.spec.variants import parse as parse_variant

configuration.use_this_package()


def gpu_memory_of_site():
    """What the profile's default-resources say that one GPU has, in gigabytes; None where they say nothing."""
    found = (workflow.resource_settings.default_resources or {}).get("gpu_memory_gb")
    return found and (found.raw if found.is_evaluable() else found.value)


def say(message):
    """Where --quiet and -n leave it alone, unlike Snakemake's log."""
    print(visible(message), file=sys.stderr)


def unlocking():
    """Whether nothing is asked but --unlock, which needs neither a plan nor a configuration that can be read."""
    return "--unlock" in sys.argv


def allowed():
    """The names of the rules that this process may run, where a cluster's job runs it for them: then only these are
    asked for anything. None: all. (Snakemake itself has read the option, and tells only when all rules are there.)"""
    if workflow.is_main_process or not workflow.modifier.is_main_snakefile() or "--allowed-rules" not in sys.argv:
        return None
    behind = sys.argv[sys.argv.index("--allowed-rules") + 1 :]
    return list(itertools.takewhile(lambda word: not word.startswith("-"), behind))


def config_here():
    """The configuration of the folder in which this runs, if it has one; a workflow that uses this one has its own."""
    if unlocking() or not workflow.modifier.is_main_snakefile():
        return None
    try:
        return origin.here()
    except InputError as error:
        raise WorkflowError(visible(str(error))) from None


HERE = config_here()
if HERE:

    configfile: HERE


def given_by():
    """Who gave the configuration. Snakemake lists files of --configfile first, and those lie over the others."""
    last = workflow.config_settings.configfiles
    first = [Path(file) for file in workflow.configfiles if file not in last]
    return origin.Origin([*first, *last], workflow.config_settings.config)


def study():
    """The checked study. Unlocking needs no plan, so there nothing that a configuration refers to is read."""
    if unlocking():
        return configuration.nothing()
    if workflow.is_main_process:
        place.check(configuration.ROOT)
    checked = configuration.load(config, gpu_memory_of_site(), given_by())
    if workflow.is_main_process:  # not again in every job
        configuration.refuse_secrets_in(sys.argv, checked)
        for sentence in experiments.check(checked) + fitting.check(checked):
            say(sentence)
    return checked


ALLOWED = allowed()

try:
    STUDY = study()
    BATCHES = [batch for batch in batching.batches(STUDY) if ALLOWED is None or batch.rule in ALLOWED]
    JUDGED = [(cell.model, cell.variant, cell.benchmark) for cell in design.judged(STUDY)]
    if JUDGED and workflow.is_main_process:
        for sentence in judges.announce(STUDY.config, STUDY.benchmarks, JUDGED):
            say(sentence)
except InputError as error:
    raise WorkflowError(visible(str(error))) from None

addresses.hand_down(STUDY.secret)
config = STUDY.config  # with the defaults, for all rules and scripts

ARCHIVES = design.archives(STUDY)
BROUGHT = [variant for _, variant in ARCHIVES if parse_variant(variant).brought]
RECOVERED = [variant for _, variant in ARCHIVES if parse_variant(variant).recovery]
CELLS = design.cells(STUDY)
TO_ASK = asking.to_ask(STUDY) if workflow.is_main_process else {}  # a job looks at its own cells
AWAITED = [name for name in STUDY.benchmarks if not Path(paths.benchmark(name)).exists()]
CALIBRATIONS = texts.every(config)

# Not again in every job.
SPEAKS = workflow.is_main_process and not unlocking()
if SPEAKS:
    say(start.line(STUDY, given_by(), TO_ASK))
    for sentence in start.replaced(STUDY):
        say(sentence)


def one_of(values):
    """A wildcard constraint that admits these values and nothing else; an empty one would admit everything."""
    return "|".join(re.escape(value) for value in sorted(set(values), key=len, reverse=True)) or "(?!)"


def asks(stage, batch=None):
    """{resource: function} of a rule: what each of its jobs asks a cluster for, and the seconds that it is thought to
    take (knowcost/plan/resources.py)."""

    def one(name):
        return lambda wildcards, attempt, threads: of_job(stage, batch, wildcards, attempt, threads).get(name)

    asked = resources.names(STUDY, stage)
    return {name: one(name) if name in asked else None for name in resources.NAMES}


def threads_of(stage, batch=None):
    """The threads of a rule's jobs, likewise."""
    return lambda wildcards, attempt: of_job(stage, batch, wildcards, attempt)["threads"]


def to_ask(batch):
    """How much is still to be asked of each cell of a batch, once more when benchmarks are here that were awaited."""
    here = tuple(name for name in AWAITED if name in batch.benchmarks and Path(paths.benchmark(name)).exists())
    return to_ask_now(batch, here) if here or not TO_ASK else TO_ASK


@functools.cache
def to_ask_now(batch, here):
    return asking.to_ask(STUDY, batch.cells)


def of_job(stage, batch, wildcards, attempt, threads=None):
    """threads: as many as there are for the job; None: not known yet."""
    if batch:
        job = resources.of_batch(STUDY, batch, to_ask(batch))
    else:
        variants = [wildcards.variant] if "variant" in wildcards.keys() else []
        job = resources.Job(stage, wildcards.get("model"), variants, len(CELLS))
    return resources.of_job(STUDY, job, attempt, threads)


wildcard_constraints:
    model=one_of(STUDY.checkpoints),
    variant=one_of(variant for _, variant in ARCHIVES),
    benchmark=one_of(STUDY.benchmarks),
    calibration=one_of(CALIBRATIONS),
    family=one_of(FAMILIES),


def files_of_cells():
    """The files of all cells. Each knows which rule makes it, so that no rule that takes them all has to look for it;
    but not in a job, which makes none of them again, nor where another workflow may have left rules out."""
    if ALLOWED is not None or not workflow.modifier.is_main_snakefile():
        return [cell.path for cell in CELLS]
    made = {}
    for batch in BATCHES:
        made.update(zip(batch.cells, getattr(rules, batch.rule).output))
    return [made[cell] for cell in CELLS]
