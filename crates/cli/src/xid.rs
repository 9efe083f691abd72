//! `argosy xid`: explains a code that NVIDIA's driver reported, from the table that everybody uses.

use std::process::ExitCode;

use anyhow::Result;
use argosy_health::table::{self, XidRow};
use clap::Args;
use serde_json::json;

use crate::output;

/// Explain an XID, or an NVSwitch's SXid.
#[derive(Args, Debug)]
pub(crate) struct XidArgs {
    /// The code; all of them in short if it is left out.
    code: Option<i64>,
    /// It is an SXid.
    #[arg(long)]
    sxid: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// The whole table as the page of the book.
    #[arg(long, conflicts_with_all = ["code", "sxid", "json"])]
    page: bool,
}

/// Runs the command.
pub(crate) fn run(args: &XidArgs) -> Result<ExitCode> {
    match args.code {
        _ if args.page => output::line(table::page().trim_end())?,
        Some(code) if args.sxid => explain_sxid(code, args.json)?,
        Some(code) => explain(code, args.json)?,
        None if args.json => output::json(&table::table().xid)?,
        None => {
            for row in &table::table().xid {
                output::line(format_args!("{:>4}  {:<17} {}", row.code, row.class.name(), row.meaning))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(code: i64, as_json: bool) -> Result<()> {
    let version = &table::table().version;
    match table::xid(code) {
        Some(row) if as_json => output::json(&json!({ "known": true, "table": version, "row": row })),
        Some(row) => output::line(in_words(row)),
        None => {
            let why =
                if table::is_unused(code) { "the catalogue lists it as unused" } else { "the table does not know it" };
            if as_json {
                return output::json(
                    &json!({ "known": false, "table": version, "code": code, "class": "quarantine", "why": why }),
                );
            }
            output::line(format_args!("XID {code}: {why}\nclass           quarantine: nothing is repaired by guess"))
        }
    }
}

fn in_words(row: &XidRow) -> String {
    let fact = |name: &str, value: &str| if value.is_empty() { String::new() } else { format!("\n{name:<15} {value}") };
    let class =
        format!("{}{}", row.class, if row.ours { " (our judgement: the catalogue gives no bucket)" } else { "" });
    let advice = match table::bucket(&row.immediate) {
        Some(bucket) => format!("{}: {}", bucket.name, bucket.meaning),
        None => String::new(),
    };
    let decoded = match row.decode {
        Some(_) => "what the log line says beside the code can change the class: see docs/reference/xid.md",
        None => "",
    };
    let gpud = fact("gpud says", &row.gpud);
    [
        format!("XID {}: {}", row.code, row.meaning),
        fact("mnemonic", &row.mnemonic),
        fact("class", &class),
        fact("immediate", &advice),
        fact("investigatory", &row.investigatory),
        gpud,
        fact("decoded", decoded),
        fact("note", &row.note),
    ]
    .concat()
}

fn explain_sxid(code: i64, as_json: bool) -> Result<()> {
    let row = table::sxid(code);
    let class = row.map_or("quarantine", |row| row.class.name());
    let meaning = row.map_or("the table does not know it", |row| row.meaning.as_str());
    if as_json {
        return output::json(&json!({ "known": row.is_some(), "code": code, "class": class, "meaning": meaning }));
    }
    output::line(format_args!("SXid {code}: {meaning}\nclass           {class}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_explained_with_its_class_and_what_to_do() {
        let words = in_words(table::xid(79).expect("79 is in the table"));
        for part in ["XID 79: GPU has fallen off the bus", "reboot-host", "RESTART_BM: Restart the host."] {
            assert!(words.contains(part), "{words}");
        }
        assert!(in_words(table::xid(145).expect("145 is in the table")).contains("can change the class"));
    }
}
