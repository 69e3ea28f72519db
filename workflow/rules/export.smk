# On request:  snakemake --cores 1 exports/<model>/<variant>/manifest.json
#
# in:  results/<model>/<variant>/, resources/models/<model>/
# out: exports/<model>/<variant>/, the full checkpoint


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
