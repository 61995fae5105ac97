#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Makes a table, a JSON file and a chart of what the plugin counted.

    report.py --output DIR [--command TEXT] GUESTDIR...
    report.py --functions tx-cl GUESTDIR...	what each function costs with each driver

A GUESTDIR holds what the script "guest" left there: runs (a line for each measurement),
blocks.<line> (what the guest executed in it), kallsyms, and memory.* (allocations while a
channel was brought up). The table goes to stdout, too.
"""
import argparse
import bisect
import collections
import glob
import json
import os
import re
import signal
import statistics

# What the idle loop executes while it polls (idle=poll) is not work, and what the command
# to the emulated adapter waits for is not either.
IDLE = {"cpu_idle_poll", "do_idle", "__send_to_port", "__send_control_msg",
        "virtqueue_get_buf", "virtqueue_get_buf_ctx", "virtqueue_get_buf_ctx_split",
        "virtqueue_is_broken"}
TICK = "hrtimer_interrupt"
IRQ = "xhci_irq"
ALLOC = {"kmem_cache_alloc_noprof", "kmem_cache_alloc_lru_noprof", "kmem_cache_alloc_node_noprof",
         "__kmalloc_noprof", "__kmalloc_cache_noprof", "__kmalloc_cache_node_noprof",
         "__kmalloc_node_noprof", "__kmalloc_node_track_caller_noprof",
         "__kmalloc_large_noprof", "__kmalloc_large_node_noprof"}
FREE = {"kfree", "kmem_cache_free"}
CALLS = {"irq": {IRQ}, "alloc": ALLOC, "free": FREE, "dma_map": {"dma_map_page_attrs"},
         "iommu_map": {"iommu_map"}, "iotlb_flush": {"qi_submit_sync"},
         "urbs": {"xhci_urb_enqueue"}, "clones": {"skb_clone"},
         "socket_skbs": {"sock_alloc_send_pskb"}}
MODULES = ("driver", "can_dev", "can", "usbcore", "xhci", "vmlinux", "other")
# What gs_usb_ng is to reach, as a part of gs_usb's instructions
AIMS = {("tx", "off"): 0.90, ("tx", "strict"): 0.66, ("rx", "off"): 0.92, ("rx", "strict"): 0.68}
MAINLINE, OURS = "gs_usb", "gs_usb_ng"


def module_group(name):
    if name in ("gs_usb", "gs_usb_ng"):
        return "driver"
    if name.startswith("xhci"):
        return "xhci"
    if name in ("can", "can_raw", "vcan"):
        return "can"
    return name if name in MODULES else "other"


class Symbols:
    """Where an address belongs, by the guest's /proc/kallsyms"""

    def __init__(self, path):
        found = {}
        with open(path) as f:
            for line in f:
                words = line.split()
                if words[1] in "tTwW":
                    module = words[3][1:-1] if len(words) > 3 else "vmlinux"
                    found.setdefault(int(words[0], 16), (words[2].split(".")[0], module))
        self.at = sorted(found)
        self.what = [found[a] for a in self.at]

    def find(self, addr):
        """(name, module, whether it is the function's first instruction)"""
        if addr < 1 << 63:
            return "user", "user", False
        i = bisect.bisect_right(self.at, addr) - 1
        return (*self.what[i], self.at[i] == addr)


class Count:
    """Instructions, calls and copied bytes by function, of one measurement"""

    def __init__(self, path, symbols):
        self.insns = collections.Counter()
        self.calls = collections.Counter()
        self.copied = collections.Counter()
        with open(path) as f:
            for line in f:
                addr, insns, runs, copied = line.split()
                name, module, entry = symbols.find(int(addr, 16))
                if name in IDLE:
                    continue
                self.insns[name, module] += int(insns) * int(runs)
                self.copied[name, module] += int(copied) * int(runs)
                if entry:
                    self.calls[name] += int(runs)


class Run:
    """A line of "runs" """

    def __init__(self, line):
        w = line.split()
        self.line = int(w[0])
        self.lost = self.us = 0
        self.what, self.driver, self.fr = w[1:4]
        self.channels, self.depth, self.run, self.asked = map(int, w[4:8])
        for word in w[8:]:
            key, value = word.split("=")
            setattr(self, key, int(value))


