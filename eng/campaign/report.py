"""The figures of a campaign, as text and as the section of docs/robustness.md between its markers."""

import collections
import os
import platform
import re
import subprocess

BEGIN = "<!-- campaign: written by ./build.sh campaign --report -->"
END = "<!-- end of campaign -->"
LONGEST = 12
TESTS = ("storm", "heap", "churn")


def write(state, file):
    text = file.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise SystemExit(f"campaign: {file.name} needs one '{BEGIN}' and then one '{END}'")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    file.write_text(f"{before}{BEGIN}\n{summary(state)}\n{END}{after}")
    print(f"campaign: wrote {file}")


def summary(state):
    lines = [f"Machine: {machine()}.", "", "| stage | done | time | result |", "|---|---|---|---|"]
    for name, row in (("fuzz", fuzz), ("packets", packets), *((name, tests) for name in TESTS)):
        stage = state.stages.get(name)
        lines.append(f"| {name} | {' | '.join(row(stage) if stage else ('not run', '', ''))} |")
    findings = state.stages.get("fuzz", {}).get("findings", [])
    if findings:
        lines += ["", "| found by fuzzing | after | state |", "|---|---|---|"]
        lines += [f"| {finding['what']} ({finding['variant']}) | {minutes(finding['seconds'])} | {finding['status']} |"
                  for finding in findings]
    longest = by_time(test for name in TESTS for unit in state.stages.get(name, {}).get("units", {}).values()
                      for test in unit["tests"])
    if longest:
        lines += ["", "| the longest tests of storm, heap and churn | runs | time | failures |", "|---|---|---|---|"]
        lines += [f"| {name} | {len(runs)} | {minutes(sum(run['seconds'] for run in runs))} | "
                  f"{sum(run['outcome'] not in ('Passed', 'NotExecuted') for run in runs)} |" for name, runs in longest]
    failures = [failure for stage in state.stages.values() for failure in stage.get("failures", [])]
    if failures:
        lines += ["", "| failed on the way | revision | since then |", "|---|---|---|"]
        lines += [f"| {failure['test']} ({failure['unit']}) | {failure['revision']} | "
                  f"{'passed' if passed(state, failure) else 'not passed'} |" for failure in failures]
    figures = [figure for name in ("packets", *TESTS) for one in state.stages.get(name, {}).get("units", {}).values()
               for figure in one.get("figures", [])]
    if figures:
        lines += ["", "| figure | least | most | sum | runs |", "|---|---|---|---|---|"]
        lines += [f"| {name} | {number(min(values))} | {number(max(values))} | {number(sum(values))} | {len(values)} |"
                  for name, values in gather(figures).items()]
    return "\n".join(lines)


def fuzz(stage):
    counters = collections.defaultdict(int, stage.get("counters", {}))
    open_ones = sum(finding["status"] == "open" for finding in stage["findings"])
    return (f"{counters['programs']:,} programs with {counters['packets']:,} packets and {counters['calls']:,} calls, "
            f"{counters['reactions']:,} of them at an event; {counters['last_instance']:,} programs on the last stack instance; "
            f"{stage.get('corpus', 0):,} inputs beyond the seeds",
            ", ".join(f"{minutes(seconds)} {'with assertions' if name == 'fuzz' else 'without assertions'}"
                      for name, seconds in stage["seconds"].items()) + (f"; {minutes(stage['cpu'])} of processor" if stage.get("cpu") else ""),
            f"{len(stage['findings'])} findings, {open_ones} open{revisions(stage.get('revisions', []))}")


def packets(stage):
    units = stage.get("units", {}).values()
    sent = sum(figure["value"] for unit in units for figure in unit.get("figures", []) if figure["name"] == "random packets")
    return (f"{number(sent)} packets in {len(units)} chunks", minutes(sum(unit["seconds"] for unit in units)), outcome(stage))


def tests(stage):
    units = stage.get("units", {}).values()
    count = sum(test["outcome"] == "Passed" for unit in units for test in unit["tests"])
    return f"{count} tests passed in {len(units)} runs", minutes(sum(unit["seconds"] for unit in units)), outcome(stage)


def passed(state, failure):
    return state.stages[failure["stage"]]["units"].get(failure["unit"], {}).get("passed", False)


def outcome(stage):
    units = stage.get("units", {}).values()
    failed = [test["name"] for unit in units for test in unit["tests"] if test["outcome"] not in ("Passed", "NotExecuted")]
    broken = sum(not unit["passed"] and all(test["outcome"] in ("Passed", "NotExecuted") for test in unit["tests"]) for unit in units)
    text = f"{len(failed)} failures" if failed else "no failure"
    if broken:
        text += f", {broken} runs that did not end"
    return text + revisions(list(dict.fromkeys(unit["revision"] for unit in units if "revision" in unit)))


def revisions(known):
    shown = known if len(known) <= 3 else [known[0], "...", known[-1]]
    return f" (revision {' '.join(shown)})" if known else ""


def gather(figures):
    values = collections.defaultdict(list)
    for figure in figures:
        values[figure["name"]].append(figure["value"])
    return values


def number(value):
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def minutes(seconds):
    return f"{seconds / 60:.1f} min" if seconds < 36000 else f"{seconds / 3600:.1f} h"


def by_time(tests):
    """The tests that took most time, of all implementations and modes together."""
    runs = collections.defaultdict(list)
    for test in tests:
        runs[re.sub(r"\(.*", "", test["name"])].append(test)
    long = [item for item in runs.items() if sum(run["seconds"] for run in item[1]) >= 10]
    return sorted(long, key=lambda item: -sum(run["seconds"] for run in item[1]))[:LONGEST]


def machine():
    def first_line(*command):
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]
        except (OSError, subprocess.CalledProcessError, IndexError):
            return f"{command[0]} unknown"

    return (f"{os.cpu_count()} cores ({platform.machine()}), Linux {platform.release().split('-')[0]}, "
            f"{first_line('clang-14', '--version').strip()}, .NET {first_line('dotnet', '--version')}")
