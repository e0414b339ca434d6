//! Places for connections that have proved nothing yet: few in all, and fewer for one address, so that
//! silent strangers take no place of a node's or of the API's.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

/// Handshakes under way at one time.
pub(super) const IN_ALL: usize = 512;
/// Of these, for one address. All nodes of a home may come from one.
const OF_ONE: usize = 128;

/// Counts those who wait. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place, given back when it is dropped.
pub(super) struct Place {
    waiting: Waiting,
    address: IpAddr,
}

impl Waiting {
    /// A place, if there is one left for this address.
    pub(super) fn place(&self, address: IpAddr) -> Option<Place> {
        let mut counts = self.0.lock();
        let own = counts.by_address.get(&address).copied().unwrap_or_default();
        if counts.all >= IN_ALL || own >= OF_ONE {
            return None;
        }
        counts.all += 1;
        counts.by_address.insert(address, own + 1);
        Some(Place { waiting: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.waiting.0.lock();
        counts.all -= 1;
        if let Some(own) = counts.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_leaves_places_for_others() {
        let waiting = Waiting::default();
        let taken = |last: u8| -> Vec<Place> { std::iter::from_fn(|| waiting.place([10, 0, 0, last].into())).collect() };
        let first = taken(1);
        assert_eq!(first.len(), OF_ONE);
        let others: Vec<_> = (2..=5).map(taken).collect();
        assert_eq!(others.iter().map(Vec::len).sum::<usize>(), IN_ALL - OF_ONE);
        drop(first);
        assert_eq!(taken(9).len(), OF_ONE);
        drop(others);
        assert!(waiting.0.lock().by_address.is_empty() && waiting.0.lock().all == 0);
    }
}