def load(directory):
    """The measurements of one guest, less what the timer tick costs"""
    symbols = Symbols(os.path.join(directory, "kallsyms"))
    with open(os.path.join(directory, "runs")) as f:
        runs = [Run(line) for line in f if line != "end\n"]
    for r in runs:
        r.count = Count(os.path.join(directory, "blocks.%d" % r.line), symbols)
    idle = [r.count for r in runs if r.what == "idle"]
    tick = collections.Counter()
    for c in idle:
        for key, n in c.insns.items():
            tick[key] += n / c.calls[TICK] / len(idle)
    for r in runs:
        ticks = r.count.calls[TICK]
        for key, n in tick.items():
            r.count.insns[key] -= n * ticks
    return runs


class Sample:
    """A frame's cost: the slope between a run of N frames and one of 3N"""

    def __init__(self, iommu, few, many):
        n = many.asked - few.asked
        self.case = (many.what, iommu, many.fr, many.driver, many.channels, many.depth)
        self.lost = few.lost + many.lost
        self.rate = many.asked / many.us * 1e6
        self.functions = collections.Counter()
        for key in set(few.count.insns) | set(many.count.insns):
            self.functions[key] = (many.count.insns[key] - few.count.insns[key]) / n
        self.insns = sum(self.functions.values())
        self.modules = collections.Counter()
        for (_, module), v in self.functions.items():
            self.modules[module_group(module)] += v
        self.copied = collections.Counter()
        for key, v in many.count.copied.items():
            self.copied[module_group(key[1])] += (v - few.count.copied[key]) / n
        self.calls = {}
        for key, names in CALLS.items():
            self.calls[key] = sum(many.count.calls[x] - few.count.calls[x] for x in names) / n
        # what the sockets and the host controller allocate is known by what they are asked
        c = self.calls
        c["driver_alloc"] = c["alloc"] - c["urbs"] - c["clones"] - 2 * c["socket_skbs"]


def samples_of(directory):
    """The measurements come in pairs, of N frames and of 3N"""
    iommu = "strict" if directory.rstrip("/").endswith("iommu") else "off"
    runs = [r for r in load(directory) if r.what not in ("idle", "warm-up")]
    return [Sample(iommu, few, many) for few, many in zip(runs[::2], runs[1::2])]


def fit_irq(groups):
    """Instructions that an interrupt costs, from how runs of the same case differ"""
    xy = xx = 0
    for group in groups.values():
        mx = statistics.mean(s.calls["irq"] for s in group)
        my = statistics.mean(s.insns for s in group)
        for s in group:
            xy += (s.calls["irq"] - mx) * (s.insns - my)
            xx += (s.calls["irq"] - mx) ** 2
    return xy / xx if xx else 0


class Case:
    """All good samples of one case: medians, brought to one interrupt a frame"""

    def __init__(self, key, group, lost, irq):
        self.what, self.iommu, self.fr, self.driver, self.channels, self.depth = self.key = key
        self.runs, self.lost = len(group), lost

        def median(value):
            return statistics.median(value(s) for s in group)

        norm = [s.insns + (irq * (1 - s.calls["irq"]) if s.calls["urbs"] > 0.5 else 0)
                for s in group]
        self.insns = statistics.median(norm)
        self.spread = max(norm) - min(norm)
        self.raw = median(lambda s: s.insns)
        self.rate = median(lambda s: s.rate)
        self.modules = {m: median(lambda s, m=m: s.modules[m]) for m in MODULES}
        self.copied = {m: median(lambda s, m=m: s.copied[m]) for m in MODULES}
        self.calls = {c: median(lambda s, c=c: s.calls[c]) for c in group[0].calls}

    def json(self):
        return {"direction": self.what, "iommu": self.iommu, "frame": self.fr,
                "driver": self.driver, "channels": self.channels, "depth": self.depth,
                "runs": self.runs, "runs_with_loss": self.lost,
                "instructions": round(self.insns), "spread": round(self.spread),
                "instructions_as_counted": round(self.raw),
                "frames_per_second": round(self.rate),
                "bytes_copied": {k: round(v) for k, v in self.copied.items()},
                "modules": {k: round(v) for k, v in self.modules.items()},
                "calls": {k: round(v, 2) for k, v in self.calls.items()}}


def collect(guests):
    samples = [s for g in guests for s in samples_of(g)]
    lost = collections.Counter(s.case for s in samples if s.lost)
    groups = collections.OrderedDict()
    for s in samples:
        groups.setdefault(s.case, [])
        if not s.lost:
            groups[s.case].append(s)
    irq = fit_irq({k: g for k, g in groups.items() if g and k[0] != "vcan"})
    cases = {k: Case(k, g, lost[k], irq) for k, g in groups.items() if g}
    return cases, groups, irq


