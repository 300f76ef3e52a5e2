#!/usr/bin/env python3
"""Clearing as docs/clearing.md specifies it, in Python alone, compared with clearing.json. Needs no package.

    python3 check_clearing.py          compares clearing.json
    python3 check_clearing.py FILE     compares another file of the same form
"""

import json
import pathlib
import sys

M64 = (1 << 64) - 1
CLASS_PAIRS_MAX = 1 << 27
NONE = -1
# Pairs that get no lots although both have some left, because others could not be paired then; and those that get fewer
# than both have.
SEEN = {"refused": 0, "cut": 0}


def keccak256(data):
    """Ethereum's hash."""
    rotations, x, y = {}, 1, 0
    for t in range(24):
        rotations[x, y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    data = bytearray(data) + b"\x01" + b"\x00" * (-(len(data) + 1) % 136)
    data[-1] |= 0x80
    lanes = {(x, y): 0 for x in range(5) for y in range(5)}
    for start in range(0, len(data), 136):
        for i in range(17):
            lanes[i % 5, i // 5] ^= int.from_bytes(data[start + 8 * i : start + 8 * i + 8], "little")
        lfsr = 1
        for _ in range(24):
            c = [lanes[x, 0] ^ lanes[x, 1] ^ lanes[x, 2] ^ lanes[x, 3] ^ lanes[x, 4] for x in range(5)]
            for x, y in lanes:
                lanes[x, y] ^= c[x - 1] ^ rotl(c[(x + 1) % 5], 1)
            moved = {}
            for x, y in lanes:
                moved[y, (2 * x + 3 * y) % 5] = rotl(lanes[x, y], rotations.get((x, y), 0))
            for x, y in lanes:
                lanes[x, y] = moved[x, y] ^ (~moved[(x + 1) % 5, y] & moved[(x + 2) % 5, y])
            for j in range(7):
                lfsr = ((lfsr << 1) ^ ((lfsr >> 7) * 0x71)) % 256
                if lfsr & 2:
                    lanes[0, 0] ^= 1 << ((1 << j) - 1)
    return b"".join(lanes[i, 0].to_bytes(8, "little") for i in range(4))


def rotl(word, bits):
    return ((word << bits) | (word >> (64 - bits))) & M64


def siphash24(key, data):
    """SipHash-2-4 with 64 bits of output."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & M64
            v[1] = rotl(v[1], 13) ^ v[0]
            v[0] = rotl(v[0], 32)
            v[2] = (v[2] + v[3]) & M64
            v[3] = rotl(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & M64
            v[3] = rotl(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & M64
            v[1] = rotl(v[1], 17) ^ v[2]
            v[2] = rotl(v[2], 32)

    padded = data + b"\x00" * (7 - len(data) % 8) + bytes([len(data) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


# Section 1: input.


def mixed(x):
    x ^= x >> 33
    x = x * 0xFF51AFD7ED558CCD & M64
    x ^= x >> 33
    x = x * 0xC4CEB9FE1A85EC53 & M64
    return x ^ x >> 33


def number(value, size):
    return value.to_bytes(size, "big")


def raw(text):
    return bytes.fromhex(text[2:])


class Order:
    def __init__(self, row, seed):
        self.id, self.is_ask = raw(row["id"]), row["side"] == 0
        self.owner, self.slot = raw(row["owner"]), row["slot"]
        self.values = {score["metric"]: int(score["value"]) for score in row["capacity"]}
        self.price = int(row["pricePerLotSecond"])
        self.duration_min, self.duration_max = row["minDuration"], row["maxDuration"]
        self.billed_min, self.flags = row["minBilled"], row["flags"]
        self.counterparty, self.excluded = raw(row["counterparty"]), [raw(owner) for owner in row["excluded"]]
        self.identity_min, self.identity = row["minIdentity"], row["identity"]
        self.open = [tuple(piece) for piece in row["open"]]
        self.lots = sum(end - first for first, end in self.open)
        mark = siphash24(bytes(16), self.owner + number(self.slot, 2))
        self.rank = mixed(mark ^ int.from_bytes(seed[:8], "big"))

    def sealed(self):
        ranges = b"".join(number(first, 4) + number(end, 4) for first, end in self.open)
        return self.id + number(self.identity, 1) + number(len(self.open), 4) + ranges

    def class_key(self, owners_named):
        alike = (tuple(sorted(self.values.items())), self.duration_min, self.duration_max, self.billed_min, self.flags)
        people = (self.counterparty, tuple(self.excluded), self.identity_min, self.identity)
        return alike, people, self.owner if self.owner in owners_named else None


# Section 2: who may serve whom.


def is_named(order, other):
    return order.counterparty in (bytes(20), other.owner) and other.owner not in order.excluded


def does_fit(ask, bid):
    longest = min(ask.duration_max, bid.duration_max)
    return (
        all(ask.values.get(metric, 0) >= value for metric, value in bid.values.items())
        and longest >= ask.duration_min
        and longest >= bid.duration_min
        and ask.billed_min <= bid.billed_min
        and bid.flags & ~ask.flags == 0
        and ask.owner != bid.owner
        and is_named(ask, bid)
        and is_named(bid, ask)
        and ask.identity >= bid.identity_min
        and bid.identity >= ask.identity_min
    )


def count_classes(own, others):
    owners_named = {other.owner for other in others}
    for other in others:
        owners_named.update([other.counterparty, *other.excluded])
    return len({order.class_key(owners_named) for order in own})


# Lots that go from asks to bids: `flow[ask, bid]`, asks and bids by their places.


class Pairs:
    """Who fits whom, both ways, and how many lots each pair trades."""

    def __init__(self, asks, bids):
        self.asks, self.bids = range(len(asks)), range(len(bids))
        self.fits = {(a, b) for a in self.asks for b in self.bids if does_fit(asks[a], bids[b])}
        self.asks_of = [[a for a in self.asks if (a, b) in self.fits] for b in self.bids]
        self.bids_of = [[b for b in self.bids if (a, b) in self.fits] for a in self.asks]
        self.flow = {pair: 0 for pair in self.fits}

    def reached(self, bid):
        """Asks that an alternating path from `bid` reaches, each with the bid before it on the way; under ("bid", b) the
        ask before a bid. A bid can take lots of an ask that fits; an ask can take them back from its other bids, which
        look further."""
        came, queue = {}, [bid]
        for at in queue:
            for a in self.asks_of[at]:
                if a not in came:
                    came[a] = at
                    further = [b for b in self.bids_of[a] if self.flow[a, b] > 0 and b not in queue]
                    queue.extend(further)
                    came.update((("bid", b), a) for b in further)
        return came

    def path(self, came, bid, ask):
        """Pairs that get a lot and pairs that lose one, if `bid` gets one in the end from `ask`."""
        more, less = [], []
        while True:
            b = came[ask]
            more.append((ask, b))
            if b == bid:
                return more, less
            ask = came["bid", b]
            less.append((ask, b))


# Section 3: who trades.


def line_of(asks, bids):
    """The place in the line of every ask and of every bid."""
    rows = [((ask.price, 0, ask.rank, a), "ask", a) for a, ask in enumerate(asks)]
    rows += [((bid.price, 1, -bid.rank, -b), "bid", b) for b, bid in enumerate(bids)]
    line = sorted(rows)
    return {(side, at): place for place, (_, side, at) in enumerate(line)}, [key[0] for key, _, _ in line]


def find_winners(asks, bids, pairs, place):
    room, need = [ask.lots for ask in asks], [bid.lots for bid in bids]
    for b in sorted(pairs.bids, key=lambda b: -place["bid", b]):
        while need[b] > 0:
            came = pairs.reached(b)
            free = [a for a in pairs.asks if a in came and room[a] > 0 and place["ask", a] < place["bid", b]]
            if not free:
                break
            a = min(free, key=lambda a: place["ask", a])
            more, less = pairs.path(came, b, a)
            lots = min([need[b], room[a]] + [pairs.flow[pair] for pair in less])
            for pair in more:
                pairs.flow[pair] += lots
            for pair in less:
                pairs.flow[pair] -= lots
            need[b] -= lots
            room[a] -= lots
    return [ask.lots - left for ask, left in zip(asks, room)], [bid.lots - left for bid, left in zip(bids, need)]


def is_greatest(asks, bids, pairs, traded, worth):
    """Whether no exchange of lots raises the total worth of what bids have less that of what asks give: no cycle of
    positive gain (Bellman and Ford), `worth` being any increasing function of the place."""
    edges = [("out", ("ask", a), -worth["ask", a]) for a in pairs.asks if traded[0][a] < asks[a].lots]
    edges += [(("ask", a), "out", worth["ask", a]) for a in pairs.asks if traded[0][a] > 0]
    edges += [(("bid", b), "out", worth["bid", b]) for b in pairs.bids if traded[1][b] < bids[b].lots]
    edges += [("out", ("bid", b), -worth["bid", b]) for b in pairs.bids if traded[1][b] > 0]
    edges += [(("ask", a), ("bid", b), 0) for a, b in pairs.fits]
    edges += [(("bid", b), ("ask", a), 0) for (a, b), lots in pairs.flow.items() if lots > 0]
    gain = {node: 0 for edge in edges for node in edge[:2]}
    for _ in range(len(gain) + 1):
        has_changed = False
        for start, end, more in edges:
            if gain[start] + more > gain[end]:
                gain[end], has_changed = gain[start] + more, True
        if not has_changed:
            return True
    return False


# Section 4: prices.


def find_levels(asks, bids, pairs, place, traded):
    level = {key: NONE for key in place}
    for a in pairs.asks:
        if traded[0][a] > 0:
            level["ask", a] = place["ask", a]
    for b in pairs.bids:
        if traded[1][b] < bids[b].lots:
            level["bid", b] = place["bid", b]
    equal = [(a, b) for b in pairs.bids for a in could_trade(pairs, b)]
    has_changed = True
    while has_changed:
        has_changed = False
        for a, b in pairs.fits:
            if level["ask", a] < level["bid", b]:
                level["ask", a], has_changed = level["bid", b], True
        for a, b in equal:
            if level["bid", b] < level["ask", a]:
                level["bid", b], has_changed = level["ask", a], True
    return level


def could_trade(pairs, bid):
    """Asks that have lots with `bid` in some pairing of the same traded lots: it can give up a lot that it has, whose ask
    finds another bid, which gives up one, and so on, until that is a lot of the ask in question."""
    seen, queue = set(), [bid]
    for at in queue:
        for a in pairs.asks_of[at]:
            if pairs.flow[a, at] > 0 and a not in seen:
                seen.add(a)
                queue.extend(b for b in pairs.bids_of[a] if b not in queue)
    return [a for a in pairs.asks_of[bid] if a in seen]


# Section 5: who meets.


def digits(rank):
    return f"{rank:016x}"


def nodes_of(ranks):
    """The nodes of the tree, children before their parent and in ascending order."""
    known = {digits(rank)[:size] for rank in ranks for size in range(17)}

    def below(node):
        children = [node + digit for digit in "0123456789abcdef" if node + digit in known]
        return [one for child in children for one in below(child)] + [node]

    return below("")


def meetings(asks, bids, traded, fits):
    """All fitting pairs of winners, in the order in which they are looked at."""
    sides = [[at for at, lots in enumerate(side) if lots > 0] for side in traded]
    position = []
    for orders, winners in zip((asks, bids), sides):
        ranked = sorted(winners, key=lambda at: (orders[at].rank, at))
        position.append({at: position for position, at in enumerate(ranked)})
    by_node = {}
    for a in sides[0]:
        for b in sides[1]:
            if (a, b) in fits:
                one, other, size = digits(asks[a].rank), digits(bids[b].rank), 0
                while size < 16 and one[size] == other[size]:
                    size += 1
                key = (mixed(bids[b].rank ^ rotl(asks[a].rank, 32)), position[0][a], position[1][b])
                by_node.setdefault(one[:size], []).append((key, a, b))
    nodes = nodes_of([asks[a].rank for a in sides[0]] + [bids[b].rank for b in sides[1]])
    return [(a, b) for node in nodes for _, a, b in sorted(by_node.get(node, []))]


def meet(pairs, order):
    """Lots of each pair. `pairs.flow` is a complete pairing of what is left; it is changed until a pair has as many lots
    as it can have while everything else stays paired: a maximum flow along the other pairs from its bid to its ask."""
    met = {}
    for a, b in order:
        of_ask = sum(pairs.flow[a, other] for other in pairs.bids_of[a])
        of_bid = sum(pairs.flow[other, b] for other in pairs.asks_of[b])
        both_have = min(of_ask, of_bid)
        while True:
            # The bid gives up a lot of another ask, which goes on to another bid, and so on, up to one that has `a`'s.
            way = way_back(pairs, a, b)
            if way is None:
                break
            less, more = way
            lots = min(pairs.flow[pair] for pair in less)
            for pair in less:
                pairs.flow[pair] -= lots
            for pair in more + [(a, b)]:
                pairs.flow[pair] += lots
        lots, pairs.flow[a, b] = pairs.flow[a, b], 0
        SEEN["refused"] += lots == 0 < both_have
        SEEN["cut"] += 0 < lots < both_have
        if lots > 0:
            met[a, b] = lots
    assert not any(pairs.flow.values()), "something is left"
    return met


def way_back(pairs, ask, bid):
    came, queue = {("bid", bid): None}, [("bid", bid)]
    for kind, at in queue:
        if kind == "bid":
            further = [("ask", a) for a in pairs.asks_of[at] if pairs.flow[a, at] > 0 and (a, at) != (ask, bid)]
        else:
            further = [("bid", b) for b in pairs.bids_of[at]]
        for node in further:
            if node not in came:
                came[node] = (kind, at)
                if node == ("ask", ask):
                    break
                queue.append(node)
    if ("ask", ask) not in came:
        return None
    less, more, node = [], [], ("ask", ask)
    while came[node]:
        before = came[node]
        if node[0] == "ask":
            less.append((node[1], before[1]))
        else:
            more.append((before[1], node[1]))
        node = before
    return less, more


# Section 6: which lots.


def number_lots(asks, bids, met, price_of):
    open_lots = [[list(map(list, order.open)) for order in side] for side in (asks, bids)]
    matches = []
    for a, b in sorted(met):
        left = met[a, b]
        while left > 0:
            ask_range, bid_range = open_lots[0][a][0], open_lots[1][b][0]
            lots = min(left, ask_range[1] - ask_range[0], bid_range[1] - bid_range[0])
            matches.append((a, b, ask_range[0], bid_range[0], lots, price_of(a, b)))
            for side, at, piece in ((0, a, ask_range), (1, b, bid_range)):
                piece[0] += lots
                if piece[0] == piece[1]:
                    open_lots[side][at].pop(0)
            left -= lots
    return matches


def clear(case):
    market, epoch = raw(case["market"]), number(int(case["epoch"]), 8)
    seed = keccak256(market + epoch + (raw(case["beacon"]) if case["beacon"] else b""))
    every = [Order(row, seed) for row in case["orders"]]
    orders = sorted((order for order in every if order.lots > 0), key=lambda order: order.id)
    sealed_root = keccak256(market + epoch + b"".join(order.sealed() for order in orders))
    asks, bids = [order for order in orders if order.is_ask], [order for order in orders if not order.is_ask]
    assert count_classes(asks, bids) * count_classes(bids, asks) <= CLASS_PAIRS_MAX, "not for books of so many classes"

    pairs = Pairs(asks, bids)
    place, price_at = line_of(asks, bids)
    traded = find_winners(asks, bids, pairs, place)
    base = 1 + sum(order.lots for order in orders)
    for function in (lambda at: at, lambda at: base**at, lambda at: -(base ** (len(place) - at))):
        worth = {key: function(at) for key, at in place.items()}
        assert is_greatest(asks, bids, pairs, traded, worth), "not the greatest"
    level = find_levels(asks, bids, pairs, place, traded)

    met = meet(pairs, meetings(asks, bids, traded, pairs.fits))

    def price_of(a, b):
        assert level["ask", a] == level["bid", b] > NONE, "a pair has two prices"
        price = price_at[level["ask", a]]
        assert asks[a].price <= price <= bids[b].price, "a price is outside the limits"
        return price

    matches = number_lots(asks, bids, met, price_of)
    words = b"".join(b"".join(number(part, 4) for part in match[:5]) + number(match[5], 16) for match in matches)
    surplus = sum(bid.price * lots for bid, lots in zip(bids, traded[1]))
    surplus -= sum(ask.price * lots for ask, lots in zip(asks, traded[0]))
    return {
        "sealedRoot": "0x" + sealed_root.hex(),
        "seed": "0x" + seed.hex(),
        "ranks": [str(order.rank) for order in every],
        "matches": [[*match[:5], str(match[5])] for match in matches],
        "surplus": str(surplus),
        "root": "0x" + keccak256(seed + sealed_root + words).hex(),
    }


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "clearing.json"
    cases = json.loads(path.read_text())
    for case in cases:
        found = clear(case)
        for key, value in case["expected"].items():
            assert found[key] == value, f"{case['name']}: {key} is {found[key]}, and not {value}"
        assert found.keys() == case["expected"].keys(), case["name"]
    assert len(cases) > 10 and all(SEEN.values()), "these cases show too little"
    print(f"{path.name}: all {len(cases)} cases agree; {SEEN['refused']} pairs were refused, {SEEN['cut']} cut")


main()
