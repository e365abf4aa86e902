"""What the figures were measured on and with."""
import os
import platform
import subprocess


def describe():
    return {
        "processor": processor(), "cores": os.cpu_count(), "kernel": platform.release().split("-")[0],
        "load": os.getloadavg()[0],
        "programs": [version for version in map(first_line, (("slirp4netns", "--version"), ("iperf3", "--version"), ("dotnet", "--version"))) if version],
        "packages": [version for version in [package("passt")] if version],
    }


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), platform.machine())


def first_line(command):
    try:
        line = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].split(" (")[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return None
    return line if command[0] in line or "iperf" in line else f"{command[0]} {line}"


def package(name):
    """pasta of Debian does not know its version."""
    result = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${Version}", name], capture_output=True, text=True, check=False)
    return result.stdout if result.returncode == 0 else None
