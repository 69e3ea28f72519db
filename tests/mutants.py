"""What tests notice: a seeded sample of small mistakes in the code whose failure would be silent, each tried once.

    python tests/mutants.py [processes]       `make mutants` installs what it needs

mutmut makes the mistakes, into the folder mutants/ (`[tool.mutmut]` of pyproject.toml: where, and where not). A mistake
is tried with tests that call the function it is in: first those of the files that mirror the module, then the quickest
others, SECONDS in all. The sample, what came of each, and the survivors as diffs stand in logs/mutants.txt.
KNOWCOST_MUTANTS says how many, KNOWCOST_SEED which.
"""

import os
import random
import shutil
import sys
from collections import Counter
from pathlib import Path

from mutmut import __main__ as mutmut
from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.runners.harness import PytestRunner
from mutmut.state import state
from mutmut.stats import save_stats, status_by_exit_code
from mutmut.utils.format_utils import mangled_name_from_mutant_name
from mutmut.workers.isolation import get_mutant_runner

SECONDS = 30
FOLDER = Path("mutants")
REPORT = Path("logs/mutants.txt")


def main():
    processes = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    count, seed = int(os.environ.get("KNOWCOST_MUTANTS", 500)), int(os.environ.get("KNOWCOST_SEED", 0))
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads do not outlive a fork
    every = generate(processes)
    sample = random.Random(seed).sample(sorted(every), min(count, len(every)))
    choose_tests(processes)
    mutmut._run(sample, processes)
    report(sample, len(every), seed)


def generate(processes):
    """The names of all mutants, made anew: {name: path of the module}."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    set_mutant_under_test("mutant_generation")
    with mutmut.CatchOutput(spinner_title="Generating mutants"):
        mutmut.copy_src_dir()
        mutmut.copy_also_copy_files()
        mutmut.setup_source_paths()
        mutmut.create_mutants(processes)
    return {name: path for path, data in outcomes().items() for name in data}


def outcomes():
    """{path of a module: {mutant: exit code of its tests, None before it was tried}}."""
    _, files = mutmut.collect_source_file_mutation_data(mutant_names=())
    return {path: data.exit_code_by_key for path, data in files.items()}


def choose_tests(processes):
    """Run all tests once to see which of them calls what, and keep some for each function."""
    mutmut.collect_or_load_stats(get_mutant_runner(processes))
    calls, seconds = state().tests_by_mangled_function_name, dict(state().duration_by_test)
    for function, tests in calls.items():
        calls[function] = set(kept(function, tests, seconds))
    save_stats()
    run = PytestRunner.run_tests

    def in_order(runner, *, mutant_name, tests):
        """The tests of all mutants, which run once without any, file by file; those of one as `kept` has them."""
        function = mutant_name and mangled_name_from_mutant_name(mutant_name)
        ordered = kept(function, tests, seconds) if function else sorted(tests)
        return run(runner, mutant_name=mutant_name, tests=list(ordered))

    PytestRunner.run_tests = in_order


def kept(function, tests, seconds):
    """Of the tests that call a function (its mangled name), those of its module's own files and the quickest others, in
    the order to run them."""
    module = function.rpartition(".")[0].removeprefix("knowcost.")
    folder, _, name = module.replace(".", "/").rpartition("/")
    own = f"tests/unit/{folder}/test_{name}"
    left = SECONDS
    for test in sorted(tests, key=lambda test: (not test.startswith(own), seconds[test], test)):
        left -= seconds[test]
        if left < 0 and not test.startswith(own):
            return
        yield test


def report(sample, generated, seed):
    """Write what came of the sample, and print the sum of it."""
    paths = {name: path for path, codes in outcomes().items() for name in codes}
    found = {name: status_by_exit_code[code] for codes in outcomes().values() for name, code in codes.items()}
    counts = Counter(found[name] for name in sample)
    noticed = counts["killed"] + counts["timeout"]
    words = ", ".join(f"{n} {status}" for status, n in counts.most_common())
    last = f"{len(sample)} of {generated} mutants (seed {seed}): {words}; {100 * noticed / len(sample):.1f}% noticed"
    lines = [last, "", *(f"{found[name]:10} {name}" for name in sample)]
    for name in sorted(sample):
        if found[name] not in ("killed", "timeout"):
            lines += ["", f"# {found[name]}: {name}", get_diff_for_mutant(name, path=paths[name])]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{last}; {REPORT}")


if __name__ == "__main__":
    config()  # before anything changes the folder
    main()
