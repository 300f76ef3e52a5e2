"""Solves the books that the test beside this file writes, as minimum-cost flows with OR-tools, and compares.

usage: python solver.py BOOKS

A book is "book NAME SURPLUS", then a line an ask, "a PRICE LOTS", and a line a bid, "b PRICE LOTS FITS TRADED PAID": which
asks may serve it as a hexadecimal number (bit i is ask i), how many lots it got and at what price. All in whole numbers of
64 bits, which hold the books that are written; the solver refuses larger ones.
"""

import multiprocessing
import sys

import numpy
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

# Bids of each book whose price is found again, by solving without one of their lots.
PRICES_MAX = 4


def read(path):
    book = None
    for line in open(path):
        kind, *words = line.split()
        if kind == "book":
            if book:
                yield book
            book = {"name": words[0], "surplus": int(words[1]), "asks": [], "bids": []}
        elif kind == "a":
            book["asks"].append((int(words[0]), int(words[1])))
        else:
            book["bids"].append((int(words[0]), int(words[1]), int(words[2], 16), int(words[3]), int(words[4])))
    if book:
        yield book


def grouped(keys):
    """The number of each key's group, and the different keys."""
    numbers = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys], list(numbers)


def arcs(book):
    """From, to, capacity and cost: source, bids, groups of alike bids, groups of alike asks, asks, sink.

    Bid i is the arc i. What does not trade goes from source to sink for nothing.
    """
    asks, bids = book["asks"], book["bids"]
    bid_group, rows = grouped(bid[2] for bid in bids)
    ask_group, columns = grouped(tuple(row >> ask & 1 for row in rows) for ask in range(len(asks)))
    total = sum(bid[1] for bid in bids)
    source, sink, first_row, first_column = 0, 1, 2, 2 + len(rows)
    made = [(source, first_row + group, bid[1], -bid[0]) for bid, group in zip(bids, bid_group)]
    made += [(first_column + group, sink, ask[1], ask[0]) for ask, group in zip(asks, ask_group)]
    for a, column in enumerate(columns):
        made += [(first_row + b, first_column + a, total, 0) for b, fits in enumerate(column) if fits]
    made.append((source, sink, total, 0))
    return total, made


class Program:
    def __init__(self, book):
        self.lots = [bid[1] for bid in book["bids"]]
        total, made = arcs(book)
        self.solver = SimpleMinCostFlow()
        columns = [numpy.array(column, dtype=numpy.int64) for column in zip(*made)]
        self.solver.add_arcs_with_capacity_and_unit_cost(
            columns[0].astype(numpy.int32), columns[1].astype(numpy.int32), columns[2], columns[3]
        )
        self.solver.set_node_supply(0, total)
        self.solver.set_node_supply(1, -total)

    def solve(self, spared=None):
        """The greatest surplus, without one lot of the bid `spared`."""
        if spared is not None:
            self.solver.set_arc_capacity(spared, self.lots[spared] - 1)
        status = self.solver.solve()
        assert status == self.solver.OPTIMAL, f"the solver gives up: {status}"
        if spared is not None:
            self.solver.set_arc_capacity(spared, self.lots[spared])
        return -self.solver.optimal_cost()


def differences(book):
    """What is wrong with a book, in words."""
    program = Program(book)
    surplus = program.solve()
    if surplus != book["surplus"]:
        return [f"book {book['name']}: surplus {book['surplus']} instead of {surplus}"]
    found = []
    traded = [at for at, bid in enumerate(book["bids"]) if bid[3] > 0]
    for at in traded[:: -(-len(traded) // PRICES_MAX) or 1]:
        limit, _, _, _, paid = book["bids"][at]
        lowest = program.solve(at) - (surplus - limit)
        if paid != lowest:
            found.append(f"book {book['name']}: bid {at} pays {paid} instead of {lowest}")
    return found


def main(path):
    with multiprocessing.Pool() as pool:
        answers = pool.map(differences, list(read(path)), chunksize=1)
    for difference in sum(answers, []):
        print(difference)
    print(f"{len(answers)} books solved")
    return 1 if any(answers) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
