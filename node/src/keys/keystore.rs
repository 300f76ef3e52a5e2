//! Keystore version 3, the Web3 Secret Storage Definition: a secret under a passphrase, as JSON. Knows no file.
//!
//! `dk = kdf(passphrase)`, `ciphertext = aes-128-ctr(dk[0..16], secret)`, `mac = keccak256(dk[16..32] || ciphertext)`.

use aes::Aes128;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use hmac::Hmac;
use protocol::hash::{hex_decode, hex_encode};
use protocol::{Address, keccak256};
use scrypt::Params;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use super::Key;

/// The scrypt cost of new files: N = 2^18, r = 8, p = 1, some 256 MiB and a second.
pub const LOG_N: u8 = 18;
/// Memory that reading a file may take: `128 * r * (N + p)`. Above it the file is refused.
const MEMORY_MAX: u64 = (1 << 30) + (1 << 20);
/// Mixing steps that reading a file may take: `N * r * p`, 16 times what new files cost.
const STEPS_MAX: u64 = 1 << 25;
/// PBKDF2 rounds that reading a file may take.
const ROUNDS_MAX: u32 = 1 << 24;
/// Bytes of salt that a file may name.
const SALT_MAX: usize = 256;

/// Why a text is not a keystore that opens.
#[derive(Debug, thiserror::Error)]
pub enum KeystoreError {
    /// Not JSON of the expected shape, or an unknown key derivation.
    #[error("{0}")]
    Syntax(#[from] serde_json::Error),
    /// Another version than 3.
    #[error("it is of version {0}; only version 3 is known")]
    Version(u32),
    /// A value that the definition does not allow.
    #[error("its {0} is not what keystore version 3 allows")]
    Field(&'static str),
    /// More memory or time than a key file may ask for.
    #[error("its {0} asks for more memory or time than any honest key file")]
    Costly(&'static str),
    /// The message authentication code differs.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// It opens, but what is inside is no key, or not that of the address on it.
    #[error("what it holds is not the key that it names")]
    Content,
}

#[derive(Serialize, Deserialize)]
struct Keystore {
    version: u32,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(alias = "Crypto")]
    crypto: Crypto,
}

#[derive(Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    #[serde(flatten)]
    derivation: Derivation,
    mac: String,
}

#[derive(Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "kdf", content = "kdfparams", rename_all = "lowercase")]
enum Derivation {
    Scrypt { n: u64, r: u32, p: u32, dklen: u32, salt: String },
    Pbkdf2 { c: u32, prf: String, dklen: u32, salt: String },
}

impl Derivation {
    /// The first 32 bytes of the derived key; both functions give the same ones whatever `dklen` is.
    fn derive(&self, passphrase: &str) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
        let mut derived = Zeroizing::new([0; 32]);
        match self {
            Derivation::Scrypt { n, r, p, dklen, salt } => {
                let params = scrypt_params(*n, *r, *p)?;
                let salt = salt_of(salt, *dklen)?;
                scrypt::scrypt(passphrase.as_bytes(), &salt, &params, &mut *derived)
                    .expect("32 bytes are a length that scrypt can derive");
            }
            Derivation::Pbkdf2 { c, prf, dklen, salt } => {
                if prf != "hmac-sha256" {
                    return Err(KeystoreError::Field("prf"));
                }
                match *c {
                    0 => return Err(KeystoreError::Field("c")),
                    c if c > ROUNDS_MAX => return Err(KeystoreError::Costly("c")),
                    _ => {}
                }
                let salt = salt_of(salt, *dklen)?;
                pbkdf2::pbkdf2::<Hmac<Sha256>>(passphrase.as_bytes(), &salt, *c, &mut *derived)
                    .expect("HMAC takes a key of any length");
            }
        }
        Ok(derived)
    }
}

fn scrypt_params(n: u64, r: u32, p: u32) -> Result<Params, KeystoreError> {
    if !n.is_power_of_two() || n < 2 || r == 0 || p == 0 {
        return Err(KeystoreError::Field("scrypt cost (n, r, p)"));
    }
    let memory = n.checked_add(p.into()).and_then(|blocks| blocks.checked_mul(128)?.checked_mul(r.into()));
    let steps = n.checked_mul(r.into()).and_then(|steps| steps.checked_mul(p.into()));
    if memory.is_none_or(|bytes| bytes > MEMORY_MAX) || steps.is_none_or(|steps| steps > STEPS_MAX) {
        return Err(KeystoreError::Costly("scrypt cost (n, r, p)"));
    }
    let log_n = u8::try_from(n.trailing_zeros()).expect("a u64 has at most 64 bits");
    Params::new(log_n, r, p).map_err(|_| KeystoreError::Field("scrypt cost (n, r, p)"))
}

