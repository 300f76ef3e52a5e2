//! Reading what `souk market export` wrote, or what a node answers in its place. Believes nothing: it only finds the parts.

use std::io::{self, Read};
use std::path::Path;

use matcher::Clearing;
use matcher::audit::{Claimed, ClaimedOrder};
use protocol::Signed;
use serde::Deserialize;
use serde_json::error::Category;

use crate::api::words::{ExportWord, SealedWord};
use crate::cli::client::BOOK_MAX;
use crate::cli::error::CliError;

/// What to do about a file that holds something else.
const AGAIN: &str = "get the file again, or write it anew with `souk market export --out FILE`";

type Word = ExportWord<Vec<SealedWord<'static>>>;

/// What tells files apart, whatever else later versions hold.
#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
    #[serde(default)]
    souk: String,
}

/// The file's bytes; `-` is stdin.
///
/// # Errors
/// `file_too_large`, or why it cannot be read.
pub fn bytes_of(path: &Path) -> Result<Vec<u8>, CliError> {
    let failed = |error: io::Error| CliError::reading(path, &error);
    let source: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(io::stdin()),
        false => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    source.take(BOOK_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > BOOK_MAX {
        true => Err(CliError::too_large(&path.display().to_string(), BOOK_MAX)),
        false => Ok(bytes),
    }
}

/// The epoch as `name` tells it.
///
/// # Errors
/// `other_format`, `other_version`, `file_truncated`, `not_json` or `bad_book`.
pub fn parse(name: &str, bytes: &[u8]) -> Result<(Claimed, Clearing), CliError> {
    match serde_json::from_slice::<Word>(bytes) {
        Ok(word) => {
            ensure_known(name, &word.format, (word.version, &word.souk))?;
            Ok(parts(word))
        }
        Err(error) => {
            // The rest of a later version's file may well look wrong to this build.
            if let Ok(head) = serde_json::from_slice::<Head>(bytes) {
                ensure_known(name, &head.format, (head.version, &head.souk))?;
            }
            let (code, message) = match error.classify() {
                Category::Eof => ("file_truncated", format!("{name} ends before all was said: {error}")),
                Category::Data => ("bad_book", format!("{name} is no sealed book: {error}")),
                Category::Syntax | Category::Io => ("not_json", format!("{name} is not JSON: {error}")),
            };
            Err(CliError::user(code, message).next(AGAIN))
        }
    }
}

fn ensure_known(name: &str, format: &str, (version, souk): (u32, &str)) -> Result<(), CliError> {
    let known = ExportWord::FORMAT;
    if format != known {
        let message = format!("{name} says that it holds {format:?}, and not {known:?}");
        return Err(CliError::user("other_format", message).next(AGAIN));
    }
    if version != ExportWord::VERSION {
        let message = format!("{name} has version {version} of the format, this build knows {}", ExportWord::VERSION);
        let next = format!("use the version of souk that it was written with: {souk:?}");
        return Err(CliError::user("other_version", message).next(next));
    }
    Ok(())
}

fn parts(word: Word) -> (Claimed, Clearing) {
    let orders = |words: Vec<SealedWord<'static>>| words.into_iter().map(order).collect();
    let claimed = Claimed {
        market: word.market,
        parameters: word.parameters,
        epoch: word.epoch,
        asks: orders(word.asks),
        bids: orders(word.bids),
    };
    (claimed, word.clearing)
}

fn order(word: SealedWord<'static>) -> ClaimedOrder {
    ClaimedOrder {
        id: word.id,
        order: Signed { body: word.body.into_owned(), authority: word.authority.into_owned() },
        open: word.open.into_owned(),
        identity: word.identity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sealed_book_is_told_apart() {
        for (text, code) in [
            ("", "file_truncated"),
            ("{\"format\": \"souk-ep", "file_truncated"),
            ("not json", "not_json"),
            ("\u{0}\u{1}", "not_json"),
            ("{} {}", "bad_book"),
            ("[1, 2]", "bad_book"),
            ("{\"format\": \"souk-epoch\", \"version\": 1}", "bad_book"),
            ("{\"format\": \"souk-epoch\", \"version\": 2, \"books\": []}", "other_version"),
            ("{\"format\": \"souk-market\", \"version\": 1}", "other_format"),
            (&"[".repeat(100_000), "bad_book"),
            (&format!("{{\"format\": \"souk-epoch\", \"clearing\": {}", "[".repeat(100_000)), "bad_book"),
        ] {
            let error = parse("FILE", text.as_bytes()).unwrap_err();
            assert_eq!((&*error.code, error.exit), (code, 1), "{text:.40}: {error:?}");
            assert!(error.next.is_some(), "{text:.40} has a next step");
        }
        assert_eq!(parse("FILE", &[b'"', 0xff, b'"']).unwrap_err().code, "not_json");
    }
}
