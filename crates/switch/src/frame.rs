//! The two addresses at the head of an Ethernet frame, and what they say about where it may go.

/// The address of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mac([u8; 6]);

impl Mac {
    /// Whether it names many interfaces: all of them, or a group.
    pub(crate) fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether it is one of those that are for the neighbour alone and never passed on (IEEE 802.1D, 7.12.6).
    fn is_link_local(self) -> bool {
        self.0[..5] == [0x01, 0x80, 0xc2, 0x00, 0x00] && self.0[5] < 0x10
    }
}

/// Both addresses of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// For whom.
    pub(crate) to: Mac,
    /// From whom.
    pub(crate) from: Mac,
}

impl Addresses {
    /// The addresses of a frame that may be passed on; none of one that is cut short, that claims to come from a group, or that is for
    /// the neighbour alone.
    pub(crate) fn of(frame: &[u8]) -> Option<Self> {
        const HEAD: usize = 14;
        if frame.len() < HEAD {
            return None;
        }
        let mac = |at: usize| frame[at..at + 6].try_into().map(Mac).ok();
        let addresses = Self { to: mac(0)?, from: mac(6)? };
        (!addresses.from.is_group() && !addresses.to.is_link_local()).then_some(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(to: [u8; 6], from: [u8; 6]) -> Vec<u8> {
        [&to[..], &from[..], &[0x08, 0x00]].concat()
    }

    #[test]
    fn frames_that_no_bridge_passes_on_have_no_addresses() {
        let sound = frame([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        assert!(Addresses::of(&sound).is_some());
        assert!(Addresses::of(&sound[..13]).is_none(), "cut short");
        assert!(Addresses::of(&frame([2, 0, 0, 0, 0, 1], [3, 0, 0, 0, 0, 2])).is_none(), "from a group");
        assert!(Addresses::of(&frame([1, 0x80, 0xc2, 0, 0, 0xe], [2, 0, 0, 0, 0, 2])).is_none(), "for the neighbour");
    }
}
