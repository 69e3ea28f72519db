"""Bring checkpoints and benchmark files here, and let in only what can be trusted and used."""

import logging
import re
import shutil
import time
import zipfile
from functools import partial
from pathlib import Path

from knowcost.common import files, paths
from knowcost.common.errors import InputError
from knowcost.spec import scopes

# Heavy modules (huggingface_hub, numpy, torch) are imported where they are used: Snakemake imports this one to plan.

STAGE_VERSION = "1"

log = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
PICKLE = "pytorch_model.bin"
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_PICKLES = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")
_SMALL = re.compile(
    r"(generation_)?config\.json|tokenizer(_config)?\.json|special_tokens_map\.json|added_tokens\.json"
    r"|vocab\.(txt|json)|merges\.txt|chat_template\.(jinja|json)|.+\.model"
)
_TOKENIZERS = ({"tokenizer.json"}, {"vocab.txt"}, {"spiece.model"}, {"tokenizer.model"}, {"vocab.json", "merges.txt"})
_REMOTE = ("https://", "http://", "hf://")
_DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def is_local(source):
    """Whether a model's source names a folder rather than a repository on the hub."""
    return source.startswith(("./", "../", "/", "resources/")) or Path(source).is_dir()


def columns(row):
    """What fetching reads of a row of the model table: another dtype, archive or note fetches nothing again."""
    return {name: row.get(name, "") for name in ("name", "family", "source", "revision", "allow")}


def benchmark_columns(row):
    """The same of a row of the benchmark table, or of the section `calibration`."""
    return {name: row.get(name, "") for name in ("name", "format", "source", "revision", "sha256")}


def local_inputs(row):
    """The files of a local model that its fetching depends on; [] for a model on the hub.

    A folder that does not exist yet is taken to become one with model.safetensors, since the workflow will make it.
    """
    if not is_local(row["source"]):
        return []
    folder = Path(row["source"])
    kinds = (WEIGHTS, INDEX, PICKLE, f"{PICKLE}.index.json")
    weights = next((name for name in kinds if (folder / name).exists()), WEIGHTS)
    return [str(folder / "config.json"), str(folder / weights)]


def benchmark_inputs(row):
    """The file or folder that preparing a local benchmark depends on; [] for one that is downloaded."""
    return [] if row["source"].startswith(_REMOTE) else [str(Path(row["source"]))]


def allowed(row):
    """What the user allows of a model, by its row: `pickle`, `remote_code`."""
    return {word.strip() for word in (row.get("allow") or "").split(",")}


def choose(names, row):
    """(small files, weight files) worth having among a checkpoint's file names; everything else is left behind.

    One set of weights is taken, in transformers' order of preference: model.safetensors, its shards with their index,
    and only then, if the row allows it, pickles. Raises InputError when there is nothing to take.
    """
    small = [n for n in names if _SMALL.fullmatch(n) or (n.endswith(".py") and "remote_code" in allowed(row))]
    pickles = [name for name in names if _PICKLES.fullmatch(name)]
    if WEIGHTS in names:
        return small, [WEIGHTS]
    if INDEX in names:
        return [*small, INDEX], [name for name in names if _SHARD.fullmatch(name)]
    if not pickles:
        held = ", ".join(sorted(names)) or "nothing"
        raise InputError(f"{row['name']}: {row['source']} has neither {WEIGHTS} nor {INDEX} but only: {held}")
    if "pickle" not in allowed(row):
        raise InputError(
            f"{row['name']}: {row['source']} has no safetensors, only pickled weights ({', '.join(pickles)}), which "
            "can run code when they are opened. Add `pickle` to the row's allow column to have them read by a loader "
            "that refuses everything but tensors, or choose a revision with safetensors."
        )
    if PICKLE in pickles:
        return small, [PICKLE]
    if len(pickles) != int(pickles[0].removesuffix(".bin").rpartition("-")[2]):
        raise InputError(f"{row['name']}: {row['source']} lacks some of its shards, it has only: {', '.join(pickles)}")
    return small, pickles


def fetch_model(row, folder, *, lock_path):
    """Fill `folder` with a model's config, tokenizer and safetensors, check them, then write source.json.

    row: a row of the model table; lock_path: where the commit of a floating revision is recorded. The small files are
    checked before the weights come. Raises InputError for whatever the user can put right.
    """
    folder = Path(folder)
    names, place, commit, lock = _origin(row, folder, lock_path)
    small, weights = choose(names, row)
    _clear(folder, {*small, *weights})
    digests = {name: place(name) for name in small}
    _check_small(row, folder)
    digests |= {name: place(name) for name in weights}
    original = {name: digests.pop(name) for name in weights if _PICKLES.fullmatch(name)}
    if original:
        digests |= _convert(row, folder, list(original))
    source = {
        "name": row["name"],
        "family": row["family"],
        "source": row["source"],
        "requested_revision": None if is_local(row["source"]) else row.get("revision") or "main",
        "commit": commit,
        "files": digests,
        **check_model(row, folder),
    }
    if original:
        source["converted_from"] = original
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # huggingface_hub's notes on its downloads
    if lock:
        files.write_json(lock_path, lock)
    files.write_json(folder / paths.SOURCE, source)


