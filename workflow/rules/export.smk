# On request:  snakemake --cores 1 exports/<model>/<variant>/manifest.json
#              snakemake --cores 1 verify
#
# in:  results/<model>/<variant>/, resources/models/<model>/
# out: exports/<model>/<variant>/, the full checkpoint. verify leaves nothing, so it always runs.


rule export:
    input:
        manifest=paths.manifest("{model}", "{variant}"),
        model=paths.model_source("{model}"),
    output:
        paths.export("{model}", "{variant}"),
    log:
        paths.log("export", "{model}", "{variant}"),
    resources:
        **asks("compress"),
    script:
        "../scripts/export.py"


rule verify:
    input:
        manifests=[paths.manifest(*archive) for archive in ARCHIVES],
        models=[paths.model_source(model) for model, _ in ARCHIVES],
    log:
        paths.log("verify"),
    resources:
        **asks("verify"),
    script:
        "../scripts/verify.py"
