//! A device's place on the PCI bus, in one spelling whatever wrote it.

use std::fmt;

/// Domain, bus, device, function. Shown as NVML does, in lower case: `00000000:9b:00.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress {
    domain: u32,
    bus: u8,
    device: u8,
    function: u8,
}

impl PciAddress {
    /// Reads the forms of the driver's log, of NVML and of sysfs: with or without `PCI:`, with four or eight digits of domain or
    /// none, with or without the function (spec/xid.md section 4).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("PCI:").unwrap_or(text);
        let (address, function) = match text.split_once('.') {
            Some((address, function)) => (address, hex(function, 1)?),
            None => (text, 0),
        };
        let parts: Vec<&str> = address.split(':').collect();
        let (domain, bus, device) = match parts[..] {
            [domain, bus, device] => (hex(domain, 8)?, hex(bus, 2)?, hex(device, 2)?),
            // Old drivers left the domain out and wrote the bus with four digits.
            [bus, device] => (0, hex(bus, 4)?, hex(device, 2)?),
            _ => return None,
        };
        let (bus, device) = (u8::try_from(bus).ok()?, u8::try_from(device).ok()?);
        let function = u8::try_from(function).ok().filter(|function| *function < 8)?;
        (device < 32).then_some(Self { domain, bus, device, function })
    }
}

fn hex(digits: &str, most: usize) -> Option<u32> {
    let fits = (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

impl fmt::Display for PciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_is_the_same_address() {
        let spellings = [
            "PCI:0000:9b:00",
            "0000:9b:00.0",
            "00000000:9B:00.0",
            "9b:00",
            "9b:00.0",
            "PCI:9B:0",
            "009b:00",
            "0:9b:0.0",
        ];
        for text in spellings {
            let address = PciAddress::parse(text).map(|address| address.to_string());
            assert_eq!(address.as_deref(), Some("00000000:9b:00.0"), "{text}");
        }
        let far = PciAddress::parse("PCI:0018:01:00").map(|address| address.to_string());
        assert_eq!(far.as_deref(), Some("00000018:01:00.0"));
    }

    #[test]
    fn what_is_no_address_is_not_guessed_at() {
        for text in
            ["", "PCI:", "9b", "0000:9b:20", "1:2:3:4", "0000:9b:00.8", "0000:9b:20.0", "zz:00", "0100:00", "+9:00"]
        {
            assert_eq!(PciAddress::parse(text), None, "{text}");
        }
    }
}
