//! The wire: canonical bytes of messages. The only file that knows bincode.
//!
//! bincode alone accepts other encodings of the same value, trailing bytes and absurd lengths, so every decode has a
//! limit, must consume all of its input, and must encode back to exactly that input. Ids never depend on these bytes.

pub mod spans;

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::rejected::Rejected;

/// The largest message on a gossip topic, in bytes.
pub const GOSSIP_MAX: usize = 60 * 1024;
/// Entries that one gossip message may carry.
pub const GOSSIP_ENTRIES_MAX: usize = 64;
/// The largest single entry, in bytes.
pub const ENTRY_MAX: usize = 4 * 1024;
/// The largest request, in bytes.
pub const REQUEST_MAX: usize = 256 * 1024;
/// The largest response, in bytes.
pub const RESPONSE_MAX: usize = 1024 * 1024;

/// The largest decode, which bounds what bincode may allocate.
const DECODE_LIMIT: usize = 2 * 1024 * 1024;

/// The canonical bytes of `value`.
///
/// # Panics
/// Never for the types of this crate: they hold nothing that bincode cannot encode.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).expect("words of the protocol always encode")
}

/// Reads `bytes`, at most `max` of them, as the canonical encoding of a `T`.
///
/// # Errors
/// [`Rejected::TooLarge`] above `max`, [`Rejected::Encoding`] for anything but the one canonical form.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, Rejected> {
    if bytes.len() > max.min(DECODE_LIMIT) {
        return Err(Rejected::TooLarge);
    }
    let (value, used): (T, usize) = decode_some(bytes)?;
    match used == bytes.len() && is_canonical(&value, bytes) {
        true => Ok(value),
        false => Err(Rejected::Encoding),
    }
}

/// A value at the beginning of `bytes`, in any form, and how many bytes it takes.
fn decode_some<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), Rejected> {
    let config = bincode::config::standard().with_limit::<DECODE_LIMIT>();
    bincode::serde::decode_from_slice(bytes, config).map_err(|_| Rejected::Encoding)
}

/// Whether `bytes` are what encoding `value` gives, without writing it out.
fn is_canonical<T: Serialize>(value: &T, bytes: &[u8]) -> bool {
    let mut rest = Expected(bytes);
    bincode::serde::encode_into_writer(value, &mut rest, bincode::config::standard()).is_ok() && rest.0.is_empty()
}

/// Takes only the bytes that are expected.
struct Expected<'a>(&'a [u8]);

impl bincode::enc::write::Writer for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<(), bincode::error::EncodeError> {
        self.0 = self.0.strip_prefix(bytes).ok_or(bincode::error::EncodeError::UnexpectedEnd)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    #[test]
    fn what_is_encoded_comes_back() {
        let value = (7u64, String::from("souk"), vec![1u32, 2, 3], Some([9u8; 32]));
        assert_eq!(decode::<(u64, String, Vec<u32>, Option<[u8; 32]>)>(&encode(&value), 1000), Ok(value));
    }

    #[test]
    fn only_the_one_canonical_form_is_accepted() {
        assert_eq!(decode::<u64>(&[5], 10), Ok(5));
        assert_eq!(decode::<u64>(&[251, 5, 0], 10), Err(Rejected::Encoding));
        assert_eq!(decode::<u64>(&[5, 0], 10), Err(Rejected::Encoding));
        assert_eq!(decode::<u64>(&[], 10), Err(Rejected::Encoding));
        assert_eq!(decode::<u64>(&[0; 11], 10), Err(Rejected::TooLarge));
    }

    /// bincode without a limit aborts the process on these nine bytes: they claim 2^40 elements.
    #[test]
    fn a_claim_of_a_terabyte_is_an_error_and_not_an_abort() {
        let claim = [253, 0, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(decode::<String>(&claim, 10), Err(Rejected::Encoding));
        assert_eq!(decode::<Vec<u64>>(&claim, 10), Err(Rejected::Encoding));
        assert_eq!(decode::<Vec<[u8; 32]>>(&claim, 10), Err(Rejected::Encoding));
    }
}
