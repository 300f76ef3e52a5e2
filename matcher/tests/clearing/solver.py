"""Solves the books that the test beside this file writes, as linear programs with HiGHS, and compares.

usage: python solver.py BOOKS

A book is "book NAME SURPLUS", then a line an ask, "a PRICE LOTS", and a line a bid, "b PRICE LOTS FITS TRADED PAID": which
asks may serve it as a hexadecimal number (bit i is ask i), how many lots it got and at what price. HiGHS counts in
floating point, so nothing is taken from it on trust: its answer is rounded to whole lots and prices, and proven right in
whole numbers, since any prices bound the surplus from above.
"""

import sys

import highspy
import numpy

# Bids of each book whose price is found again, by solving without one of their lots.
PRICES_MAX = 8


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


class Program:
    """How many lots of each order trade, and how many go from each group of alike bids to each group of alike asks."""

    def __init__(self, book):
        self.asks, self.bids = book["asks"], book["bids"]
        self.bid_group, rows = grouped(bid[2] for bid in self.bids)
        columns = (tuple(row >> ask & 1 for row in rows) for ask in range(len(self.asks)))
        self.ask_group, self.columns = grouped(columns)
        self.edges = [(b, a) for a, column in enumerate(self.columns) for b in range(len(rows)) if column[b]]
        self.rows = len(rows)
        self.solver = highspy.Highs()
        self.solver.setOptionValue("output_flag", False)
        self.solver.setOptionValue("threads", 1)
        self.solver.setOptionValue("solver", "simplex")
        self.solver.passModel(self.model())

    def model(self):
        entries = [[(group, 1)] for group in self.bid_group]
        entries += [[(self.rows + group, -1)] for group in self.ask_group]
        entries += [[(b, -1), (self.rows + a, 1)] for b, a in self.edges]
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(entries), self.rows + len(self.columns)
        prices = [bid[0] for bid in self.bids] + [-ask[0] for ask in self.asks] + [0] * len(self.edges)
        lots = [bid[1] for bid in self.bids] + [ask[1] for ask in self.asks]
        model.sense_ = highspy.ObjSense.kMaximize
        model.col_cost_ = numpy.array(prices, dtype=float)
        model.col_lower_ = numpy.zeros(len(entries))
        model.col_upper_ = numpy.array(lots + [highspy.kHighsInf] * len(self.edges), dtype=float)
        model.row_lower_ = model.row_upper_ = numpy.zeros(model.num_row_)
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        starts = numpy.cumsum([0] + [len(column) for column in entries])
        model.a_matrix_.start_ = starts.astype(numpy.int32)
        model.a_matrix_.index_ = numpy.array([e[0] for column in entries for e in column], dtype=numpy.int32)
        model.a_matrix_.value_ = numpy.array([e[1] for column in entries for e in column], dtype=float)
        return model

    def solve(self, spared=None):
        """The greatest surplus, without one lot of the bid `spared`."""
        lots = [bid[1] - (at == spared) for at, bid in enumerate(self.bids)]
        if spared is not None:
            self.solver.changeColBounds(spared, 0, lots[spared])
        self.solver.run()
        solution = self.solver.getSolution()
        got = [round(value) for value in solution.col_value]
        due = [round(value) for value in solution.row_dual]
        if spared is not None:
            self.solver.changeColBounds(spared, 0, self.bids[spared][1])
        return self.proven(lots, got, due)

    def proven(self, lots, got, due):
        orders = len(self.bids)
        bought, sold = got[:orders], got[orders : orders + len(self.asks)]
        flow = got[orders + len(self.asks) :]
        balance = [0] * (self.rows + len(self.columns))
        for group, some in zip(self.bid_group, bought):
            balance[group] += some
        for group, some in zip(self.ask_group, sold):
            balance[self.rows + group] -= some
        for (b, a), some in zip(self.edges, flow):
            balance[b] -= some
            balance[self.rows + a] += some
        assert not any(balance) and min(flow, default=0) >= 0, "the solver's flow is none"
        assert all(0 <= some <= most for some, most in zip(bought, lots)), "a bid gets more than it wants"
        assert all(0 <= some <= ask[1] for some, ask in zip(sold, self.asks)), "an ask gives more than it has"
        surplus = sum(bid[0] * some for bid, some in zip(self.bids, bought))
        surplus -= sum(ask[0] * some for ask, some in zip(self.asks, sold))
        assert all(due[b] <= due[self.rows + a] for b, a in self.edges), "the solver's prices are none"
        bound = sum(max(0, bid[0] - due[g]) * most for bid, g, most in zip(self.bids, self.bid_group, lots))
        bound += sum(max(0, due[self.rows + g] - ask[0]) * ask[1] for ask, g in zip(self.asks, self.ask_group))
        assert surplus == bound, f"the solver's {surplus} is not proven greatest: {bound}"
        return surplus


def differences(book):
    program = Program(book)
    surplus = program.solve()
    if surplus != book["surplus"]:
        yield f"book {book['name']}: surplus {book['surplus']} instead of {surplus}"
        return
    traded = [at for at, bid in enumerate(book["bids"]) if bid[3] > 0]
    for at in traded[:: max(1, len(traded) // PRICES_MAX)]:
        limit, _, _, _, paid = book["bids"][at]
        lowest = program.solve(at) - (surplus - limit)
        if paid != lowest:
            yield f"book {book['name']}: bid {at} pays {paid} instead of {lowest}"


def main(path):
    books, failed = 0, 0
    for book in read(path):
        books += 1
        for difference in differences(book):
            failed += 1
            print(difference)
    print(f"{books} books solved")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
