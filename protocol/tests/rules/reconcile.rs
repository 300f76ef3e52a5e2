//! Reconciliation: any two sets give exactly their difference, whatever the chunks; any bytes at all give an answer soon.

use proptest::collection::vec as many;
use proptest::prelude::*;
use protocol::reconcile::{
    Decoder, Difference, Estimator, MultisetHash, Progress, SYMBOLS_HEARTBEAT, SYMBOLS_MAX, Salt, Sketch, SymbolBytes,
    next_chunk,
};
use protocol::talk::Bytes;
use protocol::{Hash, Rejected, keccak256, wire};

const SALT: Salt = Salt([7; 16]);

/// `count` ids that no other seed gives.
fn ids(seed: u64, count: usize) -> Vec<Hash> {
    (0..count as u64).map(|at| keccak256(&[&seed.to_le_bytes(), &at.to_le_bytes()])).collect()
}

fn sketch(symbols: usize, parts: &[&[Hash]]) -> Sketch {
    let mut sketch = Sketch::new(SALT, symbols);
    parts.iter().flat_map(|part| part.iter()).for_each(|id| sketch.insert(id));
    sketch
}

fn shorts(ids: &[Hash]) -> Vec<u64> {
    let mut shorts: Vec<u64> = ids.iter().map(|id| SALT.short(id)).collect();
    shorts.sort_unstable();
    shorts
}

/// Feeds chunks of the given sizes, again and again, until it is solved or `symbols` are spent; says how many it took.
fn solve(here: &Sketch, there: &Sketch, chunks: &[usize]) -> (Progress, usize) {
    let mut decoder = Decoder::new(here);
    for chunk in chunks.iter().cycle() {
        let bytes = there.encode(decoder.symbols(), *chunk);
        if bytes.bytes.0.is_empty() {
            break;
        }
        let progress = decoder.feed(&bytes, here).unwrap();
        if progress != Progress::More {
            return (progress, decoder.symbols());
        }
    }
    (Progress::More, decoder.symbols())
}

proptest! {
    #[test]
    fn every_two_sets_give_exactly_their_difference_in_chunks_of_any_sizes(
        (shared, here, there) in (0usize..200, 0usize..80, 0usize..80),
        seed in any::<u64>(), chunks in many(1usize..60, 1..20),
    ) {
        let [shared, here, there] = [(0, shared), (1, here), (2, there)].map(|(part, n)| ids(seed ^ part, n));
        let expected = Difference { here: shorts(&here), there: shorts(&there) };
        let sides = [sketch(2048, &[&shared, &here]), sketch(2048, &[&there, &shared])];
        let (progress, symbols) = solve(&sides[0], &sides[1], &chunks);
        prop_assert_eq!(progress, Progress::Done(expected.clone()));
        let (at_once, _) = solve(&sides[0], &sides[1], &[symbols]);
        prop_assert_eq!(at_once, Progress::Done(expected.clone()));
        let (back, _) = solve(&sides[1], &sides[0], &chunks);
        prop_assert_eq!(back, Progress::Done(Difference { here: expected.there, there: expected.here }));
    }

    #[test]
    fn a_set_has_one_sketch_however_it_came_about(
        (kept, passing) in (0usize..60, 0usize..60), seed in any::<u64>(), at in any::<prop::sample::Index>(),
    ) {
        let (kept, passing) = (ids(seed, kept), ids(!seed, passing));
        let straight = sketch(300, &[&kept]);
        let mut other = sketch(at.index(300), &[&passing]);
        kept.iter().rev().for_each(|id| other.insert(id));
        passing.iter().rev().for_each(|id| other.remove(id));
        prop_assert_eq!(other.hash(), straight.hash());
        prop_assert_eq!(other.len(), kept.len() as u64);
        prop_assert_eq!(other.estimator(), straight.estimator());
        other.grow(300, kept.iter());
        prop_assert_eq!(other, straight);
    }

    #[test]
    fn bytes_of_any_kind_are_refused_or_lead_to_an_answer(
        bytes in many(any::<u8>(), 0..3000), from in prop_oneof![3 => Just(0u32), 1 => any::<u32>()],
    ) {
        let own = sketch(512, &[&ids(1, 100)]);
        let mut decoder = Decoder::new(&own);
        match decoder.feed(&SymbolBytes { from, bytes: Bytes(bytes) }, &own) {
            Ok(Progress::Done(_) | Progress::More | Progress::GivenUp) => {}
            Err(reason) => prop_assert!(matches!(reason, Rejected::Encoding | Rejected::TooLarge)),
        }
    }

    #[test]
    fn symbols_bent_in_any_bit_never_pass_for_another_difference(
        seed in any::<u64>(), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let (here, there) = (ids(seed, 30), ids(!seed, 30));
        let (own, theirs) = (sketch(512, &[&here]), sketch(512, &[&there]));
        let mut bytes = theirs.encode(0, 200);
        let place = at.index(bytes.bytes.0.len());
        bytes.bytes.0[place] ^= 1 << bit;
        let progress = Decoder::new(&own).feed(&bytes, &own);
        prop_assert!(!matches!(progress, Ok(Progress::Done(_))), "{:?}", progress);
    }
}

