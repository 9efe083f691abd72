//! Where two traces part, for people: the first line that differs, the fields of it that do, and what came before.

use std::fmt::Write;

use serde_json::Value;

/// Lines shown before the first that differs.
const CONTEXT: usize = 2;
/// Longest line that is shown whole, in characters.
const WIDTH: usize = 240;

/// Says where `seen` parts from `golden`; nothing, if they are the same bytes.
pub fn explain(golden: &str, seen: &str) -> Option<String> {
    if golden == seen {
        return None;
    }
    let (golden, seen): (Vec<&str>, Vec<&str>) = (golden.lines().collect(), seen.lines().collect());
    let same = golden.iter().zip(&seen).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    let mut line = |what: String| writeln!(text, "{what}").expect("text grows");
    line(format!("the traces part at line {} (golden has {}, this run {})", same + 1, golden.len(), seen.len()));
    for (number, before) in golden.iter().enumerate().take(same).skip(same.saturating_sub(CONTEXT)) {
        line(format!("  {:>4}   {}", number + 1, cut(before)));
    }
    match (golden.get(same), seen.get(same)) {
        (Some(golden), Some(seen)) => fields(golden, seen).into_iter().for_each(line),
        (Some(golden), None) => line(format!("  missing here: {}", cut(golden))),
        (None, Some(seen)) => line(format!("  only here: {}", cut(seen))),
        (None, None) => line("  only the end of the last line differs".to_owned()),
    }
    Some(text)
}

/// The fields of two lines that differ.
fn fields(golden: &str, seen: &str) -> Vec<String> {
    let read = |line| serde_json::from_str::<Value>(line);
    let (Ok(old), Ok(new)) = (read(golden), read(seen)) else {
        return vec![format!("  golden: {}", cut(golden)), format!("  seen:   {}", cut(seen))];
    };
    let mut found = Vec::new();
    compare("", &old, &new, &mut found);
    let keys = ["step", "at_ms", "kind"].map(|key| format!("{key} {}", old.get(key).unwrap_or(&Value::Null)));
    std::iter::once(format!("  at {}:", keys.join(", "))).chain(found).collect()
}

fn compare(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let at = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&format!("{path}.{key}"), &at(old), &at(new), found);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for at in 0..old.len().max(new.len()) {
                let item = |list: &[Value]| list.get(at).cloned().unwrap_or(Value::Null);
                compare(&format!("{path}[{at}]"), &item(old), &item(new), found);
            }
        }
        (old, new) if old != new => {
            let path = path.trim_start_matches('.');
            found.push(format!("    {path}: golden {}, seen {}", cut(&old.to_string()), cut(&new.to_string())));
        }
        _ => {}
    }
}

fn cut(line: &str) -> String {
    match line.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_traces_have_no_difference() {
        assert_eq!(explain("{\"step\":1}\n", "{\"step\":1}\n"), None);
    }

    #[test]
    fn a_difference_names_line_field_and_both_values() {
        let golden = "{\"step\":1}\n{\"step\":2,\"actions\":[{\"machine\":\"a\"},{\"machine\":\"b\"}]}\n";
        let seen = "{\"step\":1}\n{\"step\":2,\"actions\":[{\"machine\":\"b\"},{\"machine\":\"b\"}]}\n";
        let text = explain(golden, seen).unwrap();
        assert!(text.contains("line 2") && text.contains("actions[0].machine: golden \"a\", seen \"b\""), "{text}");
        assert!(!text.contains("actions[1]"), "{text}");
    }

    #[test]
    fn a_trace_that_ends_early_says_what_is_missing() {
        assert!(explain("a\nb\n", "a\n").unwrap().contains("missing here: b"));
        assert!(explain("a\n", "a\nb\n").unwrap().contains("only here: b"));
    }
}
