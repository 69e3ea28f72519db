# On request:  snakemake --cores 1 verify
#
# in:  all that there is of this study; nothing is made for it
# out: nothing, so it always runs


rule verify:
    """Whether all that there is of this study is what it was when it was made."""
    log:
        paths.log("verify"),
    resources:
        **asks("verify"),
    params:
        models=list(STUDY.checkpoints),
        benchmarks=list(STUDY.benchmarks),
        calibrations=list(CALIBRATIONS),
        archives=ARCHIVES,
        cells=[(cell.model, cell.variant, cell.benchmark) for cell in CELLS],
        judged=JUDGED,
    script:
        "../scripts/verify.py"
