//! How answers are printed: a table for people, JSON lines' worth of values for machines.

use std::io::Write as _;

use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use serde_json::Value;

/// Prints rows under a header, or the same rows as a JSON array of objects with the header's names as keys.
pub(crate) fn print(header: &[&str], rows: Vec<Vec<Value>>, json: bool) -> Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        let objects = rows
            .into_iter()
            .map(|row| header.iter().map(|name| (*name).to_owned()).zip(row).collect::<serde_json::Map<_, _>>());
        let text = serde_json::to_string_pretty(&objects.collect::<Vec<_>>())?;
        writeln!(out, "{text}")?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    for row in rows {
        table.add_row(row.iter().map(cell));
    }
    writeln!(out, "{table}")?;
    Ok(())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| format!("{key}={}", cell(value))).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_cell_shows_lists_and_maps_in_one_line() {
        assert_eq!(cell(&json!(["a", 1])), "a 1");
        assert_eq!(cell(&json!({"cpu": "2", "memory": "4Gi"})), "cpu=2 memory=4Gi");
        assert_eq!(cell(&Value::Null), "");
    }
}
