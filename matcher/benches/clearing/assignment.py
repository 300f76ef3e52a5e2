"""Solves the books that `cargo bench -p matcher --bench clearing -- assignment` left, by other means: compares the surplus to
the unit, and the time. Wants ortools, numpy and scipy:

    python3 -m venv target/venv && target/venv/bin/pip install ortools numpy scipy
    target/venv/bin/python matcher/benches/clearing/assignment.py target/tmp/assignment [seconds for each attempt]
"""

import multiprocessing
import pathlib
import resource
import sys
import time

import numpy

ATTEMPT_S = 480


def read(path):
    """Ask prices and scores, bid prices and scores, our surplus, our seconds of seal and clear."""
    words = numpy.fromfile(path, dtype="<u8")
    asks, bids, metrics = (int(word) for word in words[:3])
    orders = words[3 : 3 + (asks + bids) * (1 + metrics)].reshape(asks + bids, 1 + metrics).astype(numpy.int64)
    seconds = words[-2:].view("<f8")
    return orders[:asks], orders[asks:], int(words[-3]), float(seconds[0]), float(seconds[1])


def gains(asks, bids):
    """Bid price less ask price where the ask fits and that is more than nothing, else 0; a row a bid."""
    gain = numpy.maximum(bids[:, :1] - asks[None, :, 0], 0).astype(numpy.int32)
    for metric in range(1, asks.shape[1]):
        gain[bids[:, metric][:, None] > asks[:, metric][None, :]] = 0
    return gain


def assignment(gain):
    """OR-tools' linear assignment. It wants everyone matched, so every order has a double whom it may meet for nothing, and
    doubles meet where their originals could have."""
    from ortools.graph.python import linear_sum_assignment

    bids, asks = gain.shape
    left, right = (side.astype(numpy.int32) for side in numpy.nonzero(gain))
    worth = gain[left, right].astype(numpy.int64)
    all_bids, all_asks = numpy.arange(bids, dtype=numpy.int32), numpy.arange(asks, dtype=numpy.int32)
    solver = linear_sum_assignment.SimpleLinearSumAssignment()
    solver.add_arcs_with_cost(left, right, -worth)
    solver.add_arcs_with_cost(right + bids, left + asks, numpy.zeros_like(worth))
    solver.add_arcs_with_cost(all_bids, all_bids + asks, numpy.zeros(bids, dtype=numpy.int64))
    solver.add_arcs_with_cost(all_asks + bids, all_asks, numpy.zeros(asks, dtype=numpy.int64))
    start = time.process_time()
    status = solver.solve()
    seconds = time.process_time() - start
    assert status == solver.OPTIMAL, status
    return -solver.optimal_cost(), seconds


def flow(gain):
    """OR-tools' minimum-cost flow from a source over bids and asks to a sink; what does not trade goes past them."""
    from ortools.graph.python import min_cost_flow

    bids, asks = gain.shape
    source, sink, most = bids + asks, bids + asks + 1, min(bids, asks)
    left, right = (side.astype(numpy.int32) for side in numpy.nonzero(gain))
    worth = gain[left, right].astype(numpy.int64)
    all_bids, all_asks = numpy.arange(bids, dtype=numpy.int32), numpy.arange(asks, dtype=numpy.int32)
    solver = min_cost_flow.SimpleMinCostFlow()

    def add(tails, heads, costs, room=1):
        solver.add_arcs_with_capacity_and_unit_cost(tails, heads, numpy.full(len(tails), room), costs)

    add(left, right + bids, -worth)
    add(numpy.full(bids, source, dtype=numpy.int32), all_bids, numpy.zeros(bids, dtype=numpy.int64))
    add(all_asks + bids, numpy.full(asks, sink, dtype=numpy.int32), numpy.zeros(asks, dtype=numpy.int64))
    add(numpy.array([source]), numpy.array([sink]), numpy.array([0]), most)
    solver.set_node_supply(source, most)
    solver.set_node_supply(sink, -most)
    start = time.process_time()
    status = solver.solve()
    seconds = time.process_time() - start
    assert status == solver.OPTIMAL, status
    return -solver.optimal_cost(), seconds


def dense(gain):
    """SciPy's linear_sum_assignment (Jonker and Volgenant) over the whole matrix."""
    from scipy.optimize import linear_sum_assignment

    worth = gain.astype(numpy.float64)
    start = time.process_time()
    rows, columns = linear_sum_assignment(worth, maximize=True)
    seconds = time.process_time() - start
    return int(gain[rows, columns].astype(numpy.int64).sum()), seconds


def attempt(solve, path, answers):
    """Runs in a process of its own, since nothing else ends a solver."""
    asks, bids, *_ = read(path)
    surplus, seconds = solve(gains(asks, bids))
    answers.put((surplus, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def main():
    folder = pathlib.Path(sys.argv[1])
    limit = float(sys.argv[2]) if len(sys.argv) > 2 else ATTEMPT_S
    print("| book | solver | surplus | equal to ours | took | ours: clear | times faster | with seal | memory |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in sorted(folder.glob("*.book"), key=lambda path: path.stat().st_size, reverse=True):
        _, _, ours, seal, clear = read(path)
        for solve in (dense, assignment, flow):
            answers = multiprocessing.Queue()
            process = multiprocessing.Process(target=attempt, args=(solve, path, answers))
            process.start()
            try:
                surplus, seconds, memory = answers.get(timeout=limit)
                equal = "yes" if surplus == ours else f"NO, by {surplus - ours}"
                cells = [surplus, equal, f"{seconds:.2f} s", f"{clear:.3f} s", f"{seconds / clear:.1f}"]
                cells += [f"{seconds / (seal + clear):.1f}", f"{memory:.1f} GiB"]
            except Exception:
                alive = process.is_alive()
                reason = f"not done in {limit:.0f} s" if alive else f"ended with {process.exitcode}"
                cells = [reason, "", "", f"{clear:.3f} s", "", "", ""]
            process.terminate()
            process.join()
            print("|", " | ".join(str(cell) for cell in [path.stem, solve.__name__, *cells]), "|", flush=True)


if __name__ == "__main__":
    main()