#[test]
fn four_differences_and_fewer_are_solved_by_the_symbols_of_a_heartbeat() {
    for count in 1..=4 {
        let rounds = 2_000;
        let is_solved = |round: &u64| {
            let ids = ids(round * 8 + count as u64, count);
            let (here, there) = ids.split_at(*round as usize % (count + 1));
            let sides = [here, there].map(|part| sketch(SYMBOLS_HEARTBEAT, &[part]));
            matches!(solve(&sides[0], &sides[1], &[SYMBOLS_HEARTBEAT]).0, Progress::Done(_))
        };
        let solved = (0..rounds).filter(is_solved).count();
        assert!(solved * 1000 >= rounds as usize * 990, "{count}: {solved} of {rounds}");
    }
}

#[test]
fn large_differences_are_solved_though_short_checksums_mislead_at_times() {
    for seed in 0..12 {
        let (here, there) = (ids(seed, 4_000), ids(seed + 100, 4_000));
        let sides = [sketch(12_000, &[&here]), sketch(12_000, &[&there])];
        let (progress, symbols) = solve(&sides[0], &sides[1], &[250]);
        assert_eq!(progress, Progress::Done(Difference { here: shorts(&here), there: shorts(&there) }), "{seed}");
        assert!(symbols <= 11_500, "{seed}: {symbols}");
    }
}

#[test]
fn a_chunk_that_is_cut_is_refused_unless_whole_symbols_are_left() {
    let own = sketch(600, &[&ids(1, 10)]);
    for (from, count, width) in [(0, 3, 12), (62, 4, 0), (64, 3, 10), (510, 4, 0), (512, 3, 9)] {
        let whole = own.encode(from, count);
        let wholes: Vec<usize> = (0..=count).map(|count| own.encode(from, count).bytes.0.len()).collect();
        assert!(width == 0 || wholes[1] == width);
        for length in 0..=whole.bytes.0.len() {
            let cut = SymbolBytes { from: from as u32, bytes: Bytes(whole.bytes.0[..length].to_vec()) };
            let read = cut.unpack().map(|symbols| symbols.len());
            let expected = wholes.iter().position(|whole| *whole == length).ok_or(Rejected::Encoding);
            assert_eq!(read, expected, "{from} {length}");
        }
    }
}

