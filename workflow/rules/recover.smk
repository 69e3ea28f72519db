# in:  results/<model>/<compressed variant>/, resources/calibration/<name>.arrow
# out: results/<model>/<variant>/: an adapter and its manifest, which names the archive it stands on


def recovery_texts(wildcards):
    """The texts that a recovery looks at: its own, else those of its variant, else the study's main ones."""
    variant = parse_variant(wildcards.variant)
    data = variant.recovery.data or variant.calibration or config["calibration"]["name"]
    return paths.calibration_texts(texts.texts_of(config, data))


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
    # The device is read from the config by the script: another one must not make every archive anew.
    params:
        version=recover.STAGE_VERSION,
        settings={key: value for key, value in config["recovery"].items() if key != "device"},
        remote_code=lambda wildcards: "remote_code" in rows.allowed(STUDY.models[wildcards.model]),
    script:
        "../scripts/recover.py"
