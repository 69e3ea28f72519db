# What the rules take whose input depends on the variant: functions of their wildcards.


def needs(wildcards, what):
    """Whether a step of the variant needs `needs_thresholds` or `needs_data` (knowcost/compress/method.py)."""
    return any(getattr(registry.METHODS[step.method], what) for step in parse_variant(wildcards.variant).steps)


def thresholds_input(wildcards):
    return paths.thresholds(wildcards.model) if needs(wildcards, "needs_thresholds") else []


def calibration_input(wildcards):
    data = parse_variant(wildcards.variant).calibration or config["calibration"]["name"]
    return paths.calibration(wildcards.model, data) if needs(wildcards, "needs_data") else []


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


def exported(wildcards):
    """The manifests of a variant and of what it stands on, where it was recovered."""
    slugs = dict.fromkeys([wildcards.variant, parse_variant(wildcards.variant).unrecovered.slug])
    return [paths.manifest(wildcards.model, slug) for slug in slugs]
