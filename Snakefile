# knowcost: what does compressing a language model cost its knowledge?
#
#   fetch -> compress -> recover -> score -> judge -> aggregate -> figures -> report
#
# (judge: only where the configuration names one; it asks an endpoint out in the network.) The domain logic is the
# package knowcost/; the rules say what depends on what. Parsed again in every cluster job, this file and what it
# includes import no torch. The default target is here, since a file that is included sets none.

from snakemake.utils import min_version

min_version("9.0")


# The configuration, from below: this workflow's own config/config.yaml, that of the folder in which it runs (which is a
# `configfile:` in common.smk), --configfile, --config. Where another Snakefile uses this one as a module, its `config:`
# stands on the first.


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/world.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/compress.smk"
include: "workflow/rules/recover.smk"
include: "workflow/rules/score.smk"


# What takes in the whole study. A cluster's job of one model parses this again, and its rule is among those above.
if ALLOWED is None or not all(map(workflow.is_rule, ALLOWED)):

    include: "workflow/rules/judge.smk"
    include: "workflow/rules/aggregate.smk"
    include: "workflow/rules/report.smk"
    include: "workflow/rules/export.smk"
    include: "workflow/rules/verify.smk"
    include: "workflow/rules/targets.smk"
    include: "workflow/rules/stale.smk"
    include: "workflow/rules/ending.smk"

    localrules:
        all,

    rule all:
        """Everything, as without a target."""
        default_target: True
        input:
            paths.REPORT,
            # What `verify` needs, too: where it says of a damaged one to delete it and run again, that makes it again.
            names.FILES,
            paths.FIGURES,
            paths.EXPLORE,
            paths.REPORT_FACTS,
            [paths.manifest(*archive) for archive in ARCHIVES],
            CELL_FILES,
            [paths.judgements(*place) for place in JUDGED],
            [paths.benchmark(name) for name in STUDY.benchmarks],
            [paths.model_source(model) for model in STUDY.checkpoints],
