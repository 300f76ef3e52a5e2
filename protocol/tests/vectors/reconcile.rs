//! Examples of reconciliation: salts, short ids, symbols, hashes, estimates and one difference, made and judged.

use protocol::hash::{hex_encode, keccak256};
use protocol::reconcile::{Decoder, Difference, Estimator, MultisetHash, Progress, Salt, Sketch, SymbolBytes};
use protocol::talk::Bytes;
use protocol::{Hash, Rejected};
use serde::{Deserialize, Serialize};

use crate::case::sorted;

/// Symbols of every sketch here.
const SYMBOLS: usize = 600;
/// Chunks that are shown: a heartbeat's, and one across each change of width.
const CHUNKS: [(usize, usize); 3] = [(0, 16), (62, 4), (510, 4)];

/// The file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    pairs: Vec<Pair>,
    items: Vec<Item>,
    sets: Vec<Set>,
    decode: Decode,
    refused: Vec<Refused>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pair {
    hellos: [Hash; 2],
    salt: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Item {
    id: Hash,
    short: String,
    check: u32,
    indices: Vec<usize>,
    hash: MultisetHash,
    estimator: Estimator,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Set {
    ids: Vec<Hash>,
    hash: MultisetHash,
    estimator: Estimator,
    chunks: Vec<Chunk>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Chunk {
    from: u32,
    symbols: Vec<Row>,
    bytes: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Row {
    sum: String,
    check: u32,
    count: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Decode {
    own: Vec<Hash>,
    theirs: Vec<Hash>,
    bytes: String,
    symbols: usize,
    estimate: u64,
    here: Vec<String>,
    there: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Refused {
    from: u32,
    bytes: String,
    expect: String,
}

fn id(number: u8) -> Hash {
    keccak256(&[b"souk test id", &[number]])
}

fn salt() -> Salt {
    Salt::of_pair(&keccak256(&[b"souk test hello 0"]), &keccak256(&[b"souk test hello 1"]))
}

fn sketch(ids: &[Hash]) -> Sketch {
    let mut sketch = Sketch::new(salt(), SYMBOLS);
    ids.iter().for_each(|id| sketch.insert(id));
    sketch
}

fn chunk(sketch: &Sketch, (from, count): (usize, usize)) -> Chunk {
    let packed = sketch.encode(from, count);
    let symbols = packed.unpack().unwrap();
    let row = |symbol: &protocol::reconcile::Symbol| Row {
        sum: symbol.sum.to_string(),
        check: symbol.check,
        count: symbol.count,
    };
    Chunk { from: packed.from, symbols: symbols.iter().map(row).collect(), bytes: hex_encode(&packed.bytes.0) }
}

fn item(id: Hash) -> Item {
    let alone = sketch(&[id]);
    let symbols = alone.encode(0, SYMBOLS).unpack().unwrap();
    Item {
        id,
        short: alone.short(&id).to_string(),
        check: symbols[0].check,
        indices: (0..SYMBOLS).filter(|at| symbols[*at].count == 1).collect(),
        hash: alone.hash(),
        estimator: alone.estimator(),
    }
}

fn set(ids: Vec<Hash>) -> Set {
    let sketch = sketch(&ids);
    let chunks = CHUNKS.iter().map(|range| chunk(&sketch, *range)).collect();
    Set { ids, hash: sketch.hash(), estimator: sketch.estimator(), chunks }
}

fn decode() -> Decode {
    let (own, theirs): (Vec<Hash>, Vec<Hash>) = ((0..40).map(id).collect(), (25..60).map(id).collect());
    let sides = [sketch(&own), sketch(&theirs)];
    let mut decoder = Decoder::new(&sides[0]);
    let difference = loop {
        match decoder.feed(&sides[1].encode(decoder.symbols(), 1), &sides[0]).unwrap() {
            Progress::More => {}
            Progress::Done(difference) => break difference,
            Progress::GivenUp => panic!("more symbols than there are"),
        }
    };
    let symbols = decoder.symbols();
    Decode {
        own,
        theirs,
        bytes: hex_encode(&sides[1].encode(0, symbols).bytes.0),
        symbols,
        estimate: sides[0].estimator().difference(&sides[1].estimator()),
        here: difference.here.iter().map(u64::to_string).collect(),
        there: difference.there.iter().map(u64::to_string).collect(),
    }
}

fn refused() -> Vec<Refused> {
    let whole = hex_encode(&sketch(&[id(0)]).encode(0, 2).bytes.0);
    let refused =
        |from, bytes: &str, reason: Rejected| Refused { from, bytes: bytes.into(), expect: reason.code().into() };
    vec![
        refused(0, "0x", Rejected::Encoding),
        refused(0, &whole[..whole.len() - 2], Rejected::Encoding),
        refused(0, &format!("{whole}00"), Rejected::Encoding),
        refused(1, &whole, Rejected::Encoding),
        refused(16_384, &whole, Rejected::TooLarge),
        refused(16_383, &format!("0x{}", "00".repeat(18)), Rejected::TooLarge),
    ]
}

/// The text of the file.
pub fn file() -> String {
    let hellos = [keccak256(&[b"souk test hello 0"]), keccak256(&[b"souk test hello 1"])];
    let pairs = [hellos, [hellos[1], hellos[0]], [hellos[0]; 2]];
    let file = File {
        pairs: pairs.map(|hellos| Pair { hellos, salt: hex_encode(&Salt::of_pair(&hellos[0], &hellos[1]).0) }).into(),
        items: (0..8).map(|number| item(id(number))).collect(),
        sets: vec![set(vec![]), set(vec![id(0)]), set((0..40).map(id).collect())],
        decode: decode(),
        refused: refused(),
    };
    let mut text = serde_json::to_string_pretty(&sorted(serde_json::to_value(file).unwrap())).unwrap();
    text.push('\n');
    text
}

/// Feeds bytes of the file to a fresh decoder.
fn fed(own: &[Hash], from: u32, bytes: &str) -> Result<Progress, Rejected> {
    let digits = bytes.strip_prefix("0x").unwrap();
    let bytes = (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect();
    let own = sketch(own);
    Decoder::new(&own).feed(&SymbolBytes { from, bytes: Bytes(bytes) }, &own)
}

/// Judges the file by its own words.
pub fn judge(text: &str) {
    let file: File = serde_json::from_str(text).unwrap();
    let decode = &file.decode;
    let numbers = |texts: &[String]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let expected = Difference { here: numbers(&decode.here), there: numbers(&decode.there) };
    assert_eq!((expected.here.len(), expected.there.len()), (25, 20));
    assert_eq!(fed(&decode.own, 0, &decode.bytes), Ok(Progress::Done(expected)));
    for case in &file.refused {
        let reason = fed(&[], case.from, &case.bytes).expect_err("a refusal");
        assert_eq!(reason.code(), case.expect, "{} {}", case.from, case.bytes);
    }
    for one in &file.sets {
        assert_eq!(one, &set(one.ids.clone()));
    }
    for one in &file.items {
        assert_eq!(one, &item(one.id));
    }
}
