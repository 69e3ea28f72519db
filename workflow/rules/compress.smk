# in:  resources/models/<model>/
# out: results/<model>/thresholds.json, results/<model>/<variant>/ (manifest.json is written last)


rule thresholds:
    input:
        paths.model_source("{model}"),
    output:
        paths.thresholds("{model}"),
    log:
        paths.log("compress", "{model}", "thresholds"),
    benchmark:
        paths.timing("compress", "{model}", "thresholds")
    params:
        version=compress.STAGE_VERSION,
        levels=lambda wildcards: design.threshold_levels(STUDY, STUDY.models[wildcards.model]["family"]),
    script:
        "../scripts/thresholds.py"


def thresholds_input(wildcards):
    """Only variants pruned by magnitude need thresholds. A new level rewrites the file, with the same cuts for the
    others: `ancient` keeps their archives."""
    return ancient(paths.thresholds(wildcards.model)) if "magnitude-" in wildcards.variant else []


rule compress:
    input:
        model=paths.model_source("{model}"),
        thresholds=thresholds_input,
    output:
        paths.manifest("{model}", "{variant}"),
    log:
        paths.log("compress", "{model}", "{variant}"),
    benchmark:
        paths.timing("compress", "{model}", "{variant}")
    params:
        version=compress.STAGE_VERSION,
    script:
        "../scripts/compress.py"
