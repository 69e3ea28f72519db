# in:  results/tables/, results/figures/, results/explore/, manifests, benchmarks and sources; calibration texts where they are still here
# out: results/report.html, one self-contained page but for the facts that are too many for it, which lie beside it in
#      results/report.facts/, and results/study.json, what it is about


rule report:
    """The page, and all that it is made from."""
    input:
        tables=names.SEAL,
        figures=paths.FIGURES,
        explore=paths.EXPLORE,
        manifests=[paths.manifest(*archive) for archive in ARCHIVES],
        benchmarks=[paths.benchmark(name) for name in STUDY.benchmarks],
        sources=[paths.model_source(model) for model in STUDY.checkpoints],
    output:
        report(paths.REPORT, caption="../report/report.rst", category="Report"),
        paths.STUDY,
        directory(paths.REPORT_FACTS),
    log:
        paths.log("report"),
    resources:
        **asks("report"),
    params:
        version=report_stage.STAGE_VERSION,
        config=config,
        study=start.about(STUDY),
    script:
        "../scripts/report.py"
