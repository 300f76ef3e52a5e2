//! Ids as people type them: whole, or a beginning that fits one thing only.

use protocol::Hash;
use protocol::hash::hex_encode;

use super::error::CliError;

/// The id among `known()` that `text` begins, or `text` itself if it is whole. `what` and `list` are for the error:
/// "deal", "souk deal list".
///
/// # Errors
/// `bad_id`, `unknown_deal` (or whatever it is) or `ambiguous_id`, or what `known` fails with.
pub fn resolve(
    text: &str,
    what: &str,
    list: &str,
    known: impl FnOnce() -> Result<Vec<Hash>, CliError>,
) -> Result<Hash, CliError> {
    let digits = text.trim_end_matches('…').trim_end_matches("...");
    let digits = digits.strip_prefix("0x").unwrap_or(digits).to_ascii_lowercase();
    let is_hex = digits.chars().all(|c| c.is_ascii_hexdigit());
    if !is_hex || !(1..=64).contains(&digits.len()) {
        let message = format!("`{text}` is not the id of a {what}: expected up to 64 hex digits");
        return Err(CliError::user("bad_id", message).next(list));
    }
    if let Ok(whole) = digits.parse() {
        return Ok(whole);
    }
    let mut fitting: Vec<Hash> =
        known()?.into_iter().filter(|id| hex_encode(&id.0)[2..].starts_with(&digits)).collect();
    fitting.sort_unstable();
    fitting.dedup();
    match fitting[..] {
        [id] => Ok(id),
        [] => Err(CliError::user(&format!("unknown_{what}"), format!("no {what} begins with `{text}`")).next(list)),
        _ => {
            let message = format!("`{text}` fits {} {what}s", fitting.len());
            Err(CliError::user("ambiguous_id", message)
                .next(format!("type more digits; {list} --json shows whole ids")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<Hash, String> {
        let known = || Ok(vec![Hash([0xab; 32]), Hash([0xcd; 32]), Hash([0xcd; 32])]);
        resolve(text, "deal", "souk deal list", known).map_err(|error| error.code)
    }

    #[test]
    fn a_beginning_that_fits_one_id_is_enough() {
        for text in ["0xabababab", "ABAB", "0xababababab…", "abab..."] {
            assert_eq!(check(text), Ok(Hash([0xab; 32])), "{text}");
        }
        assert_eq!(check("cdcd"), Ok(Hash([0xcd; 32])), "the same id twice is one");
    }

    #[test]
    fn what_fits_nothing_or_too_much_is_told_apart() {
        for (text, code) in
            [("", "bad_id"), ("0x", "bad_id"), ("0xabcg", "bad_id"), ("wxyz", "bad_id"), ("ab12", "unknown_deal")]
        {
            assert_eq!(check(text), Err(code.into()), "{text}");
        }
        let known = || {
            let mut other = Hash([0xab; 32]);
            other.0[31] = 0;
            Ok(vec![Hash([0xab; 32]), other])
        };
        assert_eq!(resolve("abab", "deal", "", known).unwrap_err().code, "ambiguous_id");
    }

    #[test]
    fn a_whole_id_is_not_looked_up() {
        let whole = Hash([7; 32]).to_string();
        assert_eq!(resolve(&whole, "deal", "", || panic!("looked up")), Ok(Hash([7; 32])));
    }
}