#[test]
fn symbols_out_of_order_are_refused_and_change_nothing() {
    let (own, theirs) = (sketch(64, &[]), sketch(64, &[&ids(1, 8)]));
    let mut decoder = Decoder::new(&own);
    assert_eq!(decoder.feed(&theirs.encode(1, 4), &own), Err(Rejected::Encoding));
    assert_eq!(decoder.feed(&theirs.encode(0, 4), &own), Ok(Progress::More));
    for (from, count) in [(0, 4), (3, 4), (5, 4), (64, 4), (4, 0)] {
        assert_eq!(decoder.feed(&theirs.encode(from, count), &own), Err(Rejected::Encoding), "{from}");
    }
    let cut = SymbolBytes { from: 4, bytes: Bytes(vec![0; 13]) };
    assert_eq!(decoder.feed(&cut, &own), Err(Rejected::Encoding));
    assert_eq!(decoder.feed(&SymbolBytes { from: 1 << 20, ..cut }, &own), Err(Rejected::TooLarge));
    assert_eq!(
        decoder.feed(&theirs.encode(4, 60), &own),
        Ok(Progress::Done(Difference { here: vec![], there: shorts(&ids(1, 8)) }))
    );
}

#[test]
fn a_difference_beyond_the_cap_is_given_up() {
    let (own, theirs) = (sketch(SYMBOLS_MAX + 5, &[]), sketch(SYMBOLS_MAX, &[&ids(1, 13_500)]));
    assert_eq!(own.symbols(), SYMBOLS_MAX);
    assert_eq!(solve(&own, &theirs, &[1_024]), (Progress::GivenUp, SYMBOLS_MAX));
    let mut bytes = theirs.encode(SYMBOLS_MAX - 1, 9);
    assert_eq!(bytes.unpack().map(|symbols| symbols.len()), Ok(1));
    bytes.bytes.0.extend([0; 9]);
    assert_eq!(bytes.unpack(), Err(Rejected::TooLarge));
}

#[test]
fn a_decoder_takes_what_the_own_sketch_grew_by_only_while_the_set_is_the_same() {
    let (here, there) = (ids(1, 60), ids(2, 60));
    let theirs = sketch(400, &[&there]);
    let mut own = sketch(32, &[&here]);
    let mut decoder = Decoder::new(&own);
    let mut late = decoder.clone();
    assert_eq!(decoder.feed(&theirs.encode(0, 20), &own), Ok(Progress::More));
    assert_eq!(decoder.clone().feed(&theirs.encode(20, 20), &own), Ok(Progress::GivenUp));
    own.grow(400, here.iter());
    let done = Progress::Done(Difference { here: shorts(&here), there: shorts(&there) });
    assert_eq!(decoder.feed(&theirs.encode(20, 380), &own), Ok(done));
    own.insert(&ids(3, 1)[0]);
    assert_eq!(late.feed(&theirs.encode(0, 32), &own), Ok(Progress::More));
    assert_eq!(late.feed(&theirs.encode(32, 1), &own), Ok(Progress::GivenUp));
}

/// Each symbol is of another set, so that nothing adds up and nearly every symbol gives an item away.
#[test]
fn symbols_that_always_mislead_end_after_work_in_proportion() {
    let own = sketch(SYMBOLS_MAX, &[]);
    let lures: Vec<Sketch> = ids(9, 400).chunks(2).map(|pair| sketch(SYMBOLS_MAX, &[pair])).collect();
    let mut decoder = Decoder::new(&own);
    for at in 0..SYMBOLS_MAX {
        let holds_something = |lure: &&Sketch| lure.encode(at, 1).bytes.0[..8] != [0; 8];
        let lure = lures.iter().cycle().skip(at % 200).take(200).find(holds_something).unwrap_or(&lures[0]);
        let progress = decoder.feed(&lure.encode(at, 1), &own);
        assert_eq!(progress, Ok(if at + 1 < SYMBOLS_MAX { Progress::More } else { Progress::GivenUp }));
    }
}

#[test]
fn estimates_are_right_on_average_and_seldom_far_off() {
    for count in [1usize, 40, 1_000] {
        let (mut sum, mut far) = (0, 0);
        for seed in 0..100 {
            let ids = ids(seed * 3 + count as u64, count);
            let (here, there) = ids.split_at(count / 3);
            let estimate = sketch(0, &[here]).estimator().difference(&sketch(0, &[there]).estimator());
            sum += estimate as usize;
            far += usize::from(estimate.abs_diff(count as u64) * 10 > 4 * count as u64);
        }
        assert!(sum.abs_diff(100 * count) <= 6 * count && far <= 8, "{count}: {sum} {far}");
    }
    assert_eq!(Estimator::default().difference(&sketch(0, &[&ids(1, 1)]).estimator()), 1);
}