def _origin(row, folder, lock_path):
    """(file names, function that places one of them in `folder` and returns its digest, commit, lock to write)."""
    if is_local(row["source"]):
        local = Path(row["source"])
        if not local.is_dir():
            raise InputError(f"{row['name']}: there is no folder {local}; correct the source column, or make it")
        if local.resolve() == folder.resolve():
            raise InputError(f"{row['name']}: {local} is where the fetched copy goes; keep the original elsewhere")
        return _names(local), partial(_place, local, folder), None, None
    from huggingface_hub import is_offline_mode

    from knowcost.fetch import hub

    if is_offline_mode():
        local = hub.cached(row)
        return _names(local), partial(_place, local, folder), local.name, hub.pin(row, local.name, lock_path)
    repository = hub.repository(row)
    lock = hub.pin(row, repository.commit, lock_path)
    names = [name for name in repository.files if "/" not in name]
    return names, partial(hub.download, row, repository, folder=folder), repository.commit, lock


def _names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def _clear(folder, keep):
    """Make the folder, without what an earlier source left in it: links, and files that this source lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.is_symlink() or (path.is_file() and path.name not in keep):
            path.unlink()
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # may hold the torso of a download that was killed


def _place(origin, folder, name):
    """Link a weight file of a local folder, or copy a small one. Returns {"sha256", "size"}."""
    path, target = origin / name, folder / name
    if _SHARD.fullmatch(name) or _PICKLES.fullmatch(name) or name == WEIGHTS:
        target.unlink(missing_ok=True)
        target.symlink_to(path.resolve())
        log.info("%s: linked to %s", target, path)
    else:
        files.copy(path, target)
    return {"sha256": files.sha256(target), "size": target.stat().st_size}


def _convert(row, folder, names):
    """Replace pickles in `folder` by safetensors, shard by shard. Returns {new name: {"sha256", "size"}}.

    A tensor that shares its memory with the input embedding is left out when the config ties them, as transformers
    itself does on saving; any other sharing is written out in full. Raises InputError on anything but tensors.
    """
    from knowcost.models import checkpoint

    digests, shards = {}, {}
    for name in names:
        target = name.replace("pytorch_model", "model").replace(".bin", ".safetensors")
        log.info("%s: converting to %s", folder / name, target)
        tensors = _unpickle(row, folder / name)
        shards[target] = [checkpoint.from_array(n, *_array(t)) for n, t in _without_tied(folder, tensors).items()]
        digests[target] = checkpoint.write_shard(folder / target, shards[target])
        (folder / name).unlink()
    if WEIGHTS not in shards:
        checkpoint.write_index(folder / INDEX, shards)
        digests[INDEX] = {"sha256": files.sha256(folder / INDEX), "size": (folder / INDEX).stat().st_size}
    return digests


def _unpickle(row, path):
    """{name: torch tensor} of a pickled state dict, mapped from the file where its format allows."""
    import torch

    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except Exception as error:  # pickle, zipfile and torch each raise their own
        raise InputError(
            f"{path}: refused, since it is damaged or holds more than tensors. Model {row['name']} needs a revision "
            f"with safetensors. ({str(error).strip().splitlines()[0]})"
        ) from error
    if not isinstance(tensors, dict) or not all(isinstance(t, torch.Tensor) for t in tensors.values()):
        raise InputError(f"{path}: expected a state dict, names to tensors; save the model as safetensors instead")
    return tensors


def _without_tied(folder, tensors):
    import transformers

    config = files.read_json(folder / "config.json")
    # The default differs by architecture, and a config.json may leave it out: transformers knows.
    if not getattr(transformers.AutoConfig.from_pretrained(folder), "tie_word_embeddings", False):
        return tensors
    embedding = scopes.architecture(config["model_type"])["embedding"]
    first, kept = {}, {}
    for name, tensor in tensors.items():
        place = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
        owner = first.setdefault(place, name)
        if owner == name or not scopes.matches(embedding, owner.removesuffix(".weight")):
            kept[name] = tensor
        else:
            log.info("%s is tied to %s: left out", name, owner)
    return kept


def _array(tensor):
    """(safetensors' name of the type, numpy array) of a torch tensor; bfloat16 as uint16 bits."""
    import numpy as np
    import torch

    from knowcost.models.checkpoint import NUMPY

    tensor = tensor.contiguous()
    if tensor.dtype == torch.bfloat16:
        return "BF16", tensor.view(torch.int16).numpy().view(np.uint16)
    array = tensor.numpy()
    return next(name for name, kind in NUMPY.items() if array.dtype == kind and name != "BF16"), array


def _check_small(row, folder):
    """Refuse, before any weights come, a model that needs remote code, is of another family or has no tokenizer.

    Returns its architecture (config.json's model_type).
    """
    config = _read(folder / "config.json")
    for name in ("config.json", "tokenizer_config.json"):
        if (folder / name).exists() and "auto_map" in _read(folder / name) and "remote_code" not in allowed(row):
            raise InputError(
                f"{folder / name}: model {row['name']} runs code of its own (auto_map). Read that code, then add "
                "`remote_code` to the row's allow column, or choose another model."
            )
    architecture = config.get("model_type")
    if not architecture:
        raise InputError(f"{folder / 'config.json'}: no model_type; model {row['name']} needs a transformers config")
    try:
        family = scopes.family_of(architecture)
    except InputError as error:
        raise InputError(f"model {row['name']}: {error}") from None
    if family != row["family"]:
        raise InputError(
            f"model {row['name']}: the family column says {row['family']!r}, but architecture {architecture!r} "
            f"({folder / 'config.json'}) is of family {family!r}; correct the family column or the source"
        )
    if not any(all((folder / name).exists() for name in names) for names in _TOKENIZERS):
        wanted = ", ".join(" + ".join(sorted(names)) for names in _TOKENIZERS)
        raise InputError(f"{folder}: model {row['name']}: {row['source']} has no tokenizer; expected one of: {wanted}")
    return architecture


def _read(path):
    try:
        value = files.read_json(path)
    except FileNotFoundError:
        raise InputError(f"{path}: missing; the source column must name a transformers checkpoint") from None
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}); fetch it again or repair the source") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object; fetch it again or repair the source")
    return value


