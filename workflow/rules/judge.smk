# in:  results/<model>/<variant>/scores/ of benchmarks that are answered by texts; files of reference answers
# out: results/<model>/<variant>/judgements/<benchmark>.parquet, one row per answer and rubric
#
# One local job for the whole study, since compute nodes often have no network, and a limit on what is spent holds for
# all of it. Each reply lies in judgements/ as well, of which no rule knows: it was paid for.


if JUDGED:

    localrules:
        judge,

    rule judge:
        """What judges say of all texts that were written."""
        input:
            cells=[paths.scores(*place) for place in JUDGED],
            benchmarks=sorted({paths.benchmark(name) for _, _, name in JUDGED}),
            references=judges.reference_inputs(config["judge"]),
        output:
            [paths.judgements(*place) for place in JUDGED],
        log:
            paths.log("judge"),
        params:
            version=judge.STAGE_VERSION,
            asked=judges.depends(config["judge"]),
        script:
            "../scripts/judge.py"
