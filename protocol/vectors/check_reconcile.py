#!/usr/bin/env python3
"""Reconciliation as README.md specifies it, in Python alone, compared with reconcile.json. Needs no package."""

import json
import pathlib

M64 = (1 << 64) - 1
SYMBOLS_MAX = 16384


def keccak256(data):
    """Ethereum's hash."""
    rotations, x, y = {}, 1, 0
    for t in range(24):
        rotations[x, y] = (t + 1) * (t + 2) // 2 % 64
        x, y = y, (2 * x + 3 * y) % 5
    rotate = lambda v, n: ((v << n) | (v >> (64 - n))) & M64
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
                lanes[x, y] ^= c[x - 1] ^ rotate(c[(x + 1) % 5], 1)
            moved = {}
            for x, y in lanes:
                moved[y, (2 * x + 3 * y) % 5] = rotate(lanes[x, y], rotations.get((x, y), 0))
            for x, y in lanes:
                lanes[x, y] = moved[x, y] ^ (~moved[(x + 1) % 5, y] & moved[(x + 2) % 5, y])
            for j in range(7):
                lfsr = ((lfsr << 1) ^ ((lfsr >> 7) * 0x71)) % 256
                if lfsr & 2:
                    lanes[0, 0] ^= 1 << ((1 << j) - 1)
    return b"".join(lanes[i, 0].to_bytes(8, "little") for i in range(4))