# --- memory -------------------------------------------------------------------------------

EVENT = re.compile(r" (kmalloc|kmem_cache_alloc|kfree|kmem_cache_free|dma_alloc|dma_free): (.*)")
# who allocates for a channel; what the network stack does with any interface is not counted
OWNERS = re.compile(r"\[(gs_usb|gs_usb_ng|can_dev|usbcore)\]")


def memory_of(path):
    """(slab bytes, DMA bytes) that were got for a channel and are still held"""
    slab, dma = {}, {}
    with open(path, errors="replace") as f:
        for line in f:
            m = EVENT.search(line)
            if not m:
                continue
            what, rest = m.groups()
            # values can hold blanks: "call_site=usb_alloc_urb+0x2f/0x60 [usbcore]"
            word = dict(re.findall(r"(\w+)=(\S+(?: \[\w+\])?)", rest))
            if what in ("kmalloc", "kmem_cache_alloc"):
                if OWNERS.search(word["call_site"]):
                    slab[word["ptr"]] = int(word["bytes_alloc"])
            elif what in ("kfree", "kmem_cache_free"):
                slab.pop(word["ptr"], None)
            elif what == "dma_alloc":
                dma[word["dma_addr"]] = int(word["size"])
            else:
                dma.pop(word["dma_addr"], None)
    return sum(slab.values()), sum(dma.values())


def memory(guests):
    out = {}
    for g in guests:
        for path in sorted(glob.glob(os.path.join(g, "memory.*"))):
            _, driver, n = os.path.basename(path).split(".")
            slab, dma = memory_of(path)
            out.setdefault(driver, {})["first" if n == "0" else "next"] = {
                "slab": slab, "dma": dma}
    return out


# --- output -------------------------------------------------------------------------------

def table(cases, irq, held, command):
    yield "%s" % command
    yield "instructions per interrupt (fit): %d" % irq
    yield ""
    yield ("way   iommu  fr driver    ch depth n lost |  insns spread |"
           " driver can_dev    can usbcore   xhci vmlinux | alloc drv  free  dmap iomap  iotlb"
           "  irq | frames/s")
    for c in sorted(cases.values(), key=lambda c: (c.channels, c.depth, c.iommu, c.what,
                                                   c.fr, c.driver)):
        yield ("%-5s %-6s %s %-9s %2d %5s %d %4d | %6d %6d | %6d %7d %6d %7d %6d %7d |"
               " %5.2f %3.0f %5.2f %5.2f %5.2f %6.2f %4.2f | %8d" % (
                   c.what, c.iommu, c.fr, c.driver, c.channels, c.depth or "-", c.runs, c.lost,
                   c.insns, c.spread, *(c.modules[m] for m in MODULES[:-1]),
                   c.calls["alloc"], abs(c.calls["driver_alloc"]), c.calls["free"],
                   c.calls["dma_map"], c.calls["iommu_map"], c.calls["iotlb_flush"],
                   c.calls["irq"], c.rate))
    yield ""
    yield "gs_usb_ng to gs_usb        instructions   aim   frames/s"
    for key, c, ref in pairs(cases):
        aim = AIMS.get(key[:2]) if c.channels == 1 and not c.depth else None
        yield "%-2s %-6s %s %2d ch %s %12.3f %6s %10.2f" % (
            c.what, c.iommu, c.fr, c.channels,
            "depth %d" % c.depth if c.depth else "       ", c.insns / ref.insns,
            "%.2f" % aim if aim else "", c.rate / ref.rate if ref.rate else 0)
    if held:
        yield ""
        yield "bytes held by an open channel     slab      DMA memory"
        for driver, kinds in held.items():
            for kind, m in kinds.items():
                yield "%-9s %-5s channel %15d %15d" % (driver, kind, m["slab"], m["dma"])


def pairs(cases):
    """(key, gs_usb_ng's case, gs_usb's case)"""
    for key, c in sorted(cases.items(), key=lambda i: (i[1].channels, i[1].depth, i[0])):
        ref = cases.get((*key[:3], MAINLINE, *key[4:]))
        if c.driver == OURS and ref:
            yield key, c, ref


COLOURS = {"driver": "#c0392b", "can_dev": "#e67e22", "can": "#f1c40f", "usbcore": "#2980b9",
           "xhci": "#8e44ad", "vmlinux": "#95a5a6", "other": "#34495e"}


