"""Figures of a run: collected over rounds, kept as JSON, so that the report can be written again without measuring."""
import json
import os
import statistics


class Results:
    """`about` describes the run; figures are lists, one value a round."""

    def __init__(self, about, figures=None, failures=None):
        self.about = about
        self.figures = figures or {}
        self.failures = failures or []

    def add(self, tunnel, figures):
        for name, value in figures.items():
            self.figures.setdefault(tunnel, {}).setdefault(name, []).append(value)

    def fail(self, tunnel, kind, reason):
        self.failures.append({"tunnel": tunnel, "kind": kind, "reason": str(reason)})

    def values(self, tunnel, name):
        return self.figures.get(tunnel, {}).get(name, [])

    def median(self, tunnel, name):
        """None if it was not measured."""
        values = self.values(tunnel, name)
        return statistics.median(values) if values else None

    def ratio(self, tunnel, name, reference, reference_name=None):
        """Of the medians, None if one of them is missing or there is nothing to divide by."""
        one, other = self.median(tunnel, name), self.median(reference, reference_name or name)
        return one / other if one is not None and other else None

    def save(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({"about": self.about, "figures": self.figures, "failures": self.failures}, file, indent=1)
        os.replace(path + ".new", path)

    @classmethod
    def load(cls, path):
        with open(path, encoding="utf-8") as file:
            read = json.load(file)
        return cls(read["about"], read["figures"], read["failures"])
