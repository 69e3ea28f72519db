# in:  results/<model>/<compressed variant>/, resources/calibration/<name>.arrow
#      results/<model>/calibration/<name>.parquet, for methods that are worked out from it
# out: results/<model>/<variant>/: an adapter and its manifest, which names the archive it stands on


rule recover_variant:
    input:
        manifests=recovered_from,
        texts=recovery_texts,
        calibration=recovery_calibration,
        model=paths.model_source("{model}"),
    output:
        paths.manifest("{model}", "{variant}"),
    log:
        paths.log("recover", "{model}", "{variant}"),
    benchmark:
        paths.timing("recover", "{model}", "{variant}")
    wildcard_constraints:
        variant=one_of(RECOVERED),
    threads: threads_of("recover")
    resources:
        **asks("recover"),
    # The settings themselves are read from the config by the script; the parameter says when to run again.
    params:
        version=recover.STAGE_VERSION,
        settings=recovery_settings,
        remote_code=lambda wildcards: "remote_code" in rows.allowed(STUDY.models[wildcards.model]),
    script:
        "../scripts/recover.py"
