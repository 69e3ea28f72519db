# in:  results/<model>/<compressed variant>/, resources/calibration/<name>.arrow
#      results/<model>/calibration/<name>.parquet, for methods that are worked out from it
# out: results/<model>/<variant>/: an adapter and its manifest, which names the archive it stands on


def recovery_data(wildcards):
    return design.recovery_data(STUDY, parse_variant(wildcards.variant))


def recovery_texts(wildcards):
    return paths.calibration_texts(texts.texts_of(config, recovery_data(wildcards)))


def recovery_calibration(wildcards):
    method = recoveries.method_of(parse_variant(wildcards.variant).recovery)
    return paths.calibration(wildcards.model, recovery_data(wildcards)) if method.calibrated else []


def recovery_settings(wildcards):
    """What of the section `recovery` an archive depends on: all that training goes by, where it is trained. Another
    device must not make every archive anew."""
    trained = recoveries.method_of(parse_variant(wildcards.variant).recovery).trained
    return {key: value for key, value in config["recovery"].items() if trained and key != "device"}


def recovered_from(wildcards):
    """The manifests of what a recovery stands on, of the parts that it is put together from, and of the dense model
    where it looks at that."""
    variant = parse_variant(wildcards.variant)
    needed = [variant.unrecovered, *recoveries.parts(variant), *recoveries.looks_at(variant)]
    return [paths.manifest(wildcards.model, slug) for slug in dict.fromkeys(each.slug for each in needed)]


rule recover:
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
