# A stage by its name (docs/targets.md), of those whose jobs are rules of other names. Nothing waits for these; `tables`,
# `figures`, `report` and `judge` are one job each.


rule fetch:
    """All models, benchmarks and calibration texts that the study takes."""
    input:
        lambda wildcards: [paths.model_source(model) for model in STUDY.checkpoints],
        lambda wildcards: [paths.benchmark(name) for name in STUDY.benchmarks],
        lambda wildcards: [paths.calibration_texts(name) for name in design.calibration_texts(STUDY)],


rule compress:
    """All compressed models, but not the recovered ones; or one: results/<model>/<variant>/manifest.json"""
    input:
        lambda wildcards: [paths.manifest(*archive) for archive in ARCHIVES if archive[1] not in RECOVERED],


if RECOVERED:

    rule recover:
        """All recovered models; or one: results/<model>/<variant>/manifest.json"""
        input:
            lambda wildcards: [paths.manifest(*archive) for archive in ARCHIVES if archive[1] in RECOVERED],


rule score:
    """All cells, asked by the jobs score_...; or one: results/<model>/<variant>/scores/<benchmark>.parquet"""
    input:
        lambda wildcards: CELL_FILES,
