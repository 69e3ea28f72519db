# On request:  snakemake --cores 1 stale
#
# in:  all that lies in results/, resources/ and exports/, held against what the study names; nothing is made for it
# out: nothing, so it always runs: it lists. With `--config delete=` and the number of its list it removes what it listed


localrules:
    stale,


rule stale:
    """What lies in this folder that the study no longer names."""
    log:
        paths.log("stale"),
    script:
        "../scripts/stale.py"
