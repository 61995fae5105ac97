#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
Makes a table, a JSON file and a chart of what the plugin counted.

    report.py --output DIR [--command TEXT] [--about TEXT] GUESTDIR...
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
import sys

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
         "__kmalloc_large_noprof", "__kmalloc_large_node_noprof",
         "kmem_cache_alloc_bulk_noprof"}
FREE = {"kfree", "kmem_cache_free"}
CALLS = {"irq": {IRQ}, "queue": {"__qdisc_run"}, "wake": {"try_to_wake_up"},
         "alloc": ALLOC, "free": FREE, "dma_map": {"dma_map_page_attrs"},
         "iommu_map": {"iommu_map"}, "iotlb_flush": {"qi_submit_sync"},
         "urbs": {"xhci_urb_enqueue"}, "clones": {"skb_clone"},
         "socket_skbs": {"sock_alloc_send_pskb"}}
MODULES = ("driver", "can_dev", "can", "usbcore", "xhci", "vmlinux", "other")
# How often these happen depends on what else the host does, so all is brought to the same number of
# each a frame. What one costs is fitted to how runs of the same case differ; where they hardly do,
# what is expected here counts instead.
CHANCE = {"irq": (1, 630), "queue": (1, 490), "wake": (0, 6000)}
CHANCE_OF = {"tx": ("irq", "queue"), "tx in flight": ("irq", "wake"), "rx": ("irq",),
             "read": ("irq",), "vcan": (), "elm-tx": ("irq", "queue"), "elm-rx": ("irq",),
             "elm-read": ("irq",)}
# How much that counts: as much as ten runs that differ by 0.07 of a call
EXPECTED = 0.05
# What gs_usb_ng may cost: instructions as a part of gs_usb's
DOORS = {("tx", "off"): 0.90, ("tx", "strict"): 0.66, ("rx", "off"): 0.92, ("rx", "strict"): 0.68}
ELM_DOORS = {"elm-tx": 0.50, "elm-rx": 0.50}
MAINLINE, OURS = "gs_usb", "gs_usb_ng"
DATA = {"cl": 8, "fd": 64}
WAYS = ("tx", "rx", "read", "vcan", "elm-tx", "elm-rx", "elm-read")


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
        # a frame to send has one each way
        self.transfers = self.calls["urbs"] / (2 if many.what.endswith("tx") else 1)
        # what the sockets and the host controller allocate is known by what they are asked
        c = self.calls
        c["driver_alloc"] = c["alloc"] - c["urbs"] - c["clones"] - 2 * c["socket_skbs"]


def samples_of(directory):
    """The measurements come in pairs, of N frames and of 3N"""
    iommu = "strict" if directory.rstrip("/").endswith("iommu") else "off"
    runs = [r for r in load(directory) if r.what not in ("idle", "warm-up")]
    return [Sample(iommu, few, many) for few, many in zip(runs[::2], runs[1::2])]


