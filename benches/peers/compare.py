#!/usr/bin/env python3
"""Runs squall and its peers on the same models and prints how long an event takes on each, as ratios.

`benches/peers/compare [ROUNDS]` builds what is needed and calls this. Every engine runs in a process of
its own; what counts is the process time of the run itself, as the process reports it; engines take turns within a round, and the median of all rounds counts. Ratios hold on any machine, times
do not.
"""

import os
import statistics
import subprocess
import sys

SQUALL, PEERS, PYTHON = sys.argv[1:4]
ROUNDS = int(sys.argv[4]) if len(sys.argv) > 4 else 5
HERE = os.path.dirname(os.path.abspath(__file__))
FOREVER = "1000000000"


def squall(model, size, horizon):
    return [SQUALL, model, size, horizon]


def peer(engine, model, size, horizon):
    return [PEERS, engine, model, size, horizon]


def python(script, *args):
    return [PYTHON, os.path.join(HERE, script), *args]


# (what, [(engine, command)]): the first is squall. The Python engines run a shorter piece.
MODELS = [
    (
        "M/M/1, 300,000 customers",
        [
            ("squall", squall("mm1", "-", "333333s")),
            ("bare loop, std heap", peer("heap", "mm1", "300000", FOREVER)),
            ("bare loop, squall's wheel", peer("wheel", "mm1", "300000", FOREVER)),
            ("simulacra", peer("simulacra", "mm1", "300000", FOREVER)),
            ("NexoSim", peer("nexosim", "mm1", "300000", FOREVER)),
            ("SimPy", python("simpy_peer.py", "mm1", "30000", FOREVER)),
            ("Ciw", python("ciw_peer.py", "10000")),
        ],
    ),
    (
        "10,000 retrying agents",
        [
            ("squall", squall("agents", "10000", "100s")),
            ("bare loop, std heap", peer("heap", "agents", "10000", "100")),
            ("bare loop, squall's wheel", peer("wheel", "agents", "10000", "100")),
            ("simulacra", peer("simulacra", "agents", "10000", "100")),
            ("NexoSim, a model an agent", peer("nexosim", "agents", "10000", "20")),
            ("SimPy", python("simpy_peer.py", "agents", "10000", "10")),
        ],
    ),
    (
        "1,000,000 retrying agents",
        [
            ("squall", squall("agents", "1000000", "5s")),
            ("bare loop, std heap", peer("heap", "agents", "1000000", "5")),
            ("bare loop, squall's wheel", peer("wheel", "agents", "1000000", "5")),
            ("simulacra", peer("simulacra", "agents", "1000000", "5")),
        ],
    ),
    (
        "retry storm, 10,000 agents",
        [
            ("squall", squall("storm", "10000", "200s")),
            ("bare loop, std heap", peer("heap", "storm", "10000", "200")),
            ("bare loop, squall's wheel", peer("wheel", "storm", "10000", "200")),
            ("simulacra", peer("simulacra", "storm", "10000", "200")),
        ],
    ),
]


def once(command):
    """Nanoseconds of process time an event, as the process reports them."""
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    words = dict(w.split("=") for w in done.stdout.split() if "=" in w)
    return float(words["seconds"]) * 1e9 / int(words["events"])


def main():
    print(f"{os.cpu_count()} cores, median of {ROUNDS} rounds\n")
    print("| model | engine | ns an event | events a second | time, squall = 1 |")
    print("|---|---|---:|---:|---:|")
    for what, engines in MODELS:
        times = {name: [] for name, _ in engines}
        for _ in range(ROUNDS):
            for name, command in engines:
                times[name].append(once(command))
        medians = {name: statistics.median(all_) for name, all_ in times.items()}
        for name, ns in medians.items():
            ratio = ns / medians["squall"]
            print(f"| {what} | {name} | {ns:.1f} | {1e3 / ns:.2f} M | {ratio:.2f} |", flush=True)


main()
