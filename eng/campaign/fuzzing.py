"""libFuzzer over the C ABI, in slices, until the asked time has been spent. Builds with lwIP's assertions and without
take turns on one growing corpus."""

import pathlib
import re
import resource
import shutil
import struct
import subprocess
import time

from state import revision

# Names of CMake presets. In the first one an assertion that fails is a finding; the second one has none.
VARIANTS = ("fuzz", "fuzz-no-asserts")
SLICE = 300
LIMITS = ["-timeout=10", "-rss_limit_mb=2048"]
# native/fuzz/counters.h
COUNTERS = ("programs", "packets", "calls", "reactions", "failed_allocations", "asserts", "last_instance")
# The same finding so often within so many seconds: nothing else is to be found until it is fixed.
SAME_OFTEN = 3
AT_ONCE = 60


def run(arguments, state, root):
    stage = state.stage("fuzz")
    stage.setdefault("seconds", {name: 0.0 for name in VARIANTS})
    stage.setdefault("findings", [])
    stage.setdefault("cpu", 0.0)
    stage["target"] = max(stage.get("target", 0), arguments.fuzz_seconds)
    corpus = state.directory / "corpus"
    corpus.mkdir(exist_ok=True)
    (state.directory / "findings").mkdir(exist_ok=True)
    programs = {name: root / "build" / "cmake" / name / "native" / "fuzz" / "fuzz_abi" for name in VARIANTS}
    for program in programs.values():
        if not program.exists():
            print(f"campaign: {program} was not built; ./build.sh campaign builds it")
            return False
    seeds = root / "native" / "fuzz" / "corpus" / "abi"
    recheck(state, stage, programs, corpus)

    recent = []
    while (left := arguments.fuzz_seconds - sum(stage["seconds"].values())) > 0:
        # Whose turn it is follows from the time that each has had, so that stopping changes nothing.
        name = min(VARIANTS, key=lambda variant: stage["seconds"][variant])
        stage.setdefault("revisions", [])
        if (now := revision(root)) not in stage["revisions"]:
            stage["revisions"].append(now)
        found = one_slice(state, stage, name, programs[name], corpus, seeds, min(left, SLICE))
        progress(state, stage)
        if found is not None:
            recent = [entry for entry in recent if time.monotonic() - entry[0] < AT_ONCE] + [(time.monotonic(), found)]
            if [entry[1] for entry in recent].count(found) >= SAME_OFTEN:
                print(f"campaign: '{found}' comes again and again; fuzzing goes on when it is fixed")
                return False
    minimise(state, stage, programs[VARIANTS[0]], corpus, seeds)
    return not [finding for finding in stage["findings"] if finding["status"] == "open"]


def one_slice(state, stage, name, program, corpus, seeds, seconds):
    """Returns what was found, or None."""
    log = state.directory / "fuzz.log"
    command = [program, f"-max_total_time={max(1, int(seconds))}", *LIMITS, "-print_final_stats=1",
               f"-artifact_prefix={state.directory}/findings/", corpus, seeds]
    environment = {"TUNFLOW_FUZZ_COUNTERS": str(state.directory / "fuzz.counters"), "PATH": "/usr/bin:/bin"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(log, "w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        last = time.monotonic()
        try:
            while process.poll() is None:
                time.sleep(1)
                now = time.monotonic()
                stage["seconds"][name] += now - last
                last = now
                stage["counters"] = read_counters(state)
                state.save()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            # On a busy machine an hour may be much less than an hour's work.
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            stage["cpu"] += used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
            state.save()
    if process.returncode == 0:
        return None
    return add_finding(state, stage, name, log.read_text(errors="replace"), process.returncode)


def read_counters(state):
    file = state.directory / "fuzz.counters"
    content = file.read_bytes() if file.exists() else b""
    size = 8 * len(COUNTERS)
    return dict(zip(COUNTERS, struct.unpack(f"={len(COUNTERS)}Q", content[:size].ljust(size, b"\0"))))


def describe(log):
    """What is wrong, and the innermost function that is ours or lwIP's."""
    patterns = (r"FINDING: (.*)", r"(runtime error: .*)", r"ERROR: (\w+Sanitizer: [\w-]+(?: [\w-]+)?)", r"(ALARM: .*)",
                r"ERROR: (libFuzzer: .*)")
    what = next((match.group(1) for pattern in patterns if (match := re.search(pattern, log))), "unknown")
    frame = next((match.group(1) for match in re.finditer(r"#\d+ 0x[0-9a-f]+ in (\w+) \S*/(?:native|lwip[^/]*)/\S*\.[ch]:\d", log)
                  if match.group(1) not in ("finding", "world_observe", "LLVMFuzzerTestOneInput")), None)
    return f"{what} in {frame}" if frame else what


def add_finding(state, stage, name, log, code):
    match = re.search(r"Test unit written to (\S+)", log)
    file = pathlib.Path(match.group(1)).name if match else None
    what = describe(log) if match else f"exit code {code} without an input, see fuzz.log"
    if file:
        (state.directory / "findings" / f"{file}.log").write_text(log[-20000:])
    print(f"campaign: FOUND {what} ({name}, {file})", flush=True)
    stage["findings"].append({"what": what, "input": file, "variant": name, "status": "open",
                              "seconds": round(sum(stage["seconds"].values())), "programs": stage.get("counters", {}).get("programs", 0)})
    state.save()
    return what


def recheck(state, stage, programs, corpus):
    """Findings of earlier runs: those that the present build survives are fixed, and their inputs lead to new ones."""
    for finding in stage["findings"]:
        if finding["status"] != "open" or finding["input"] is None:
            continue
        file = state.directory / "findings" / finding["input"]
        result = subprocess.run([programs[finding["variant"]], *LIMITS, file], capture_output=True, check=False)
        if result.returncode == 0:
            finding["status"] = "fixed"
            shutil.copy(file, corpus / file.name)
        print(f"campaign: '{finding['what']}' ({finding['input']}) is {finding['status']}", flush=True)
    state.save()


def minimise(state, stage, program, corpus, seeds):
    """Leaves in the corpus what reaches more than the seeds and the rest of the corpus do."""
    smaller = state.directory / "corpus.merged"
    shutil.rmtree(smaller, ignore_errors=True)
    smaller.mkdir()
    result = subprocess.run([program, "-merge=1", *LIMITS, smaller, seeds, corpus], capture_output=True, text=True,
                            errors="replace", check=False)
    if result.returncode != 0:
        print("campaign: the corpus could not be minimised\n" + result.stderr[-2000:])
        return
    seen = {file.read_bytes() for file in seeds.iterdir()}
    for file in smaller.iterdir():
        if file.read_bytes() in seen:
            file.unlink()
    shutil.rmtree(corpus)
    smaller.rename(corpus)
    stage["corpus"] = len(list(corpus.iterdir()))
    state.save()


def progress(state, stage):
    counters = stage["counters"]
    stage["corpus"] = len(list((state.directory / "corpus").iterdir()))
    state.save()
    print(f"{sum(stage['seconds'].values()) / 60:.0f} of {stage['target'] / 60:.0f} min, {counters['programs']:,} programs, "
          f"{counters['packets']:,} packets, {stage['corpus']} inputs, {len(stage['findings'])} findings", flush=True)
