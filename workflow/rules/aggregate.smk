# in:  results/<model>/<variant>/scores/*.parquet, judgements/*.parquet and manifests
# out: results/tables/*.parquet and *.csv, results/explore/, results/figures/*.svg and *.png
#
# Which tables there are is known beforehand (knowcost/aggregate/names.py), so each is a target; figures depend on what
# was found, and have none but their folder. Long lists of files have no name here: Snakemake would take each of them as
# often as it has files.


CELL_FILES = files_of_cells()


rule tables:
    """All tables; or one: results/tables/scores.csv"""
    input:
        CELL_FILES,
        [paths.manifest(*archive) for archive in ARCHIVES],
        [paths.judgements(*place) for place in JUDGED],
        benchmarks=[paths.benchmark(name) for name in STUDY.benchmarks],
    output:
        [
            report(file, caption="../report/table.rst", category="Tables", labels={"table": Path(file).stem})
            for file in names.CSV
        ],
        names.OTHERS,
    log:
        paths.log("aggregate", "tables"),
    benchmark:
        paths.timing("aggregate", "tables")
    resources:
        **asks("tables"),
    params:
        version=aggregate.STAGE_VERSION,
        domains={name: row["domain"] for name, row in STUDY.benchmarks.items() if row.get("domain")},
        tolerance=config["study"]["tolerance"],
        margin=config["study"]["margin"],
        experiments=design.experiments(STUDY),
        series=series.of(STUDY.models),
        budget=config["study"]["budget"],
    script:
        "../scripts/tables.py"


rule explore:
    """The facts of the page's explorer."""
    input:
        CELL_FILES,
        [paths.manifest(*archive) for archive in ARCHIVES],
        benchmarks=[paths.benchmark(name) for name in STUDY.benchmarks],
        tables=names.SEAL,
    output:
        directory(paths.EXPLORE),
    log:
        paths.log("aggregate", "explore"),
    benchmark:
        paths.timing("aggregate", "explore")
    resources:
        **asks("explore"),
    params:
        version=aggregate.STAGE_VERSION,
    script:
        "../scripts/explore.py"


rule figures:
    """All figures."""
    input:
        tables=names.SEAL,
    output:
        report(
            directory(paths.FIGURES),
            patterns=["{figure}.png"],
            caption="../report/figure.rst",
            category="Figures",
            labels=lambda wildcards: index.labels(paths.FIGURES, wildcards.figure),
        ),
    log:
        paths.log("aggregate", "figures"),
    benchmark:
        paths.timing("aggregate", "figures")
    threads: threads_of("figures")
    resources:
        **asks("figures"),
    params:
        version=draw.STAGE_VERSION,
        margin=config["study"]["margin"],
    script:
        "../scripts/figures.py"
