# in:  results/<model>/<variant>/, resources/benchmarks/<name>.parquet
# out: results/<model>/<variant>/scores/<benchmark>.parquet, one row per fact
#
# One job asks several variants of a model, so that torch is imported once for all of them; the cells stay separate
# files, and the job asks only what is not kept (knowcost/score/kept.py).


def asked_by_harness(benchmark, model):
    """What the harness's answers depend on beside models, facts and configuration, so that another prompt asks anew."""
    return cells.harness(kind_of(STUDY.benchmarks[benchmark]["format"]), STUDY.models[model]["family"])


def writes(batch):
    """Whether some answers to a batch's benchmarks are texts, which depend on how these are drawn."""
    return any(KINDS[kind_of(STUDY.benchmarks[name]["format"])].writes for name in batch.benchmarks)


def options(batch):
    """The options of the section `score` that the answers of a batch depend on: another one asks it anew."""
    kinds = [kind_of(STUDY.benchmarks[name]["format"]) for name in batch.benchmarks]
    family = STUDY.models[batch.model]["family"]
    asked = [cells.options_of(kind, family, variant) for kind in kinds for variant in batch.variants]
    return {name: config["score"][name] for names in asked for name in names}


def weights_beside(batch):
    """What holds the weights of a batch's variants that are not in their own folders."""
    whole = batch.row == batch.model and configuration.archive_mode(STUDY, batch.model) in ("full", "sparse")
    return [] if whole else paths.model_source(batch.row)


# One job judges all texts, and needs no core while it waits for replies: the sooner they are written, the better.
JUDGED_MODELS = {model for model, _, _ in JUDGED}

for batch in BATCHES:

    rule:
        name:
            batch.rule
        input:
            manifests=[paths.manifest(batch.model, variant) for variant in batching.looked_at(STUDY, batch)],
            benchmarks=[paths.benchmark(name) for name in batch.benchmarks],
            base=weights_beside(batch),
        output:
            [cell.path for cell in batch.cells],
        log:
            paths.log("score", batch.name),
        benchmark:
            paths.timing("score", batch.name)
        priority: int(batch.model in JUDGED_MODELS)
        threads: threads_of("score", batch)
        resources:
            **asks("score", batch),
        params:
            version=score.STAGE_VERSION,
            model=batch.model,
            variants=batch.variants,
            benchmarks=batch.benchmarks,
            dtype=configuration.dtype(STUDY, batch.row),
            remote_code="remote_code" in rows.allowed(STUDY.checkpoints[batch.row]),
            limit=config["limit"],
            options=options(batch),
            generation=config["generation"] if writes(batch) else {},
            harness=[asked_by_harness(name, batch.model) for name in batch.benchmarks],
        script:
            "../scripts/score.py"