def chart(cases, irq, command):
    """Stacked bars, one a case, mainline and ours next to each other"""
    left, width, bar, gap = 230, 560, 16, 14
    rows = []
    for iommu in ("off", "strict"):
        for what in ("tx", "rx"):
            for fr in ("cl", "fd"):
                for driver in (MAINLINE, OURS):
                    c = cases.get((what, iommu, fr, driver, 1, 0))
                    if c:
                        rows.append((c, driver == OURS))
        c = cases.get(("vcan", iommu, "cl", "vcan", 1, 0))
        if c:
            rows.append((c, True))
    top = max(c.insns for c, _ in rows)
    scale = width / top
    body = []
    y = 48
    for c, last in rows:
        name = {"cl": "classic", "fd": "FD"}[c.fr]
        if c.what == "vcan":
            label = "vcan, the floor"
        else:
            label = "%s %s, IOMMU %s, %s" % (c.what.upper(), name, c.iommu, c.driver)
        body.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (left - 6, y + 12, label))
        # the difference to one interrupt a frame is spent in xhci and the kernel's entry
        parts = dict(c.modules)
        parts["vmlinux"] += c.insns - sum(parts.values())
        x = left
        for m in MODULES:
            w = max(parts[m], 0) * scale
            body.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>' % (
                x, y, w, bar, COLOURS[m]))
            x += w
        body.append('<text x="%.1f" y="%d">%d</text>' % (x + 4, y + 12, c.insns))
        y += bar + (gap if last else 2)
    x = left
    key = []
    for m in MODULES:
        key.append('<rect x="%d" y="26" width="10" height="10" fill="%s"/>'
                   '<text x="%d" y="35">%s</text>' % (x, COLOURS[m], x + 14, m))
        x += 26 + 7 * len(m)
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- SPDX-License-Identifier: GPL-2.0-only; made by: %s -->" % command,
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
        'font-family="sans-serif" font-size="11">' % (left + width + 60, y),
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="%d" y="16" font-size="13">Instructions per frame, at one interrupt a frame '
        '(%s)</text>' % (left, command), *key, *body, "</svg>", ""])


def functions(groups, what, fr):
    rows = collections.defaultdict(dict)
    for case, group in groups.items():
        if case[0] == what and case[2] == fr and case[4:] == (1, 0):
            for key in {k for s in group for k in s.functions}:
                rows[key][case[1], case[3]] = statistics.median(s.functions[key] for s in group)
    cols = sorted({c for row in rows.values() for c in row})
    yield "%-44s %-10s %s" % ("function", "module", " ".join("%16s" % "/".join(c) for c in cols))
    for key, row in sorted(rows.items(), key=lambda i: -max(i[1].values())):
        if max(row.values()) >= 4:
            yield "%-44s %-10s %s" % (*key, " ".join("%16.1f" % row.get(c, 0) for c in cols))


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser()
    parser.add_argument("--output")
    parser.add_argument("--command", default="make bench")
    parser.add_argument("--functions", metavar="tx-cl|tx-fd|rx-cl|rx-fd")
    parser.add_argument("guests", nargs="+")
    args = parser.parse_args()

    cases, groups, irq = collect(args.guests)
    if args.functions:
        print("\n".join(functions(groups, *args.functions.split("-"))))
        return
    held = memory(args.guests)
    text = "\n".join(table(cases, irq, held, args.command)) + "\n"
    print(text, end="")
    if not args.output:
        return
    data = {"command": args.command, "instructions_per_interrupt": round(irq),
            "cases": [c.json() for c in cases.values()],
            "ratios": [{"direction": c.what, "iommu": c.iommu, "frame": c.fr,
                        "channels": c.channels, "depth": c.depth,
                        "instructions": round(c.insns / ref.insns, 3),
                        "frames_per_second": round(c.rate / ref.rate, 2) if ref.rate else None}
                       for _, c, ref in pairs(cases)],
            "memory": held}
    with open(os.path.join(args.output, "bench.json"), "w") as f:
        json.dump(data, f, indent=1)
        f.write("\n")
    with open(os.path.join(args.output, "bench.svg"), "w") as f:
        f.write(chart(cases, irq, args.command))
    with open(os.path.join(args.output, "bench.txt"), "w") as f:
        f.write(text)


if __name__ == "__main__":
    main()
