//! The published vectors of the definition, our own files, and files made to hurt.

use super::*;

/// So that tests do not take a second each.
const LOG_N_LIGHT: u8 = 4;
const SECRET: &str = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
const ADDRESS: &str = "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b";

const PBKDF2: &str = r#"{
  "crypto": {
    "cipher": "aes-128-ctr",
    "cipherparams": { "iv": "6087dab2f9fdbbfaddc31a909735c1e6" },
    "ciphertext": "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
    "kdf": "pbkdf2",
    "kdfparams": {
      "c": 262144,
      "dklen": 32,
      "prf": "hmac-sha256",
      "salt": "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"
    },
    "mac": "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"
  },
  "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
  "version": 3
}"#;

const SCRYPT: &str = r#"{
  "crypto": {
    "cipher": "aes-128-ctr",
    "cipherparams": { "iv": "83dbcc02d8ccb40e466191a123791e0e" },
    "ciphertext": "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
    "kdf": "scrypt",
    "kdfparams": {
      "dklen": 32,
      "n": 262144,
      "p": 8,
      "r": 1,
      "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"
    },
    "mac": "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"
  },
  "id": "3198bc9c-6672-5ab3-d995-4942343ae5b6",
  "version": 3
}"#;

fn light(passphrase: &str) -> String {
    seal(&Key::from_hex(SECRET).unwrap(), passphrase, LOG_N_LIGHT).unwrap()
}

fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in the file");
    text.replacen(from, to, 1)
}

#[test]
fn the_published_vectors_open() {
    for vector in [PBKDF2, SCRYPT] {
        let key = open(vector, "testpassword").unwrap();
        assert_eq!(bare_hex(&*key.secret_bytes()), SECRET);
        assert_eq!(key.address().to_string(), ADDRESS);
        assert!(matches!(open(vector, "testpassworD"), Err(KeystoreError::WrongPassphrase)));
    }
}

#[test]
fn a_sealed_key_opens_with_its_passphrase_alone() {
    let text = light("sesame \u{1f511}");
    assert_eq!(open(&text, "sesame \u{1f511}").unwrap().address().to_string(), ADDRESS);
    assert!(matches!(open(&text, "sesame"), Err(KeystoreError::WrongPassphrase)));
    assert!(matches!(open(&text, ""), Err(KeystoreError::WrongPassphrase)));
    assert_eq!(named_address(&text).unwrap().unwrap().to_string(), ADDRESS);
    assert_eq!(named_address(SCRYPT).unwrap(), None);
}

#[test]
fn a_new_file_has_full_cost_a_random_uuid_and_no_secret() {
    let text = seal(&Key::from_hex(SECRET).unwrap(), "sesame", LOG_N).unwrap();
    assert!(!text.contains(SECRET));
    let Keystore { version, id, crypto, .. } = serde_json::from_str(&text).unwrap();
    assert_eq!(version, 3);
    let groups: Vec<_> = id.split('-').map(str::len).collect();
    assert_eq!(groups, [8, 4, 4, 4, 12]);
    assert_eq!(id.as_bytes()[14], b'4');
    assert!(b"89ab".contains(&id.as_bytes()[19]));
    assert!(matches!(crypto.derivation, Derivation::Scrypt { n: 262_144, r: 8, p: 1, dklen: 32, .. }));
    assert_eq!(open(&text, "sesame").unwrap().address().to_string(), ADDRESS);
    assert_ne!(light("sesame"), light("sesame"));
}

#[test]
fn a_file_that_asks_for_too_much_is_refused_before_it_gets_it() {
    let text = light("sesame");
    for (from, to) in [
        ("\"n\": 16", "\"n\": 1073741824"),
        ("\"n\": 16", "\"n\": 9223372036854775808"),
        ("\"r\": 8", "\"r\": 4294967295"),
        ("\"p\": 1", "\"p\": 4294967295"),
        ("\"p\": 1", "\"p\": 1000000"),
    ] {
        let refused = open(&with(&text, from, to), "sesame");
        assert!(matches!(refused, Err(KeystoreError::Costly(_))), "{to} was not refused");
    }
    let rounds = with(PBKDF2, "\"c\": 262144", "\"c\": 4294967295");
    assert!(matches!(open(&rounds, "testpassword"), Err(KeystoreError::Costly("c"))));
}

#[test]
fn the_largest_scrypt_cost_that_is_read_takes_a_gibibyte() {
    assert!(scrypt_params(1 << 20, 8, 1).is_ok());
    assert!(matches!(scrypt_params(1 << 21, 8, 1), Err(KeystoreError::Costly(_))));
    assert!(scrypt_params(1 << 18, 8, 16).is_ok());
    assert!(matches!(scrypt_params(1 << 18, 8, 17), Err(KeystoreError::Costly(_))));
}

#[test]
fn a_file_outside_the_definition_is_refused() {
    let text = light("sesame");
    for (from, to) in [
        ("\"version\": 3", "\"version\": 1"),
        ("aes-128-ctr", "aes-128-cbc"),
        ("\"n\": 16", "\"n\": 15"),
        ("\"n\": 16", "\"n\": 1"),
        ("\"n\": 16", "\"n\": -1"),
        ("\"r\": 8", "\"r\": 0"),
        ("\"p\": 1", "\"p\": 0"),
        ("\"dklen\": 32", "\"dklen\": 16"),
        ("scrypt", "argon2"),
        ("\"iv\": \"", "\"iv\": \"00"),
        ("\"salt\": \"", "\"salt\": \"0"),
        ("\"salt\": \"", "\"salt\": \"zz"),
        ("\"ciphertext\": \"", "\"ciphertext\": \"00"),
        ("\"mac\": \"", "\"mac\": \"z"),
    ] {
        let refused = open(&with(&text, from, to), "sesame").unwrap_err();
        assert!(!matches!(refused, KeystoreError::WrongPassphrase | KeystoreError::Costly(_)), "{to}: {refused}");
    }
    let prf = with(PBKDF2, "hmac-sha256", "hmac-sha512");
    assert!(matches!(open(&prf, "testpassword"), Err(KeystoreError::Field("prf"))));
    for text in ["", "{}", "[]", "null", "\u{0}", "{\"version\": 3}"] {
        assert!(matches!(open(text, "sesame"), Err(KeystoreError::Syntax(_))));
    }
}

#[test]
fn an_address_that_is_not_the_keys_is_refused() {
    let text = with(&light("sesame"), "008aeeda", "118aeeda");
    assert!(matches!(open(&text, "sesame"), Err(KeystoreError::Content)));
}

#[test]
fn a_keystore_with_fields_of_other_wallets_opens() {
    let text = with(&light("sesame"), "\"version\"", "\"name\": \"mine\", \"meta\": {}, \"version\"");
    assert!(open(&text, "sesame").is_ok());
    assert!(open(&with(&text, "\"crypto\"", "\"Crypto\""), "sesame").is_ok());
}
