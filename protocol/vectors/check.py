#!/usr/bin/env python3
"""Checks the vectors against eth-account, which shares no code with Souk: pip install eth-account; python3 check.py

Hashes, ids, digests, signers, market ids and separators; whole bulk trees where the file shows every leaf.
"""
import json
import re
import sys
from pathlib import Path

from eth_account import Account
from eth_account._utils.encode_typed_data.encoding_and_hashing import hash_struct
from eth_account.messages import encode_typed_data
from eth_utils import keccak

HERE = Path(__file__).parent


def read(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def types_of(type_string):
    """'A(uint8 x,B b)B(uint8 y)' as eth-account takes it."""
    parts = re.findall(r"(\w+)\(([^)]*)\)", type_string)
    member = lambda text: dict(zip(("type", "name"), text.split(" ")))
    return {name: [member(text) for text in members.split(",")] for name, members in parts}


def digest_of(signable):
    return "0x" + keccak(b"\x19" + signable.version + signable.header + signable.body).hex()


def encode(domain, type_string, primary, message):
    """The typed data of `message`, with the domain's fields in the order of its type."""
    domain = dict(domain, chainId=int(domain["chainId"]))
    types = types_of(type_string)
    types["EIP712Domain"] = types_of(MARKETS["types"]["EIP712Domain"])["EIP712Domain"]
    return encode_typed_data(
        full_message={"types": types, "primaryType": primary, "domain": domain, "message": message}
    )


def check_case(case, domain):
    primary, message = case["primaryType"], case["message"]
    single = encode(domain, MARKETS["types"][primary], primary, message)
    assert "0x" + single.body.hex() == case["structHash"], "struct hash"
    assert digest_of(single) == case["id"], "id"
    if case["authority"]["bulk"] is None:
        assert case["signedDigest"] == case["id"], "signed digest"
        check_signer(case, single)


def check_signer(case, signable):
    if case["signer"] is not None:
        signer = Account.recover_message(signable, signature=case["authority"]["signature"])
        assert signer == case["signer"], "signer"


def check_trees(cases, domain):
    """Every bulk signature of which each leaf is shown, hashed as the nested array that a wallet would show."""
    groups = {}
    for case in cases:
        if case["authority"]["bulk"] is not None:
            groups.setdefault(case["authority"]["signature"], []).append(case)
    checked = 0
    for group in groups.values():
        leaves = {case["authority"]["bulk"]["index"]: case["message"] for case in group}
        last = group[-1]
        if f"over {WORDS[len(leaves)]} " not in last["name"]:
            continue
        height = len(last["authority"]["bulk"]["siblings"])
        level = [leaves.get(index) for index in range(1 << height)]
        while len(level) > 2:
            level = [level[index : index + 2] for index in range(0, len(level), 2)]
        primary = "Bulk" + last["primaryType"]
        signable = encode(domain, last["signedType"], primary, {"tree": level})
        assert digest_of(signable) == last["signedDigest"], last["name"]
        check_signer(last, signable)
        checked += 1
    return checked


def check_market(market):
    types = types_of(MARKETS["types"]["Market"])
    assert "0x" + hash_struct("Market", types, market["message"]).hex() == market["marketId"], "market id"
    domain = types_of(MARKETS["types"]["EIP712Domain"])
    separator = "0x" + hash_struct("EIP712Domain", domain, market["domain"]).hex()
    assert separator == market["separator"], "separator"
    assert market["domain"]["salt"] == market["marketId"], "salt"


def load_markets():
    file = read("market.json")
    for entry in file["types"]:
        assert "0x" + keccak(text=entry["type"]).hex() == entry["hash"], entry["name"]
    for key in file["keys"]:
        assert "0x" + keccak(text=key["phrase"]).hex() == key["secret"], key["phrase"]
        assert Account.from_key(key["secret"]).address == key["address"], key["phrase"]
    by_name = {market["parameters"]["name"]: market for market in file["markets"]}
    return {"by_name": by_name, "types": {entry["name"]: entry["type"] for entry in file["types"]}}


WORDS = {1: "one", 2: "two", 3: "three", 4: "four"}
MARKETS = load_markets()


def main():
    for market in MARKETS["by_name"].values():
        check_market(market)
    count = trees = 0
    for name in ("accepted.json", "refused.json"):
        cases = read(name)
        for case in cases:
            domain = MARKETS["by_name"][case["market"]]["domain"]
            try:
                check_case(case, domain)
            except AssertionError as wrong:
                sys.exit(f"{name}: {case['name']}: {wrong}")
            count += 1
        if name == "accepted.json":
            trees = check_trees(cases, MARKETS["by_name"]["vectors"]["domain"])
    print(f"{len(MARKETS['by_name'])} markets, {count} cases and {trees} bulk trees agree with eth-account")


main()
