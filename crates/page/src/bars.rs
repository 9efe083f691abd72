//! Counts by name as bars: which faults struck, which failpoints fired, which decisions were taken.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::Escaped;

/// Writes a list of bars; what never happened is marked.
pub fn write(html: &mut String, counts: &BTreeMap<String, u64>) {
    let most = counts.values().max().copied().unwrap_or(0).max(1);
    html.push_str("<ul class=\"bars\">\n");
    for (name, count) in counts {
        let class = if *count == 0 { " class=\"never\"" } else { "" };
        // Counts differ by orders of magnitude, and the rare ones are those to be seen.
        let share = (float(*count) / float(most)).sqrt() * 100.0;
        let name = Escaped(name);
        let _infallible = writeln!(
            html,
            "<li{class}><span class=\"name\" title=\"{name}\">{name}</span><span class=\"bar\"><i style=\"width:{share:.1}%\"></i></span><b>{count}</b></li>"
        );
    }
    html.push_str("</ul>\n");
}

#[expect(clippy::cast_precision_loss, reason = "a bar's length needs no more")]
fn float(count: u64) -> f64 {
    count as f64
}
