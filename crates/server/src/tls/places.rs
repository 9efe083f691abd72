//! Room for connections: so many in all, and of callers that nobody knows so many from one address.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;

/// Connections from one address without a certificate, those in their handshake included. A machine needs one, and a hall of machines
/// behind one address needs each for the blink of an eye.
const STRANGERS_OF_ONE: usize = 8;

/// The places of one listener.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    /// The key of the configuration that says how many these are.
    pub(super) key: &'static str,
    by_address: Option<Arc<Mutex<BTreeMap<IpAddr, usize>>>>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_address: Option<OfAddress>,
}

#[derive(Debug)]
struct OfAddress {
    taken: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    address: IpAddr,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// All are taken.
    Full,
    /// This address has its share.
    Crowded,
}

impl Places {
    /// For callers with certificates.
    pub(super) fn of_peers(limits: &Limits) -> Self {
        Self::new(limits, "connections.max_connections", None)
    }

    /// For callers without.
    pub(super) fn of_strangers(limits: &Limits) -> Self {
        Self::new(limits, "join.max_callers", Some(Arc::default()))
    }

    fn new(limits: &Limits, key: &'static str, by_address: Option<Arc<Mutex<BTreeMap<IpAddr, usize>>>>) -> Self {
        Self { all: Arc::new(Semaphore::new(limits.max_connections())), key, by_address }
    }

    /// Takes a place for a caller from there.
    pub(super) fn take(&self, from: IpAddr) -> Result<Place, NoPlace> {
        let of_address = match &self.by_address {
            Some(taken) => Some(OfAddress::take(taken, neighbourhood(from)).ok_or(NoPlace::Crowded)?),
            None => None,
        };
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| NoPlace::Full)?;
        Ok(Place { _of_all: of_all, _of_address: of_address })
    }
}

impl OfAddress {
    fn take(taken: &Arc<Mutex<BTreeMap<IpAddr, usize>>>, address: IpAddr) -> Option<Self> {
        let mut counts = taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= STRANGERS_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Self { taken: Arc::clone(taken), address })
    }
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut counts = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.address)),
        }
    }
}

/// What is told apart of an address: one customer of a network has at least a /64 of IPv6 to call from.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !(u128::from(u64::MAX))).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Connections;

    #[test]
    fn an_address_gets_its_share_and_no_more_and_a_place_that_is_left_is_free() {
        let limits = Limits::from(Connections { max_connections: 20, ..Connections::default() });
        let (places, at) = (Places::of_strangers(&limits), |text: &str| text.parse().expect("an address"));
        let mut taken: Vec<_> =
            (0..STRANGERS_OF_ONE).map(|n| places.take(at(&format!("2001:db8::{n}"))).expect("its share")).collect();
        assert_eq!(places.take(at("2001:db8::ffff")).err(), Some(NoPlace::Crowded), "the same network");
        taken.push(places.take(at("2001:db8:0:1::1")).expect("the network beside it"));
        taken.remove(0);
        taken.push(places.take(at("2001:db8::ffff")).expect("one has left"));
        drop(taken);
        assert!(places.by_address.as_ref().is_some_and(|counts| counts.lock().expect("sound").is_empty()));
    }

    #[test]
    fn a_listener_that_is_full_says_by_which_key() {
        let limits = Limits::from(Connections { max_connections: 9, ..Connections::default() });
        for (places, key) in [
            (Places::of_peers(&limits), "connections.max_connections"),
            (Places::of_strangers(&limits), "join.max_callers"),
        ] {
            let addresses = [[192_u8, 0, 2, 1], [192, 0, 2, 2], [192, 0, 2, 3]];
            let taken: Vec<_> = (0..9).map(|n| places.take(addresses[n % 3].into()).expect("room")).collect();
            assert_eq!((places.take([192_u8, 0, 2, 4].into()).err(), places.key), (Some(NoPlace::Full), key));
            drop(taken);
        }
    }
}
