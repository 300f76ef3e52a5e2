//! EIP-712 over JSON messages, driven by nothing but the type strings: a second opinion on the crate's struct hashes.

use std::collections::BTreeMap;

use protocol::{Address, Hash, keccak256};
use serde_json::Value;

/// The types of one type string, and which is the primary one.
pub struct Types {
    primary: String,
    /// For each type its own part of the type string and its members: type, then name.
    parts: BTreeMap<String, (String, Vec<(String, String)>)>,
}

impl Types {
    /// Reads `Primary(type name,...)Other(...)`.
    pub fn parse(type_string: &str) -> Types {
        let mut types = Types { primary: type_string.split_once('(').unwrap().0.into(), parts: BTreeMap::new() };
        for part in type_string.split_terminator(')') {
            let (name, members) = part.split_once('(').unwrap();
            let member = |text: &str| text.split_once(' ').map(|(kind, name)| (kind.into(), name.into())).unwrap();
            let members = members.split(',').map(member).collect();
            types.parts.insert(name.into(), (format!("{part})"), members));
        }
        types
    }

    /// `hashStruct` of `message` as the primary type.
    pub fn struct_hash(&self, message: &Value) -> Hash {
        self.hash_as(&self.primary, message)
    }

    fn hash_as(&self, name: &str, message: &Value) -> Hash {
        let members = &self.parts[name].1;
        assert_eq!(message.as_object().unwrap().len(), members.len(), "{name} has members that its type has not");
        let mut words = self.type_hash(name).0.to_vec();
        for (kind, member) in members {
            words.extend_from_slice(&self.word(kind, &message[member]).0);
        }
        keccak256(&[&words])
    }

    fn type_hash(&self, name: &str) -> Hash {
        let mut used = vec![name.to_string()];
        let mut next = 0;
        while next < used.len() {
            for (kind, _) in &self.parts[&used[next]].1 {
                let core = kind.split('[').next().unwrap().to_string();
                if self.parts.contains_key(&core) && !used.contains(&core) {
                    used.push(core);
                }
            }
            next += 1;
        }
        used[1..].sort_unstable();
        let text: String = used.iter().map(|name| self.parts[name].0.as_str()).collect();
        keccak256(&[text.as_bytes()])
    }

    fn word(&self, kind: &str, value: &Value) -> Hash {
        if let Some((element, _)) = kind.rsplit_once('[') {
            let words: Vec<u8> =
                value.as_array().unwrap().iter().flat_map(|value| self.word(element, value).0).collect();
            return keccak256(&[&words]);
        }
        if self.parts.contains_key(kind) {
            return self.hash_as(kind, value);
        }
        let text = || value.as_str().unwrap_or_else(|| panic!("{kind}: {value}"));
        let mut word = [0; 32];
        match kind {
            "string" => return keccak256(&[text().as_bytes()]),
            "bytes32" => return text().parse().unwrap(),
            "address" => word[12..].copy_from_slice(&text().parse::<Address>().unwrap().0),
            _ => word[16..].copy_from_slice(&integer(kind, value).to_be_bytes()),
        }
        Hash(word)
    }
}

fn integer(kind: &str, value: &Value) -> u128 {
    let bits: u32 = kind.strip_prefix("uint").unwrap().parse().unwrap();
    let number = match value {
        Value::String(text) => text.parse().unwrap(),
        number => number.as_u64().unwrap().into(),
    };
    assert!(bits >= 128 || number < 1 << bits, "{number} is more than {kind} holds");
    number
}