#[test]
fn what_travels_is_as_long_as_it_must_be_and_comes_back() {
    let one = sketch(1_000, &[&ids(1, 50)]);
    assert_eq!(wire::encode(&one.hash()).len(), 32);
    assert_eq!(wire::encode(&one.estimator()).len(), 128);
    assert_eq!(wire::encode(&one.encode(0, SYMBOLS_HEARTBEAT)).len(), 1 + 1 + 16 * 12);
    assert_eq!(wire::decode::<MultisetHash>(&wire::encode(&one.hash()), 32), Ok(one.hash()));
    assert_eq!(wire::decode::<Estimator>(&wire::encode(&one.estimator()), 128), Ok(one.estimator()));
    let bytes = one.encode(500, 100);
    assert_eq!(wire::decode::<SymbolBytes>(&wire::encode(&bytes), 2_000), Ok(bytes));
    let text = serde_json::to_string(&(one.hash(), one.estimator())).unwrap();
    assert_eq!(serde_json::from_str::<(MultisetHash, Estimator)>(&text).unwrap(), (one.hash(), one.estimator()));
}

#[test]
fn two_neighbours_have_one_salt_and_other_pairs_another() {
    let [a, b, c] = [0, 1, 2].map(|seed| ids(seed, 1)[0]);
    assert_eq!(Salt::of_pair(&a, &b), Salt::of_pair(&b, &a));
    assert_ne!(Salt::of_pair(&a, &b), Salt::of_pair(&a, &c));
    assert_ne!(Salt::of_pair(&a, &b).short(&c), Salt::of_pair(&a, &c).short(&c));
    assert_eq!(SALT.item(&a).short(), SALT.short(&a));
}

/// Sketches are linear: what both sides hold cancels out, so a million shared ids would change nothing here.
#[test]
fn a_thousand_differences_are_repaired_for_sixteen_bytes_each_in_few_rounds() {
    let (mut bytes, mut rounds, runs) = (0, 0, 20);
    for seed in 0..runs {
        let (here, there) = (ids(seed, 500), ids(seed + 100, 500));
        let (own, theirs) = (sketch(2_048, &[&here]), sketch(2_048, &[&there]));
        let estimate = own.estimator().difference(&theirs.estimator());
        let heartbeat = (theirs.len(), theirs.hash(), theirs.estimator());
        bytes += wire::encode(&heartbeat).len();
        let mut decoder = Decoder::new(&own);
        let mut chunk = theirs.encode(0, SYMBOLS_HEARTBEAT);
        let difference = loop {
            (bytes, rounds) = (bytes + wire::encode(&chunk).len(), rounds + 1);
            match decoder.feed(&chunk, &own).unwrap() {
                Progress::More => chunk = theirs.encode(decoder.symbols(), decoder.next_chunk(estimate)),
                Progress::Done(difference) => break difference,
                Progress::GivenUp => unreachable!("a thousand are far below the cap"),
            }
        };
        bytes += 4 * difference.there.len();
    }
    assert!(bytes <= 16 * 1_000 * runs as usize && rounds <= 6 * runs, "{bytes} {rounds}");
}

#[test]
fn chunks_end_at_the_cap_and_always_go_on_before_it() {
    for estimate in [0, 1, 1_000, u64::MAX] {
        let mut have = 0;
        while have < SYMBOLS_MAX {
            let chunk = next_chunk(have, estimate);
            assert!(chunk > 0 && have + chunk <= SYMBOLS_MAX, "{have} {estimate}");
            have += chunk;
        }
        assert_eq!(next_chunk(have, estimate), 0);
        assert_eq!(next_chunk(SYMBOLS_MAX + 1, estimate), 0);
    }
}
