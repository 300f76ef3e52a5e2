//! One secp256k1 key seen from both sides: libp2p's peer id and Ethereum's address. Knows no connection.

use libp2p::identity::{Keypair, PublicKey, secp256k1};
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use protocol::{Address, keccak256};

/// The multihash code of a peer id that holds the public key itself.
const IDENTITY_MULTIHASH: u64 = 0;
/// Bytes of a compressed public key, the value of an address record.
pub(super) const PUBLIC_KEY_LEN: usize = 33;

/// The host key of an Ethereum secret key. `None` unless `secret` is in the curve's range. `secret` is zeroed.
pub fn keypair(secret: &mut [u8; 32]) -> Option<Keypair> {
    let secret = secp256k1::SecretKey::try_from_bytes(&mut secret[..]).ok()?;
    Some(secp256k1::Keypair::from(secret).into())
}

/// The Ethereum address of a peer. `None` unless its id holds a secp256k1 key in its one canonical form.
pub(super) fn address_of(peer: &PeerId) -> Option<Address> {
    let multihash = peer.as_ref();
    if multihash.code() != IDENTITY_MULTIHASH {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(multihash.digest()).ok()?;
    // Protobuf has more than one encoding of the same key: one account must not have several peer ids.
    if PeerId::from_public_key(&key) != *peer {
        return None;
    }
    address_of_key(&key)
}

/// Reads the address of a peer, as others need it to begin: it ends in `/p2p/` and the id of an Ethereum key.
///
/// # Errors
/// What is wrong with it, for people.
pub fn peer_address(text: &str) -> Result<Multiaddr, &'static str> {
    let address: Multiaddr = text.parse().map_err(|_| "it is no multiaddress")?;
    match address.iter().last() {
        Some(Protocol::P2p(peer)) if address_of(&peer).is_some() => Ok(address),
        Some(Protocol::P2p(_)) => Err("its peer id is not that of an Ethereum key"),
        _ => Err("it does not end in /p2p/ and a peer id"),
    }
}

/// The Ethereum address of a public key. `None` unless it is a secp256k1 key.
pub(super) fn address_of_key(key: &PublicKey) -> Option<Address> {
    let uncompressed = key.clone().try_into_secp256k1().ok()?.to_bytes_uncompressed();
    let xy: &[u8; 64] = uncompressed[1..].try_into().ok()?;
    Some(Address::from_public_key(xy))
}

/// Where the public key of `address` is kept in the address records.
pub(super) fn record_key(address: &Address) -> [u8; 32] {
    keccak256(&[b"souk address", &address.0]).0
}

/// The value of this key's own record. `None` unless it is a secp256k1 key.
pub(super) fn record_value(key: &PublicKey) -> Option<[u8; PUBLIC_KEY_LEN]> {
    Some(key.clone().try_into_secp256k1().ok()?.to_bytes())
}

/// Reads an address record. `None` unless the value is a public key whose address belongs under `key`: a record that
/// someone else made up is never believed.
pub(super) fn read_record(key: &[u8], value: &[u8]) -> Option<(Address, PeerId)> {
    if value.len() != PUBLIC_KEY_LEN {
        return None;
    }
    let public: PublicKey = secp256k1::PublicKey::try_from_bytes(value).ok()?.into();
    let address = address_of_key(&public)?;
    (record_key(&address) == key).then(|| (address, public.to_peer_id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(seed: u8) -> Keypair {
        keypair(&mut [seed; 32]).unwrap()
    }

    #[test]
    fn the_first_anvil_account_has_its_known_address() {
        let mut secret =
            protocol::hash::hex_decode("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80").unwrap();
        let peer = keypair(&mut secret).unwrap().public().to_peer_id();
        assert_eq!(address_of(&peer).unwrap().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(secret, [0; 32]);
    }

    #[test]
    fn zero_is_not_a_key() {
        assert!(keypair(&mut [0; 32]).is_none());
        assert!(keypair(&mut [255; 32]).is_none());
    }

    #[test]
    fn a_peer_id_without_a_secp256k1_key_has_no_address() {
        assert_eq!(address_of(&PeerId::random()), None);
        // An Ed25519 key is inlined too: its protobuf begins with key type 1.
        let mut ed25519 = vec![0, 36, 8, 1, 18, 32];
        ed25519.extend([7; 32]);
        assert_eq!(address_of(&PeerId::from_bytes(&ed25519).unwrap()), None);
    }

    #[test]
    fn a_second_encoding_of_a_peers_key_has_no_address() {
        let canonical = fresh(1).public().encode_protobuf();
        let peer = |protobuf: &[u8]| PeerId::from_bytes(&[&[0, protobuf.len() as u8], protobuf].concat()).unwrap();
        assert_eq!(address_of(&peer(&canonical)), address_of_key(&fresh(1).public()));
        let fields_swapped = [&canonical[2..], &canonical[..2]].concat();
        assert_eq!(address_of(&peer(&fields_swapped)), None);
    }

    #[test]
    fn only_the_true_record_of_an_address_is_believed() {
        let (mine, other) = (fresh(1).public(), fresh(2).public());
        let address = address_of_key(&mine).unwrap();
        let key = record_key(&address);
        assert_eq!(read_record(&key, &record_value(&mine).unwrap()), Some((address, mine.to_peer_id())));
        assert_eq!(read_record(&key, &record_value(&other).unwrap()), None);
        assert_eq!(read_record(&key, &[2; 33]), None);
        assert_eq!(read_record(&key, &[]), None);
    }
}
