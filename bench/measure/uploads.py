"""A new connection, 40 KB up, and an answer of one byte: what waits for a timer anywhere shows here, and not in bulk."""
import programs
import topology


def measure(running, peers, settings):
    report = peers.load(running.application, "connections", "--count", settings.uploads, "--bytes", programs.UPLOAD_BYTES, "--answer", 1,
                        f"{topology.SERVERS}:{programs.UPLOAD}")
    if report["failed"]:
        raise programs.Failed(f"uploads failed: {report['failures']}")
    return {"upload.p50": report["total_us"]["p50"], "upload.p99": report["total_us"]["p99"]}