def check_model(row, folder):
    """Check a model's folder: family, tokenizer, every shard whole, every tensor there, no NaN or infinity.

    Returns {"architecture": model_type, "dtype": stored types of the floating-point tensors, comma-separated,
    "parameters": their elements, a tied tensor counted as often as it is stored}. Reads all weights, in blocks. Raises
    InputError.
    """
    from knowcost.models.checkpoint import Checkpoint

    folder = Path(folder)
    architecture = _check_small(row, folder)
    checkpoint = Checkpoint(folder)
    if (folder / INDEX).exists():
        for name, shard in _read(folder / INDEX)["weight_map"].items():
            if name not in checkpoint.shards.get(shard, ()):
                raise InputError(f"{folder / shard}: no tensor {name}, though {INDEX} lists it; fetch the model again")
    said = began = time.monotonic()
    for shard, names in checkpoint.shards.items():
        for name in names:
            _check_values(folder / shard, checkpoint.tensors[name])
            if time.monotonic() - said > 5:
                said = time.monotonic()
                log.info("%s: checking values, %.0f s so far", folder / shard, said - began)
    floats = [tensor for tensor in checkpoint.tensors.values() if tensor.dtype in _DTYPES]
    return {
        "architecture": architecture,
        "dtype": ",".join(sorted({_DTYPES[tensor.dtype] for tensor in floats})),
        "parameters": sum(tensor.size for tensor in floats),
    }


def _check_values(path, tensor):
    import numpy as np

    # NaN and infinity are the values whose exponent bits are all ones, whatever the type.
    kinds = {"F64": ("u8", 0x7FF << 52), "F32": ("u4", 0x7F800000), "F16": ("u2", 0x7C00), "BF16": ("u2", 0x7F80)}
    if tensor.dtype not in kinds:
        return
    kind, exponent = kinds[tensor.dtype]
    exponent = np.array(exponent, kind)
    for block in tensor.blocks():
        if (block.view(kind) & exponent == exponent).any():
            raise InputError(f"{path}: tensor {tensor.name} holds NaN or infinity; choose a sound checkpoint")


def fetch_benchmark_source(row, downloads):
    """The Path of a benchmark's raw file or folder, downloaded into `downloads` first where it is remote.

    A remote zip is unpacked, and `#path/inside` leads into it; jobs that share one download it once. Raises InputError
    when it cannot be had, or is not what the row's sha256 says.
    """
    from knowcost.fetch import hub

    if row["source"].startswith(_REMOTE):
        return hub.benchmark_file(row, downloads)
    path = Path(row["source"])
    if not path.exists():
        raise InputError(f"{row['name']}: there is no file or folder {path}; correct the source column")
    if row.get("sha256"):
        problem = "a folder has no sha256" if path.is_dir() else hub.wrong_sum(row, path)
        if problem:
            raise InputError(f"{path}: {problem}; correct the sha256 column of {row['name']}, or the file")
    return path
