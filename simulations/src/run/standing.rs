//! Orders that are in everyone's book when a run begins: each an honest peer's, signed, in one of its slots. Placed by nobody;
//! from then on they live and end as all others do.

use std::collections::BTreeMap;

use matcher::{Input, Market, Standing};
use protocol::talk::Item;
use protocol::{Authority, Entry, Hash, Order, Signed, Typed};

use crate::clock::START_MS;
use crate::desk::{Desk, Hall, Moment};
use crate::random::Random;
use crate::scenario::Traders;
use crate::traders::Habits;

/// The book at the start.
pub(super) struct Standings {
    kept: Vec<(Hash, Entry)>,
    by_owner: BTreeMap<u32, Vec<Standing>>,
}

impl Standings {
    /// So many orders as the scenario says, of so many peers in turn; at most as many as have a slot.
    pub(super) fn new(traders: &Traders, habits: &Habits, hall: &Hall, peers: u32, seed: u64) -> Standings {
        let mut random = Random::new(seed, 0x57a4_0000);
        let suppliers_ppm = (traders.suppliers_percent * 1e4) as u64;
        let domain = hall.parameters.domain();
        let slots = u32::from(hall.parameters.slots_per_owner);
        let mut all = Standings { kept: Vec::new(), by_owner: BTreeMap::new() };
        for number in 0..traders.standing.min(peers.saturating_mul(slots)) {
            let (peer, slot) = (number % peers, (number / peers) as u16);
            let draft = habits.draft(super::side(peer, suppliers_ppm), &mut random);
            let from_epoch = hall.parameters.epoch_at(START_MS);
            // They do not all end at once.
            let life = 1 + random.below(hall.parameters.epochs_in(draft.life_s.into()).max(1));
            let body = Order {
                side: draft.side,
                owner: hall.ring.address(peer),
                slot,
                version: START_MS,
                capacity: draft.capacity.clone(),
                lots: draft.lots,
                price: draft.price,
                duration_min_s: draft.duration_min_s,
                duration_max_s: draft.duration_max_s,
                billed_min_s: draft.billed_min_s,
                from_epoch,
                expiry_epoch: from_epoch + life,
                counterparty: draft.counterparty,
                excluded: Vec::new(),
                identity_min: draft.identity_min,
                flags: draft.flags,
                tag: draft.tag,
            };
            let id = domain.digest(&body.struct_hash());
            let entry = Entry::Order(Signed { body, authority: Authority::own(hall.ring.key(peer).sign(&id)) });
            all.kept.push((id, entry.clone()));
            let first_version = START_MS;
            let standing = Standing { slot, draft, first_version, entry, id, is_withdrawn: false, avoided: Vec::new() };
            all.by_owner.entry(peer).or_default().push(standing);
        }
        all
    }

    /// Puts them into a desk; kept where the first desk keeps them, if there is one.
    pub(super) fn give(&self, desk: &mut Desk, peer: u32, first: Option<&Market>) {
        if self.kept.is_empty() {
            return;
        }
        let kept = self.kept.iter().map(|(id, entry)| (*id, Item::Entry(entry.clone()))).collect();
        let standings = self.by_owner.get(&peer).cloned().unwrap_or_default();
        let restore = Input::Restore { kept, standings, deals: Vec::new() };
        // Nothing that it wants now concerns anybody else.
        desk.step(restore, Moment { now: 0, unix_ms: START_MS }, &mut Vec::new());
        desk.log = Default::default();
        if let Some(first) = first {
            desk.share(first);
        }
    }
}
