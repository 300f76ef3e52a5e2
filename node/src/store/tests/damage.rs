//! A file that was damaged gives what was committed or a typed error: never a panic, never other data.

use super::*;

/// Rows enough for several levels of pages in more than one table.
const ROWS: u32 = 400;
/// redb's own header and its two commit slots.
const HEADER_BYTES: usize = 512;
/// Where the header says which of the two slots counts.
const PRIMARY_BYTE: usize = 9;
const PRIMARY_BIT: usize = 0;

/// Every table's rows.
type Contents = Vec<Vec<Row>>;

fn rows() -> Vec<Change> {
    (0..ROWS)
        .map(|number| {
            let table = [Table::Deals, Table::Heads, Table::Book][number as usize % 3];
            put(table, &number.to_be_bytes(), &[number as u8; 90])
        })
        .collect()
}

fn contents(store: &Store) -> Result<Contents, StoreError> {
    Table::ALL.iter().map(|table| store.load(*table)).collect()
}

/// A store with rows in it, closed, as bytes; and what it holds.
fn sound() -> (Vec<u8>, Contents) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    store.commit(&[put(Table::Bans, b"first", b"1")]).unwrap();
    store.commit(&rows()).unwrap();
    let contents = contents(&store).unwrap();
    drop(store);
    (fs::read(folder.path().join(FILE)).unwrap(), contents)
}

/// Opens `bytes` as a store, reads all of it and writes to it; `None` if that was refused as it should be.
fn opened(folder: &Path, bytes: &[u8]) -> Option<Contents> {
    fs::write(folder.join(FILE), bytes).unwrap();
    let read = || {
        let store = Store::open(folder, &identity())?;
        let contents = contents(&store)?;
        store.commit(&[put(Table::Bans, b"a peer", b"1")])?;
        Ok(contents)
    };
    match read() {
        Ok(contents) => Some(contents),
        Err(error @ StoreError::Corrupt { .. }) => {
            assert!(error.to_string().contains("the key is in its own file"), "{error}");
            None
        }
        Err(error) => panic!("{}: {error}", error.code()),
    }
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let noise: Vec<u8> = (0..100_000u32).map(|number| blake3::hash(&number.to_le_bytes()).as_bytes()[0]).collect();
    for bytes in [&b""[..], b"x", b"not a store", &[0; 4096], &[0xff; 70_000], &noise] {
        assert_eq!(opened(folder.path(), bytes), None, "{} bytes", bytes.len());
    }
    let (sound, _) = sound();
    let magic_then_noise = [&sound[..64], &noise].concat();
    assert_eq!(opened(folder.path(), &magic_then_noise), None);
}

#[test]
fn a_truncated_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, _) = sound();
    for part in 0..64 {
        let length = sound.len() * part / 64 + part % 7;
        assert_eq!(opened(folder.path(), &sound[..length]), None, "{length} of {} bytes", sound.len());
    }
}

/// Flips one bit of `sound` at a time, of every byte of the header, where one bit decides much, then in steps that meet
/// each page at another place. Whatever opens must hold one of `expected`; returns how many opened and were refused.
fn flip_bits(sound: &[u8], expected: &[&Contents]) -> (u32, u32) {
    let folder = tempfile::tempdir().unwrap();
    let (mut kept, mut refused) = (0, 0);
    for position in (0..HEADER_BYTES).chain((HEADER_BYTES..sound.len()).step_by(211)) {
        let mut damaged = sound.to_vec();
        damaged[position] ^= 1 << (position % 8);
        match opened(folder.path(), &damaged) {
            Some(contents) => {
                assert!(expected.contains(&&contents), "byte {position} changed what is read");
                kept += 1;
            }
            None => refused += 1,
        }
    }
    (kept, refused)
}

#[test]
fn a_flipped_bit_gives_what_was_committed_or_a_refusal() {
    let (sound, expected) = sound();
    let (kept, refused) = flip_bits(&sound, &[&expected]);
    // Both happen: free space does not matter, used pages do.
    assert!(kept > 50 && refused > 50, "{kept} kept, {refused} refused");
    let folder = tempfile::tempdir().unwrap();
    let mut damaged = sound;
    damaged[PRIMARY_BYTE] ^= 1 << PRIMARY_BIT;
    assert!(opened(folder.path(), &damaged).is_none_or(|contents| contents == expected));
}

#[test]
fn a_flipped_bit_after_a_crash_gives_one_of_the_last_two_commits_whole_or_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &identity()).unwrap();
    store.commit(&[put(Table::Bans, b"first", b"1")]).unwrap();
    let before = contents(&store).unwrap();
    store.commit(&rows()).unwrap();
    let after = contents(&store).unwrap();
    // The file as a killed process leaves it.
    let crashed = fs::read(folder.path().join(FILE)).unwrap();

    let folder = tempfile::tempdir().unwrap();
    assert_eq!(opened(folder.path(), &crashed).as_ref(), Some(&after));
    flip_bits(&crashed, &[&before, &after]);
    // That bit alone says which of two sound commits counts, so nothing can tell that it was flipped.
    let mut damaged = crashed;
    damaged[PRIMARY_BYTE] ^= 1 << PRIMARY_BIT;
    assert_eq!(opened(folder.path(), &damaged), Some(before));
}

#[test]
fn an_overwritten_page_gives_what_was_committed_or_a_refusal() {
    let folder = tempfile::tempdir().unwrap();
    let (sound, expected) = sound();
    for page in 0..sound.len() / 4096 {
        for fill in [0, 0xff] {
            let mut damaged = sound.clone();
            damaged[page * 4096..(page + 1) * 4096].fill(fill);
            if let Some(contents) = opened(folder.path(), &damaged) {
                assert_eq!(contents, expected, "page {page} changed what is read");
            }
        }
    }
}
