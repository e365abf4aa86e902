"""What a packet costs in the native library alone, among 100 flows and 50,000: tunflow-shim-bench says it, beside the tests that demand it."""
import os
import re
import subprocess

import programs

PROGRAM = "tunflow-shim-bench"
_LINE = re.compile(r"^(?:ok|FAILED)\s+\S.*: (?:instructions x(?P<instructions>[\d.]+), )?time x(?P<time>[\d.]+)$", re.MULTILINE)


def missing(tools):
    return None if os.path.exists(os.path.join(tools, PROGRAM)) else f"{PROGRAM} is not built"


def parse(text):
    """The worst of its scenarios. Instructions are left out where nothing could count them."""
    found = list(_LINE.finditer(text))
    if not found:
        raise programs.Failed(f"{PROGRAM} compared nothing")
    return {f"flat.{name}": max(map(float, values)) for name in ("instructions", "time") if all(values := [match[name] for match in found])}


def measure(tools):
    result = subprocess.run([os.path.join(tools, PROGRAM), "--flat"], capture_output=True, text=True, timeout=900, check=False)
    if result.returncode not in (0, 1, 77):
        raise programs.Failed(f"{PROGRAM}: exit code {result.returncode}: {result.stderr.strip()}")
    return parse(result.stdout)
