# in:  resources/models/<model>/
#      resources/calibration/<name>.arrow, for methods that look at data
# out: results/<model>/thresholds.json, results/<model>/calibration/<name>.parquet,
#      results/<model>/<variant>/ (manifest.json is written last; nothing is temp(), since an archive that went away
#      would be made, and perhaps asked, once more for every benchmark that is added)


rule thresholds:
    # The levels are no parameter, but read from the config by the script: a new level must not make this file, and so
    # every archive, anew. An archive whose level is not in the file takes its own threshold.
    input:
        paths.model_source("{model}"),
    output:
        paths.thresholds("{model}"),
    log:
        paths.log("compress", "{model}", "thresholds"),
    benchmark:
        paths.timing("compress", "{model}", "thresholds")
    resources:
        **asks("thresholds"),
    params:
        version=compress.STAGE_VERSION,
    script:
        "../scripts/thresholds.py"


rule calibrate:
    input:
        model=paths.model_source("{model}"),
        texts=lambda wildcards: paths.calibration_texts(texts.texts_of(config, wildcards.calibration)),
    output:
        paths.calibration("{model}", "{calibration}"),
    log:
        paths.log("compress", "{model}", "calibration-{calibration}"),
    benchmark:
        paths.timing("compress", "{model}", "calibration-{calibration}")
    resources:
        **asks("calibrate"),
    params:
        version=calibration.STAGE_VERSION,
        remote_code=lambda wildcards: "remote_code" in rows.allowed(STUDY.models[wildcards.model]),
        options=lambda wildcards: CALIBRATIONS[wildcards.calibration],
    script:
        "../scripts/calibrate.py"


rule compress_variant:
    input:
        model=paths.model_source("{model}"),
        thresholds=thresholds_input,
        calibration=calibration_input,
    output:
        paths.manifest("{model}", "{variant}"),
    log:
        paths.log("compress", "{model}", "{variant}"),
    benchmark:
        paths.timing("compress", "{model}", "{variant}")
    wildcard_constraints:
        variant=one_of({variant for _, variant in ARCHIVES} - {*BROUGHT, *RECOVERED}),
    threads: threads_of("compress")
    resources:
        **asks("compress"),
    # Shard size and device are read from the config by the script: another one must not make every archive anew.
    params:
        version=compress.STAGE_VERSION,
        archive=lambda wildcards: configuration.archive_mode(STUDY, wildcards.model),
    script:
        "../scripts/compress.py"


rule bring:
    # A version that was compressed elsewhere: its files stay where they were fetched, and its manifest says what they are.
    input:
        model=paths.model_source("{model}"),
        brought=lambda wildcards: paths.model_source(parse_variant(wildcards.variant).brought),
    output:
        paths.manifest("{model}", "{variant}"),
    log:
        paths.log("compress", "{model}", "{variant}"),
    wildcard_constraints:
        variant=one_of(BROUGHT),
    resources:
        **asks("bring"),
    params:
        version=compress.STAGE_VERSION,
        remote_code=lambda wildcards: [
            "remote_code" in rows.allowed(STUDY.checkpoints[name])
            for name in (parse_variant(wildcards.variant).brought, wildcards.model)
        ],
    script:
        "../scripts/bring.py"