def solve(a, b):
    """x of a * x = b (Gauss and Jordan)"""
    rows = [list(r) + [v] for r, v in zip(a, b)]
    for i in range(len(rows)):
        pivot = max(range(i, len(rows)), key=lambda k, i=i: abs(rows[k][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        for k, row in enumerate(rows):
            if k != i:
                part = row[i] / rows[i][i]
                rows[k] = [x - part * y for x, y in zip(row, rows[i])]
    return [r[-1] / r[i] for i, r in enumerate(rows)]


def fit(groups, calls):
    """Instructions that each of calls costs, from how runs of the same case differ"""
    a = [[EXPECTED * (c == d) for d in calls] for c in calls]
    b = [EXPECTED * CHANCE[c][1] for c in calls]
    for group in groups:
        mean = [statistics.mean(s.calls[c] for s in group) for c in calls]
        mean_insns = statistics.mean(s.insns for s in group)
        for s in group:
            d = [s.calls[c] - m for c, m in zip(calls, mean)]
            for i, di in enumerate(d):
                b[i] += di * (s.insns - mean_insns)
                for k, dk in enumerate(d):
                    a[i][k] += di * dk
    return dict(zip(calls, solve(a, b)))


def expected(call, sample):
    """How often a call of CHANCE is taken to happen for a frame: an interrupt for each transfer"""
    if call == "irq" and sample.case[0].startswith("elm-"):
        return CHANCE[call][0] * sample.transfers
    return CHANCE[call][0]


def chance_of(key):
    """Which of CHANCE_OF a case is of"""
    return key[0] + " in flight" if key[0] == "tx" and key[5] else key[0]


class Case:
    """All good samples of one case: medians, brought to the same number of each of CHANCE"""

    def __init__(self, key, group, lost, costs):
        self.what, self.iommu, self.fr, self.driver, self.channels, self.depth = self.key = key
        self.runs, self.lost = len(group), lost
        self.samples = group

        def median(value):
            return statistics.median(value(s) for s in group)

        norm = [s.insns + sum(v * (expected(c, s) - s.calls[c]) for c, v in costs.items())
                for s in group]
        self.insns = statistics.median(norm)
        self.spread = max(norm) - min(norm)
        self.counted = median(lambda s: s.insns)
        self.rate = median(lambda s: s.rate)
        self.frames = [1 / s.transfers for s in group if s.transfers]
        self.modules = {m: median(lambda s, m=m: s.modules[m]) for m in MODULES}
        self.copied = {m: median(lambda s, m=m: s.copied[m]) for m in MODULES}
        self.calls = {c: median(lambda s, c=c: s.calls[c]) for c in group[0].calls}

    def copied_by_driver(self):
        return self.copied["driver"] + self.copied["can_dev"]

    def case_json(self):
        return {"direction": self.what, "iommu": self.iommu, "frame": self.fr,
                "driver": self.driver, "channels": self.channels, "depth": self.depth}

    def json(self):
        return {**self.case_json(), "runs": self.runs, "runs_with_loss": self.lost,
                "instructions": round(self.insns), "spread": round(self.spread),
                "instructions_as_counted": round(self.counted),
                "frames_per_second": round(self.rate),
                "modules": {k: round(v) for k, v in self.modules.items()},
                "bytes_copied": {k: round(v) for k, v in self.copied.items()},
                "frames_in_a_transfer": [round(f, 2) for f in self.frames],
                "calls": {k: round(v, 2) for k, v in self.calls.items()}}


def collect(guests):
    """Cases by key, and what each of CHANCE costs"""
    samples = [s for g in guests for s in samples_of(g)]
    lost = collections.Counter(s.case for s in samples if s.lost)
    groups = collections.OrderedDict()
    for s in samples:
        groups.setdefault(s.case, [])
        if not s.lost:
            groups[s.case].append(s)
    costs = {}
    for kind, calls in CHANCE_OF.items():
        of_kind = [g for k, g in groups.items() if g and chance_of(k) == kind]
        if of_kind:
            costs[kind] = fit(of_kind, calls)
    return {k: Case(k, g, lost[k], costs[chance_of(k)]) for k, g in groups.items() if g}, costs


def pairs(cases):
    """(gs_usb_ng's case, gs_usb's case); gs_usb_ng can be set up in more than one way"""
    for c in in_order(cases):
        ref = cases.get((*c.key[:3], MAINLINE, *c.key[4:]))
        if c.driver.startswith(OURS) and ref:
            yield c, ref


def in_order(cases):
    return sorted(cases.values(), key=lambda c: (c.channels, c.depth, c.iommu, c.what, c.fr,
                                                 c.driver))


def rate_ratios(c, ref):
    """Frames per second to those of gs_usb, run by run: each run has one of either"""
    return [a.rate / b.rate for a, b in zip(c.samples, ref.samples)]


def copies(cases):
    """(case, how often the driver copies each byte of data): what a long frame has more"""
    for c in in_order(cases):
        short = cases.get((*c.key[:2], "cl", *c.key[3:]))
        if c.fr == "fd" and c.what != "vcan" and short:
            yield c, ((c.copied_by_driver() - short.copied_by_driver()) /
                      (DATA["fd"] - DATA["cl"]))


def elm_doors(cases):
    """The same as doors(), of the guest with the protocol that has many frames in a transfer"""
    for what, most in ELM_DOORS.items():
        for fr in DATA:
            ours = cases.get((what, "off", fr, OURS + ":elm", 1, 0))
            ref = cases.get((what, "off", fr, MAINLINE, 1, 0))
            name = "%s off %s: " % (what, fr)
            if not ours or not ref:
                yield name + "is measured", "nothing", False
                continue
            # How much shares an interrupt is less of a chance where all waits for the USB: both
            # as counted and brought to an interrupt for each transfer
            ratio = max(ours.insns / ref.insns, ours.counted / ref.counted)
            yield name + "instructions <= %.2f" % most, "%.3f" % ratio, ratio <= most
            for call in ("driver_alloc", "dma_map"):
                if what == "elm-rx":
                    continue
                n = round(ours.calls[call], 1)
                yield name + "%s <= 0" % call, "%.1f" % abs(n), n <= 0


def doors(cases, iommus):
    """(what is demanded, what was measured, whether that will do), of the guests that ran"""
    for (what, iommu), most in DOORS.items():
        for fr in DATA if iommu in iommus else ():
            ours = cases.get((what, iommu, fr, OURS, 1, 0))
            ref = cases.get((what, iommu, fr, MAINLINE, 1, 0))
            name = "%s %s %s: " % (what, iommu, fr)
            if not ours or not ref:
                yield name + "is measured", "nothing", False
                continue
            ratio = ours.insns / ref.insns
            yield name + "instructions <= %.2f" % most, "%.3f" % ratio, ratio <= most
            for call, limit in (("driver_alloc", 0), ("dma_map", 0), ("iotlb_flush", 0)):
                if what == "rx" and call != "iotlb_flush":
                    continue
                n = round(ours.calls[call], 1)
                yield name + "%s <= %d" % (call, limit), "%.1f" % abs(n), n <= limit
            if what == "rx":
                n = ours.calls["dma_map"]
                yield name + "dma_map <= 1/9", "%.2f" % abs(n), n <= 1 / 9
            else:
                # the sockets' clones are the same; gs_usb makes one for the echo
                n = ours.calls["clones"] - ref.calls["clones"]
                yield name + "clones <= gs_usb's - 1", "%.2f" % n, round(n, 1) <= -1
    # Frames that nobody reads keep the pages they lie in, so that others are mapped
    for fr in DATA if iommus else ():
        ours = [c for c in in_order(cases) if c.key[:3] == ("read", c.iommu, fr)
                and c.driver.startswith(OURS)]
        for iommu in iommus:
            if not any(c.iommu == iommu for c in ours):
                yield "read %s %s: is measured" % (iommu, fr), "nothing", False
        copied = any(c.driver.endswith(":copied") for c in ours)
        for c in ours:
            # the sk_buff, and its head unless that is what the frame came in
            in_place = copied if c.driver == OURS else not c.driver.endswith(":copied")
            for call, limit in (("driver_alloc", 1 if in_place else 2), ("dma_map", 0),
                                ("iotlb_flush", 0)):
                n = round(c.calls[call], 1)
                yield "read %s %s%s: %s <= %d" % (c.iommu, fr, c.driver[len(OURS):], call,
                                                  limit), "%.1f" % abs(n), n <= limit


# --- memory -------------------------------------------------------------------------------

EVENT = re.compile(r" (kmalloc|kmem_cache_alloc|kfree|kmem_cache_free|dma_alloc|dma_free|"
                   r"page_pool_state_hold|page_pool_state_release): (.*)")
PAGE = 4096
# who allocates for a channel; what the network stack does with any interface is not counted
OWNERS = re.compile(r"\[(gs_usb|gs_usb_ng|can_dev|usbcore)\]")


def memory_of(path):
    """Bytes that were got for a channel and are still held, by kind"""
    slab, dma, pages = {}, {}, set()
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
            elif what == "dma_free":
                dma.pop(word["dma_addr"], None)
            elif what == "page_pool_state_hold":
                pages.add(word["pfn"])
            else:
                pages.discard(word["pfn"])
    return {"slab": sum(slab.values()), "dma": sum(dma.values()), "pages": PAGE * len(pages)}


def memory(guests):
    out = {}
    for g in guests:
        for path in sorted(glob.glob(os.path.join(g, "memory.*"))):
            _, driver, n = os.path.basename(path).split(".")
            out.setdefault(driver, {})["first" if n == "0" else "next"] = memory_of(path)
    return out


# --- output -------------------------------------------------------------------------------

def table(cases, costs, held, verdict, command, about):
    yield command
    if about:
        yield about
    for kind, cost in costs.items():
        if cost:
            yield "%s, instructions by fit: %s" % (
                kind, ", ".join("%d for each %s" % (round(v), c) for c, v in cost.items()))
    yield ""
    yield ("way      iommu  fr driver           ch depth n lost |  insns spread counted |"
           " driver can_dev    can usbcore   xhci vmlinux | alloc drv  free  dmap iomap  iotlb"
           "  irq queue wake copied | frames/s")
    for c in in_order(cases):
        yield ("%-8s %-6s %s %-16s %2d %5s %d %4d | %6d %6d %7d | %6d %7d %6d %7d %6d %7d |"
               " %5.2f %3.0f %5.2f %5.2f %5.2f %6.2f %4.2f %5.2f %4.2f %6d | %8d" % (
                   c.what, c.iommu, c.fr, c.driver, c.channels, c.depth or "-", c.runs, c.lost,
                   c.insns, c.spread, c.counted, *(c.modules[m] for m in MODULES[:-1]),
                   c.calls["alloc"], abs(c.calls["driver_alloc"]), c.calls["free"],
                   c.calls["dma_map"], c.calls["iommu_map"], c.calls["iotlb_flush"],
                   c.calls["irq"], abs(c.calls["queue"]), abs(c.calls["wake"]),
                   c.copied_by_driver(), c.rate))
    yield ""
    yield "to gs_usb                                      instructions   frames/s (least..most)"
    for c, ref in pairs(cases):
        rates = rate_ratios(c, ref)
        yield "%-8s %-6s %s %-16s %2d ch %-8s %8.3f %10.2f (%.2f..%.2f)" % (
            c.what, c.iommu, c.fr, c.driver, c.channels,
            "depth %d" % c.depth if c.depth else "", c.insns / ref.insns,
            statistics.median(rates), min(rates), max(rates))
    yield ""
    yield "copies of each byte of data by the driver"
    for c, n in copies(cases):
        if c.channels == 1:
            yield "%-8s %-6s %-16s %5.2f" % (c.what, c.iommu, c.driver, n)
    blobs = [c for c in in_order(cases) if c.what.startswith("elm-")]
    if blobs:
        yield ""
        yield "frames in a transfer, least..most"
    for c in blobs:
        yield "%-8s %s %-16s %6.2f..%.2f" % (c.what, c.fr, c.driver, min(c.frames), max(c.frames))
    if held:
        yield ""
        yield "bytes held by an open channel     slab      DMA memory  pages of pools"
        for driver, kinds in held.items():
            for kind, m in kinds.items():
                yield "%-9s %-5s channel %15d %15d %15d" % (driver, kind, m["slab"], m["dma"],
                                                            m["pages"])
    if verdict:
        yield ""
        yield "doors"
        for demand, got, fine in verdict:
            yield "%-4s %-44s %s" % ("ok" if fine else "MISS", demand, got)


COLOURS = {"driver": "#c0392b", "can_dev": "#e67e22", "can": "#f1c40f", "usbcore": "#2980b9",
           "xhci": "#8e44ad", "vmlinux": "#95a5a6", "other": "#34495e"}


def chart_place(c):
    """Where a case's bar is: those of one group differ in the driver only"""
    return (c.key[4:] != (1, 0), c.iommu, WAYS.index(c.what), c.channels, c.depth, c.fr)


def chart_label(c):
    words = ["%s %s" % (c.what.upper(), {"cl": "classic", "fd": "FD"}[c.fr])]
    if c.channels > 1:
        words.append("%d channels" % c.channels)
    if c.depth:
        words.append("depth %d" % c.depth)
    if c.key[4:] == (1, 0):
        words.append("IOMMU " + c.iommu)
    return ", ".join([*words, c.driver])


def chart(cases, command):
    """Stacked bars, one a case, the drivers next to each other"""
    left, width, bar = 290, 560, 16
    shown = sorted((c for c in cases.values() if c.what != "vcan" or c.fr == "cl"),
                   key=lambda c: (chart_place(c), c.driver))
    scale = width / max(c.insns for c in shown)
    body = []
    y = 38
    before = None
    for c in shown:
        y += 2 if chart_place(c) == before else 12
        before = chart_place(c)
        body.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (left - 6, y + 12,
                                                                         chart_label(c)))
        # the difference to what was counted is spent in xhci and the kernel's entry
        parts = dict(c.modules)
        parts["vmlinux"] += c.insns - sum(parts.values())
        x = left
        for m in MODULES:
            w = max(parts[m], 0) * scale
            body.append('<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>' % (
                x, y, w, bar, COLOURS[m]))
            x += w
        body.append('<text x="%.1f" y="%d">%d</text>' % (x + 4, y + 12, c.insns))
        y += bar
    x = left
    key = []
    for m in MODULES:
        key.append('<rect x="%d" y="26" width="10" height="10" fill="%s"/>'
                   '<text x="%d" y="35">%s</text>' % (x, COLOURS[m], x + 14, m))
        x += 26 + 7 * len(m)
    return "\n".join([
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
        'font-family="sans-serif" font-size="11">' % (left + width + 60, y + 12),
        '<rect width="100%" height="100%" fill="white"/>',
        '<text x="%d" y="16" font-size="13">Instructions per frame, at one interrupt a frame '
        '(ELM: a transfer) (%s)</text>' % (left, command), *key, *body, "</svg>", ""])


def functions(cases, what, fr):
    rows = collections.defaultdict(dict)
    for c in cases.values():
        if c.key[::2] == (what, fr, 1) and not c.depth:
            for key in {k for s in c.samples for k in s.functions}:
                rows[key][c.iommu, c.driver] = statistics.median(s.functions[key]
                                                                 for s in c.samples)
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
    parser.add_argument("--about", default="")
    parser.add_argument("--functions", metavar="[elm-]{tx|rx|read}-{cl|fd}")
    parser.add_argument("guests", nargs="+")
    args = parser.parse_args()

    cases, costs = collect(args.guests)
    if args.functions:
        print("\n".join(functions(cases, *args.functions.rsplit("-", 1))))
        return 0
    held = memory(args.guests)
    names = {os.path.basename(g.rstrip("/")) for g in args.guests}
    verdict = list(doors(cases, [i for i, name in (("off", "bench-off"), ("strict", "bench-iommu"))
                                 if name in names]))
    if "bench-elm" in names:
        verdict += elm_doors(cases)
    text = "\n".join(table(cases, costs, held, verdict, args.command, args.about)) + "\n"
    print(text, end="")
    if args.output:
        ratios = [{**c.case_json(), "instructions": round(c.insns / ref.insns, 3),
                   "frames_per_second": [round(r, 2) for r in rate_ratios(c, ref)]}
                  for c, ref in pairs(cases)]
        data = {"command": args.command, "about": args.about,
                "cost": {w: {c: round(v) for c, v in cost.items()} for w, cost in costs.items()},
                "cases": [c.json() for c in cases.values()], "ratios": ratios,
                "copies_of_each_byte": [{**c.case_json(), "copies": round(n, 2)}
                                        for c, n in copies(cases)],
                "memory": held,
                "doors": [{"demand": d, "measured": m, "ok": ok} for d, m, ok in verdict]}
        with open(os.path.join(args.output, "bench.json"), "w") as f:
            json.dump(data, f, indent=1)
            f.write("\n")
        with open(os.path.join(args.output, "bench.svg"), "w") as f:
            f.write(chart(cases, args.command))
        with open(os.path.join(args.output, "bench.txt"), "w") as f:
            f.write(text)
    return 0 if all(ok for _, _, ok in verdict) else 1


if __name__ == "__main__":
    sys.exit(main())