fn salt_of(text: &str, dklen: u32) -> Result<Vec<u8>, KeystoreError> {
    if dklen < 32 {
        return Err(KeystoreError::Field("dklen"));
    }
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    if digits.len() > SALT_MAX * 2 || !digits.len().is_multiple_of(2) {
        return Err(KeystoreError::Field("salt"));
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    digits.chunks_exact(2).map(|pair| byte(pair).ok_or(KeystoreError::Field("salt"))).collect()
}

/// Applies the cipher, which undoes itself.
fn apply_cipher(derived: &[u8; 32], iv: &[u8; 16], bytes: &mut [u8; 32]) {
    let mut cipher_key = [0; 16];
    cipher_key.copy_from_slice(&derived[..16]);
    Ctr128BE::<Aes128>::new(&cipher_key.into(), iv.into()).apply_keystream(bytes);
    cipher_key.zeroize();
}

/// Puts `key` under `passphrase`, with N = 2^`log_n`.
///
/// # Errors
/// [`getrandom::Error`] if the system has no randomness to give.
pub fn seal(key: &Key, passphrase: &str, log_n: u8) -> Result<String, getrandom::Error> {
    let (mut salt, mut iv, mut id) = ([0; 32], [0; 16], [0; 16]);
    getrandom::fill(&mut salt)?;
    getrandom::fill(&mut iv)?;
    getrandom::fill(&mut id)?;
    let derivation = Derivation::Scrypt { n: 1 << log_n, r: 8, p: 1, dklen: 32, salt: bare_hex(&salt) };
    let derived = derivation.derive(passphrase).expect("our own parameters are within our own limits");
    let mut ciphertext = *key.secret_bytes();
    apply_cipher(&derived, &iv, &mut ciphertext);
    let keystore = Keystore {
        version: 3,
        id: uuid_v4(id),
        address: Some(bare_hex(&key.address().0)),
        crypto: Crypto {
            cipher: "aes-128-ctr".into(),
            cipherparams: CipherParams { iv: bare_hex(&iv) },
            ciphertext: bare_hex(&ciphertext),
            derivation,
            mac: bare_hex(&keccak256(&[&derived[16..], &ciphertext]).0),
        },
    };
    Ok(serde_json::to_string_pretty(&keystore).expect("strings and integers have a JSON form") + "\n")
}

/// The key in `text`, if `passphrase` is the one it was sealed with.
///
/// # Errors
/// [`KeystoreError`]; the cost is bounded whatever the text asks for.
pub fn open(text: &str, passphrase: &str) -> Result<Key, KeystoreError> {
    let Keystore { version, address, crypto, .. } = serde_json::from_str(text)?;
    if version != 3 {
        return Err(KeystoreError::Version(version));
    }
    if crypto.cipher != "aes-128-ctr" {
        return Err(KeystoreError::Field("cipher"));
    }
    let field = |name| move |_| KeystoreError::Field(name);
    let iv = hex_decode(&crypto.cipherparams.iv).map_err(field("iv"))?;
    let ciphertext: [u8; 32] = hex_decode(&crypto.ciphertext).map_err(field("ciphertext"))?;
    let mac: [u8; 32] = hex_decode(&crypto.mac).map_err(field("mac"))?;
    let derived = crypto.derivation.derive(passphrase)?;
    if !bool::from(keccak256(&[&derived[16..], &ciphertext]).0.ct_eq(&mac)) {
        return Err(KeystoreError::WrongPassphrase);
    }
    let mut secret = Zeroizing::new(ciphertext);
    apply_cipher(&derived, &iv, &mut secret);
    let key = Key::from_bytes(&secret).map_err(|_| KeystoreError::Content)?;
    match address.is_none_or(|named| hex_decode(&named) == Ok(key.address().0)) {
        true => Ok(key),
        false => Err(KeystoreError::Content),
    }
}

/// The address that is written on the keystore, which anyone can read and only [`open`] can prove.
///
/// # Errors
/// [`KeystoreError`] if it is no keystore; `Ok(None)` if no address is written on it.
pub fn named_address(text: &str) -> Result<Option<Address>, KeystoreError> {
    let Keystore { address, .. } = serde_json::from_str(text)?;
    address.map(|named| hex_decode(&named).map(Address).map_err(|_| KeystoreError::Field("address"))).transpose()
}

/// Hex without `0x`, as keystores have it.
fn bare_hex(bytes: &[u8]) -> String {
    hex_encode(bytes).split_off(2)
}

/// RFC 9562: version 4 in the seventh byte, variant 10 in the ninth.
fn uuid_v4(mut random: [u8; 16]) -> String {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let digits = bare_hex(&random);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests;
