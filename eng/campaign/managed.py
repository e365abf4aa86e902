"""The managed tests' long forms: `dotnet test` with TUNFLOW_CAMPAIGN=1, one unit of work after the other. A unit that
passed is not run again; one that failed, or was interrupted, is."""

import json
import os
import signal
import shutil
import subprocess
import time
import xml.etree.ElementTree as xml

from state import revision

PACKET_CHUNKS = 10
CHUNK = 1_000_000
# A collection every 64 KiB of allocation.
SMALL_HEAP = {"DOTNET_GCgen0size": "0x10000"}
STORM_FILTER = "(Category=Lifetime|Category=Campaign)&Category!=Row29&Category!=Row4"
SANITIZED_FILTER = "Category=Lifetime"
CHURN_FILTER = "Category=Row29"
# glibc keeps eight heaps a processor, which fill up one by one; in two it shows early whether memory stays.
CHURN_ENVIRONMENT = {"MALLOC_ARENA_MAX": "2"}
PACKETS_FILTER = "Category=Row4"


def packets(arguments, state, root):
    capture = state.directory / "packets.pcap"
    extract_packets(state, root, capture)
    units = [(f"packets {chunk + 1}", "TunFlow.Lwip.Tests", PACKETS_FILTER,
              {"TUNFLOW_CAMPAIGN_SEED": str(chunk + 1), "TUNFLOW_CAMPAIGN_PACKETS": str(CHUNK),
               **({"TUNFLOW_CAMPAIGN_CAPTURE": str(capture)} if capture.exists() else {})}) for chunk in range(PACKET_CHUNKS)]
    return run_units(state, root, "packets", units)


def storm(arguments, state, root):
    units = [(f"{project}{', ' + mode if mode else ''}", project, STORM_FILTER, environment)
             for mode, environment in {"": {}, "small heap": SMALL_HEAP}.items() for project in projects(root)]
    units.append(("TunFlow.Lwip.Tests, AddressSanitizer", "TunFlow.Lwip.Tests", SANITIZED_FILTER, sanitizer(state, root)))
    return run_units(state, root, "storm", units)


def heap(arguments, state, root):
    """Everything, in the ordinary form, on a heap that is collected all the time."""
    units = [(project, project, None, {**SMALL_HEAP, "TUNFLOW_CAMPAIGN": "0"}) for project in projects(root)]
    return run_units(state, root, "heap", units)


def churn(arguments, state, root):
    return run_units(state, root, "churn", [(project, project, CHURN_FILTER, CHURN_ENVIRONMENT) for project in projects(root)])


def projects(root):
    return sorted(file.stem for file in (root / "tests").glob("*/*.Tests.csproj"))


def sanitizer(state, root):
    """The native library as the sanitize preset makes it; what it finds is written beside the results."""
    [library] = (root / "build" / "cmake" / "sanitize" / "native").rglob("libtunflow_lwip.so")
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    return {"LD_PRELOAD": runtime, "TUNFLOW_NATIVE_LIBRARY": str(library), "UBSAN_OPTIONS": "print_stacktrace=1",
            "ASAN_OPTIONS": f"handle_segv=0:handle_sigfpe=0:use_sigaltstack=0:detect_leaks=0:log_path={sanitizer_log(state) / 'report'}"}


def sanitizer_log(state):
    return state.directory / "test-results" / "sanitizer"


def extract_packets(state, root, capture):
    """What the programs of the fuzzer's corpus send, as a capture file."""
    program = root / "build" / "cmake" / "fuzz" / "native" / "fuzz" / "fuzz_abi"
    corpora = [directory for directory in (root / "native" / "fuzz" / "corpus" / "abi", state.directory / "corpus") if directory.exists()]
    if program.exists():
        capture.unlink(missing_ok=True)
        subprocess.run([program, "-runs=0", *corpora], env={"TUNFLOW_FUZZ_CAPTURE": str(capture)},
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)


def run_units(state, root, name, units):
    stage = state.stage(name)
    done = stage.setdefault("units", {})
    failed = False
    for unit, project, tests, environment in units:
        if done.get(unit, {}).get("passed"):
            print(f"{unit}: done before", flush=True)
            continue
        result = run_unit(state, root, name, project, tests, environment)
        if result is None:
            continue
        done[unit] = result
        failed |= not result["passed"]
        stage.setdefault("failures", []).extend(
            {"stage": name, "unit": unit, "test": test["name"], "revision": result["revision"]}
            for test in result["tests"] if test["outcome"] not in ("Passed", "NotExecuted"))
        state.save()
        verdict = "passed" if result["passed"] else "FAILED"
        print(f"{unit}: {verdict}, {len(result['tests'])} tests, {result['seconds']:.0f} s", flush=True)
        for test in result["tests"]:
            if test["outcome"] != "Passed":
                print(f"  {test['outcome']}: {test['name']}\n    {test['message']}", flush=True)
    if not done:
        print(f"campaign: no test of the stage {name} was found")
    return bool(done) and not failed


def run_unit(state, root, name, project, tests, environment):
    """None when the project has no such test."""
    output = os.environ.get("ArtifactsPath") or root / "build" / "managed"
    binary = root.joinpath(output, "bin", project, "release", f"{project}.dll")
    if not binary.exists():
        raise SystemExit(f"campaign: {binary} was not built; ./build.sh campaign builds it")
    results = state.directory / "test-results"
    trx = results / f"{name}.trx"
    figures = results / f"{name}.figures"
    results.mkdir(exist_ok=True)
    trx.unlink(missing_ok=True)
    figures.unlink(missing_ok=True)
    shutil.rmtree(sanitizer_log(state), ignore_errors=True)
    sanitizer_log(state).mkdir()
    command = ["dotnet", "test", binary, "--nologo", *(["--filter", tests] if tests else []), "--logger", f"trx;LogFileName={trx}",
               "--logger", "console;verbosity=minimal", "--results-directory", results,
               "--blame-hang-timeout", "30m", "--blame-hang-dump-type", "none",
               "--", "NUnit.NumberOfTestWorkers=0"]  # whose queues cost a processor now and then
    everything = {**os.environ, "TUNFLOW_CAMPAIGN": "1", "TUNFLOW_CAMPAIGN_FIGURES": str(figures), **environment}
    start = time.monotonic()
    with open(results / f"{name}.log", "w") as log:
        # A group of its own: the test hosts have to end with it.
        process = subprocess.Popen(command, cwd=root, env=everything, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise
    found = read_trx(trx)
    found += [{"name": "AddressSanitizer", "outcome": "Failed", "seconds": 0, "message": report.read_text()[:2000]}
              for report in sorted(sanitizer_log(state).iterdir())]
    if code == 0 and not found:
        return None
    return {"passed": code == 0 and all(test["outcome"] in ("Passed", "NotExecuted") for test in found),
            "tests": found, "seconds": time.monotonic() - start, "revision": revision(root),
            "figures": [json.loads(line) for line in figures.read_text().splitlines()] if figures.exists() else []}


def read_trx(file):
    if not file.exists():
        return []
    tests = []
    for result in xml.parse(file).iter("{http://microsoft.com/schemas/VisualStudio/TeamTest/2010}UnitTestResult"):
        message = next((part.text for part in result.iter() if part.tag.endswith("}Message")), "") or ""
        hours, minutes, seconds = (result.get("duration") or "0:0:0").split(":")
        tests.append({"name": result.get("testName"), "outcome": result.get("outcome"),
                      "seconds": round(int(hours) * 3600 + int(minutes) * 60 + float(seconds), 2), "message": message.strip()[:2000]})
    return tests
