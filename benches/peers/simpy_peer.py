"""The models on SimPy: `simpy_peer.py MODEL SIZE HORIZON` prints its events."""

import math
import random
import sys
import time

import simpy


def agents(env, rng, count):
    """An agent that loops over one flaky tool, with full-jitter backoff."""
    attempt = 0
    while True:
        attempt += 1
        yield env.timeout(rng.expovariate(1.0))
        count[0] += 1
        if rng.random() < 0.1 and attempt < 5:
            yield env.timeout(rng.random() * 0.5 * 2 ** (attempt - 1))
            count[0] += 1
        else:
            attempt = 0


def customer(env, rng, server, count):
    with server.request() as turn:
        yield turn
        yield env.timeout(rng.expovariate(1.0))
    count[0] += 1


def arrivals(env, rng, server, count, size):
    for _ in range(size):
        count[0] += 1
        env.process(customer(env, rng, server, count))
        yield env.timeout(rng.expovariate(0.9))


def main():
    model, size, horizon = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    rng, count, env = random.Random(42), [0], simpy.Environment()
    if model == "agents":
        for _ in range(size):
            env.process(agents(env, rng, count))
    else:
        server = simpy.Resource(env, capacity=1)
        env.process(arrivals(env, rng, server, count, size))
    begin = time.process_time()
    env.run(until=horizon if horizon < 1e9 else math.inf)
    print(f"simpy {model} events={count[0]} seconds={time.process_time() - begin:.4f}")


main()
