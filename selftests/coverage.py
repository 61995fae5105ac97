#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Merges what gcov says of several guests' runs, over the module and the unit tests, which hold the
same sources, and prints lines and branches reached per file of the driver.

coverage.py --top REPOSITORY [--missed FILE] [--least PERCENT] DIR...

Each DIR holds *.gcda files below the path that the object had at build time (selftests/coverage).
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SUMS = "/sys/kernel/debug/gcov"


def gcov(counts, built):
    """What gcov says of one object: counts is its .gcda, built the path of the object's notes."""
    notes = built.with_suffix(".gcno")
    if not notes.exists():
        sys.exit(f"error: {notes} is missing; it was made when the module was built")
    with tempfile.TemporaryDirectory() as tmp:
        shutil.copy(counts, tmp)
        shutil.copy(notes, tmp)
        out = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities",
                              counts.name], cwd=tmp, check=True, capture_output=True).stdout
    return json.loads(out)


class Line:
    """A line of a source: how often it was run, and each of its branches, by compilation unit."""

    def __init__(self):
        self.count = 0
        self.branches = {}

    def add(self, unit, line):
        self.count += line["count"]
        # a statement that was inlined in two functions appears twice; the order stays
        seen = self.branches.setdefault(unit, collections.Counter())
        for i, branch in enumerate(line["branches"]):
            seen[i] += branch["count"]

    def best(self):
        """Branches reached and branches, of the unit that reached most of them."""
        return max(((sum(1 for n in b.values() if n), len(b)) for b in self.branches.values()),
                   default=(0, 0))


def read(dirs, top):
    """source -> line number -> Line; sources relative to the top of the repository."""
    files = collections.defaultdict(lambda: collections.defaultdict(Line))
    for directory in dirs:
        root = pathlib.Path(directory)
        for counts in sorted(root.rglob("*.gcda")):
            built = pathlib.Path("/") / counts.relative_to(root / SUMS.lstrip("/"))
            base = built.parent.parent if built.parent.name == "kunit" else built.parent
            for source in gcov(counts, built)["files"]:
                path = os.path.normpath(os.path.join(base, source["file"]))
                name = os.path.relpath(path, base)
                if name.startswith(("..", "kunit/", "compat/")) or not (top / name).exists():
                    continue
                for line in source["lines"]:
                    files[name][line["line_number"]].add(built.name, line)
    return files


def percent(reached, of):
    return f"{reached:5}/{of:<5} {100 * reached / of if of else 100:5.1f} %"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--top", type=pathlib.Path, required=True)
    parser.add_argument("--missed", type=pathlib.Path)
    parser.add_argument("--least", type=float, default=0)
    parser.add_argument("dirs", nargs="+")
    args = parser.parse_args()

    files = read(args.dirs, args.top)
    if not files:
        sys.exit("error: no counts in " + " ".join(args.dirs))
    total = [0, 0, 0, 0]
    missed = []
    print(f"{'file':24}{'lines':>11}{'branches':>22}")
    for name in sorted(files):
        lines = files[name]
        source = (args.top / name).read_text(encoding="utf-8").splitlines()
        best = [line.best() for line in lines.values()]
        row = [sum(1 for line in lines.values() if line.count), len(lines),
               sum(b[0] for b in best), sum(b[1] for b in best)]
        total = [a + b for a, b in zip(total, row)]
        print(f"{name:24}{percent(*row[:2])}  {percent(*row[2:])}")
        missed += [f"{name}:{n}: {source[n - 1].strip()}" for n in sorted(lines)
                   if not lines[n].count]
    print(f"{'all':24}{percent(*total[:2])}  {percent(*total[2:])}")
    if args.missed:
        args.missed.write_text("\n".join(missed) + "\n", encoding="utf-8")
    if 100 * total[0] < args.least * total[1]:
        sys.exit(f"error: less than {args.least:g} % of the lines")


if __name__ == "__main__":
    main()
