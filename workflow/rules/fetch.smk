# in:  the rows of the model and benchmark tables, and the calibration data: hub ids, addresses, or local files
# out: resources/models/<model>/ (source.json is written last), resources/benchmarks/<name>.parquet,
#      resources/calibration/<name>.arrow


localrules:
    fetch_model,
    fetch_benchmark,
    fetch_calibration,


rule fetch_model:
    input:
        lambda wildcards: rows.local_inputs(STUDY.checkpoints[wildcards.model]),
    output:
        paths.model_source("{model}"),
    log:
        paths.log("fetch", "model-{model}"),
    benchmark:
        paths.timing("fetch", "model-{model}")
    params:
        version=fetch.STAGE_VERSION,
        row=lambda wildcards: rows.columns(STUDY.checkpoints[wildcards.model]),
        revision_lock=paths.revision_lock("{model}"),
    script:
        "../scripts/fetch_model.py"


rule fetch_benchmark:
    input:
        lambda wildcards: rows.benchmark_inputs(STUDY.benchmarks[wildcards.benchmark]),
    output:
        paths.benchmark("{benchmark}"),
    log:
        paths.log("fetch", "benchmark-{benchmark}"),
    params:
        version=benchmarks.STAGE_VERSION,
        row=lambda wildcards: rows.benchmark_columns(STUDY.benchmarks[wildcards.benchmark]),
        downloads=paths.DOWNLOADS,
    script:
        "../scripts/fetch_benchmark.py"


rule fetch_calibration:
    input:
        lambda wildcards: rows.benchmark_inputs(CALIBRATIONS[wildcards.calibration]),
    output:
        paths.calibration_texts("{calibration}"),
    log:
        paths.log("fetch", "calibration-{calibration}"),
    params:
        version=calibration.STAGE_VERSION,
        row=lambda wildcards: rows.benchmark_columns(CALIBRATIONS[wildcards.calibration]),
        downloads=paths.DOWNLOADS,
    script:
        "../scripts/fetch_calibration.py"
