"""What a campaign has done so far, in one file that is whole at every moment."""

import json
import os
import subprocess


class State:
    def __init__(self, directory):
        self.directory = directory.resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._file = self.directory / "state.json"
        self.stages = json.loads(self._file.read_text()) if self._file.exists() else {}

    def stage(self, name):
        return self.stages.setdefault(name, {})

    def forget(self, name):
        """What was found is kept: an input that broke something once is worth running for ever."""
        old = self.stages.pop(name, {})
        for kept in ("findings", "failures"):
            if old.get(kept):
                self.stage(name)[kept] = old[kept]
        (self.directory / f"{name}.counters").unlink(missing_ok=True)
        self.save()

    def save(self):
        temporary = self._file.with_suffix(".tmp")
        with open(temporary, "w") as file:
            json.dump(self.stages, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._file)


def revision(root):
    """The commit that is tested; with a plus where files were changed since."""
    def git(*arguments):
        return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=False).stdout.strip()

    commit = git("rev-parse", "--short", "HEAD") or "unknown"
    return commit + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
