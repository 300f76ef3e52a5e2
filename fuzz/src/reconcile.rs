//! Reconciliation against a neighbour that lies, and two sketches that must tell the truth whatever was done to them.

use std::collections::BTreeSet;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use protocol::Hash;
use protocol::reconcile::{Decoder, Progress, SYMBOLS_MAX, Salt, Sketch, SymbolBytes};
use protocol::talk::Bytes;

const SALT: Salt = Salt([9; 16]);
/// Operations of one run.
const STEPS_MAX: usize = 400;

/// Does as the bytes say, until they end.
pub fn run(bytes: &[u8]) {
    let mut source = Unstructured::new(bytes);
    // Running out of bytes is how every run ends.
    let _ = match source.arbitrary() {
        Ok(true) => lie(&mut source),
        _ => tell(&mut source),
    };
}

fn id(number: u8) -> Hash {
    let mut id = Hash([number; 32]);
    id.0[0] = number.wrapping_mul(31);
    id
}

/// Symbols made of own ones, of bent ones and of plain noise; each answer must come, and nothing may be fed twice.
fn lie(source: &mut Unstructured) -> Result<()> {
    let mut own = Sketch::new(SALT, source.int_in_range(0..=600)?);
    let ids: Vec<Hash> = (0..source.arbitrary::<u8>()?).map(id).collect();
    ids.iter().for_each(|id| own.insert(id));
    let mut theirs = Sketch::new(SALT, 600);
    let mut decoder = Decoder::new(&own);
    for _ in 0..STEPS_MAX {
        match source.int_in_range(0u8..=4)? {
            0 => own.insert(&id(source.arbitrary()?)),
            1 => own.grow(source.int_in_range(0..=1_000)?, ids.iter()),
            2 => theirs.insert(&id(source.arbitrary()?)),
            kind => {
                let before = decoder.symbols();
                let mut chunk = theirs.encode(before, source.int_in_range(0..=80)?);
                if kind == 3 {
                    bend(&mut chunk, source)?;
                }
                judge(&mut decoder, &chunk, &own, before);
            }
        }
        assert!(decoder.next_chunk(source.arbitrary()?) <= SYMBOLS_MAX - decoder.symbols());
    }
    Ok(())
}

fn bend(chunk: &mut SymbolBytes, source: &mut Unstructured) -> Result<()> {
    if source.ratio(1, 8)? {
        chunk.from = source.arbitrary()?;
    }
    if source.ratio(1, 3)? {
        chunk.bytes = Bytes(source.arbitrary()?);
    }
    for _ in 0..source.int_in_range(0..=4)? {
        let length = chunk.bytes.0.len();
        if length > 0 {
            chunk.bytes.0[source.choose_index(length)?] ^= source.arbitrary::<u8>()?;
        }
    }
    Ok(())
}

fn judge(decoder: &mut Decoder, chunk: &SymbolBytes, own: &Sketch, before: usize) {
    let symbols = chunk.unpack().map(|symbols| symbols.len());
    match decoder.feed(chunk, own) {
        Ok(Progress::Done(found)) => {
            assert!(found.here.is_sorted() && found.there.is_sorted());
            assert!(found.len() <= 3 * decoder.symbols());
        }
        Ok(Progress::More) => assert_eq!(Ok(decoder.symbols() - before), symbols),
        Ok(Progress::GivenUp) | Err(_) => {}
    }
    assert!(decoder.symbols() <= SYMBOLS_MAX);
}

/// Two sketches under the same kind of changes as two sets: they must agree with sketches made afresh, and with each other
/// on the difference.
fn tell(source: &mut Unstructured) -> Result<()> {
    let mut sketches = [0, 1].map(|_| Sketch::new(SALT, 8));
    let mut sets = [BTreeSet::new(), BTreeSet::new()];
    for _ in 0..STEPS_MAX {
        let side = usize::from(source.arbitrary::<bool>()?);
        let id = id(source.arbitrary()?);
        if source.ratio(1, 32)? {
            let symbols = source.int_in_range(0..=900)?;
            sketches[side].grow(symbols, sets[side].iter());
        } else if sets[side].remove(&id) {
            sketches[side].remove(&id);
        } else {
            sets[side].insert(id);
            sketches[side].insert(&id);
        }
        if source.is_empty() {
            break;
        }
    }
    for (sketch, set) in sketches.iter_mut().zip(&sets) {
        sketch.grow(900, set.iter());
        let mut afresh = Sketch::new(SALT, sketch.symbols());
        set.iter().for_each(|id| afresh.insert(id));
        assert_eq!(*sketch, afresh);
    }
    compare(&sketches, &sets, source)
}

fn compare(sketches: &[Sketch; 2], sets: &[BTreeSet<Hash>; 2], source: &mut Unstructured) -> Result<()> {
    let mut decoder = Decoder::new(&sketches[0]);
    loop {
        let count = source.int_in_range(1..=200)?;
        let found = match decoder.feed(&sketches[1].encode(decoder.symbols(), count), &sketches[0]) {
            Ok(Progress::More) => continue,
            Ok(Progress::Done(found)) => found,
            other => unreachable!("900 symbols are enough for 512 differences: {other:?}"),
        };
        let only = |a: usize, b: usize| -> BTreeSet<u64> {
            sets[a].difference(&sets[b]).map(|id| sketches[0].short(id)).collect()
        };
        assert_eq!(found.here.into_iter().collect::<BTreeSet<u64>>(), only(0, 1));
        assert_eq!(found.there.into_iter().collect::<BTreeSet<u64>>(), only(1, 0));
        return Ok(());
    }
}