def siphash24(key, data):
    """SipHash-2-4 with 64 bits of output."""
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]
    rotate = lambda x, n: ((x << n) | (x >> (64 - n))) & M64

    def rounds(count):
        for _ in range(count):
            v[0] = (v[0] + v[1]) & M64
            v[1] = rotate(v[1], 13) ^ v[0]
            v[0] = rotate(v[0], 32)
            v[2] = (v[2] + v[3]) & M64
            v[3] = rotate(v[3], 16) ^ v[2]
            v[0] = (v[0] + v[3]) & M64
            v[3] = rotate(v[3], 21) ^ v[0]
            v[2] = (v[2] + v[1]) & M64
            v[1] = rotate(v[1], 17) ^ v[2]
            v[2] = rotate(v[2], 32)

    padded = data + b"\x00" * (7 - len(data) % 8) + bytes([len(data) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 0xFF
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def salt_of_pair(a, b):
    return keccak256(b"souk reconcile" + min(a, b) + max(a, b))[:16]


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & M64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & M64
    return z ^ (z >> 31)


def check(short):
    return mix(short) >> 32


def indices(short, end):
    state = (short + 0x9E3779B97F4A7C15) & M64
    random = mix(state)
    found = [0] + [i for i in range(1, 16) if random >> (2 * i) & 3 == 3]
    at = 15
    while at < end:
        state = (state + 0x9E3779B97F4A7C15) & M64
        random = mix(state)
        root = max(random >> 32, random & 0xFFFFFFFF, 1)
        numerator, divisor = (2 * at + 3) * ((1 << 32) - root), 2 * root
        at += (numerator + divisor - 1) // divisor
        found.append(at)
    return [i for i in found if i < end]


def tail(index):
    return 4 if index < 64 else 2 if index < 512 else 1


class Sketch:
    def __init__(self, salt, ids, size):
        self.cells = [[0, 0, 0] for _ in range(size)]
        self.lanes, self.counters = [0] * 4, [0] * 64
        for one in ids:
            short = siphash24(salt, one)
            for lane in range(4):
                self.lanes[lane] = (self.lanes[lane] + siphash24(salt, one + bytes([lane]))) & M64
            up = 1 if mix(short) >> 6 & 1 else -1
            self.counters[mix(short) % 64] += up
            for at in indices(short, size):
                cell = self.cells[at]
                cell[0], cell[1], cell[2] = (cell[0] + short) & M64, cell[1] + check(short), cell[2] + 1

    def hash(self):
        return b"".join(lane.to_bytes(8, "little") for lane in self.lanes)

    def estimator(self):
        return b"".join((counter & 0xFFFF).to_bytes(2, "little") for counter in self.counters)

    def encode(self, start, count):
        out = b""
        for at in range(start, start + count):
            total, checks, items = self.cells[at]
            last = (checks << 2 | items & 3) & ((1 << 8 * tail(at)) - 1)
            out += total.to_bytes(8, "little") + last.to_bytes(tail(at), "little")
        return out


def unpack(start, data):
    if start > SYMBOLS_MAX:
        return "too_large"
    symbols, at = [], start
    while data:
        if at >= SYMBOLS_MAX:
            return "too_large"
        width = 8 + tail(at)
        if len(data) < width:
            return "bad_encoding"
        last = int.from_bytes(data[8:width], "little")
        symbols.append([int.from_bytes(data[:8], "little"), last >> 2, last & 3])
        data, at = data[width:], at + 1
    return symbols


def solve(own, theirs):
    """Peels own - theirs; the short ids of both sides, or None."""
    left = [[(a[0] - b[0]) & M64, a[1] - b[1], (a[2] - b[2]) % 4] for a, b in zip(own, theirs)]
    net = {}
    again = True
    while again:
        again = False
        for at, (total, checks, items) in enumerate(left):
            if items not in (1, 3):
                continue
            side = 1 if items == 1 else -1
            short = side * total & M64
            mask = (1 << (8 * tail(at) - 2)) - 1
            if (side * checks - check(short)) & mask or at not in indices(short, at + 1):
                continue
            net[short] = net.get(short, 0) + side
            again = True
            for place in indices(short, len(left)):
                cell = left[place]
                cell[0], cell[1], cell[2] = (cell[0] - side * short) & M64, cell[1] - side * check(short), (cell[2] - side) % 4
    empty = lambda at, cell: cell[0] == 0 and cell[2] == 0 and cell[1] & ((1 << (8 * tail(at) - 2)) - 1) == 0
    if not all(empty(at, cell) for at, cell in enumerate(left)):
        return None
    return sorted(s for s in net if net[s] == 1), sorted(s for s in net if net[s] == -1)


def main():
    file = json.loads((pathlib.Path(__file__).parent / "reconcile.json").read_text())
    raw = lambda text: bytes.fromhex(text[2:])
    for pair in file["pairs"]:
        assert salt_of_pair(*map(raw, pair["hellos"])) == raw(pair["salt"])
    salt, size = raw(file["pairs"][0]["salt"]), 600
    for item in file["items"]:
        short, alone = siphash24(salt, raw(item["id"])), Sketch(salt, [raw(item["id"])], size)
        assert str(short) == item["short"] and check(short) & 0x3FFFFFFF == item["check"]
        assert indices(short, size) == item["indices"]
        assert (alone.hash(), alone.estimator()) == (raw(item["hash"]), raw(item["estimator"]))
    for one in file["sets"]:
        sketch = Sketch(salt, map(raw, one["ids"]), size)
        assert (sketch.hash(), sketch.estimator()) == (raw(one["hash"]), raw(one["estimator"]))
        for chunk in one["chunks"]:
            rows = [[int(row["sum"]), row["check"], row["count"]] for row in chunk["symbols"]]
            assert unpack(chunk["from"], raw(chunk["bytes"])) == rows
            assert sketch.encode(chunk["from"], len(rows)) == raw(chunk["bytes"])
    case = file["decode"]
    own, theirs = Sketch(salt, map(raw, case["own"]), size), Sketch(salt, map(raw, case["theirs"]), size)
    assert theirs.encode(0, case["symbols"]) == raw(case["bytes"])
    assert sum((a - b) ** 2 for a, b in zip(own.counters, theirs.counters)) == case["estimate"]
    sides = [sorted(map(int, case[side])) for side in ("here", "there")]
    symbols = unpack(0, raw(case["bytes"]))
    assert solve(own.cells, symbols) == tuple(sides)
    assert solve(own.cells, symbols[:-1]) is None
    for case in file["refused"]:
        symbols = unpack(case["from"], raw(case["bytes"]))
        assert symbols == case["expect"] or case["expect"] == "bad_encoding" and (case["from"] > 0 or not symbols), case
    print("reconcile.json: everything agrees")


main()
