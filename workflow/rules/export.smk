# On request:  snakemake --cores 1 exports/<model>/<variant>/manifest.json
#
# in:  results/<model>/<variant>/ (of a recovered one also the archive it stands on), resources/models/<model>/
# out: exports/<model>/<variant>/, the full checkpoint; of a recovered one the compressed checkpoint with the adapter in
#      its folder `adapter`, or the merged checkpoint


rule export:
    input:
        manifests=exported,
        model=paths.model_source("{model}"),
    output:
        paths.export("{model}", "{variant}"),
    log:
        paths.log("export", "{model}", "{variant}"),
    resources:
        **asks("export"),
    script:
        "../scripts/export.py"
