# The embedded world: invented facts, and three small models that are taught them. Runs only when a table names
# resources/world as a source.
# in:  nothing but a seed
# out: resources/world/*.jsonl, resources/world/models/<family>/


rule invent_world:
    output:
        [f"resources/world/{name}.jsonl" for name in world.FILES],
    log:
        paths.log("world", "invent"),
    resources:
        **asks("world"),
    params:
        version=world.STAGE_VERSION,
        people=config["world"]["people"],
        seed=config["world"]["seed"],
    script:
        "../scripts/invent_world.py"


rule teach:
    input:
        rules.invent_world.output,
    output:
        [f"{world.MODELS}/{{family}}/{name}" for name in world.CHECKPOINT],
    log:
        paths.log("world", "teach-{family}"),
    benchmark:
        paths.timing("world", "teach-{family}")
    resources:
        **asks("teach"),
    params:
        version=world.STAGE_VERSION,
        seed=config["world"]["seed"],
    script:
        "../scripts/teach.py"
