//! The form of a `/dev/kmsg` record: `priority,sequence,microseconds,flags[,...];text`, then lines of properties.
//!
//! Source: the kernel's Documentation/ABI/testing/dev-kmsg.

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Rises with every record of this boot.
    pub sequence: u64,
    /// Since boot.
    pub boottime_ms: u64,
    /// Whether the kernel itself wrote it.
    pub by_kernel: bool,
    /// The message, its escapes undone.
    pub text: String,
}

/// Reads a record; `None` if it has not the form of one.
#[must_use]
pub fn parse_record(raw: &str) -> Option<Entry> {
    let (head, body) = raw.split_once(';')?;
    let mut fields = head.split(',');
    let priority: u64 = fields.next()?.parse().ok()?;
    let sequence = fields.next()?.parse().ok()?;
    let microseconds: u64 = fields.next()?.parse().ok()?;
    let text = unescape(body.split('\n').next().unwrap_or_default());
    // The facility is above the three bits of the level, and the kernel's is 0.
    Some(Entry { sequence, boottime_ms: microseconds / 1_000, by_kernel: priority >> 3 == 0, text })
}

/// `\x0a` stands for a byte that is not printable.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        out.push_str(&rest[..at]);
        let code = rest.get(at + 2..at + 4).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                // Control characters would only harm whoever prints the line.
                out.push(if byte.is_ascii_graphic() { char::from(byte) } else { ' ' });
                rest = &rest[at + 4..];
            }
            None => {
                out.push_str("\\x");
                rest = &rest[at + 2..];
            }
        }
    }
    out + rest
}
