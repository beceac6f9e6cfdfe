"""M/M/1 on Ciw: `ciw_peer.py CUSTOMERS` prints its events (an arrival and a departure each)."""

import sys
import time

import ciw

customers = int(sys.argv[1])
network = ciw.create_network(
    arrival_distributions=[ciw.dists.Exponential(rate=0.9)],
    service_distributions=[ciw.dists.Exponential(rate=1.0)],
    number_of_servers=[1],
)
ciw.seed(42)
simulation = ciw.Simulation(network)
begin = time.process_time()
simulation.simulate_until_max_customers(customers, method="Finish")
print(f"ciw mm1 events={2 * customers} seconds={time.process_time() - begin:.4f}")
