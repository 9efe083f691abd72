//! Texts with places to be filled in: `{{name}}` as it is, `{{sh name}}` quoted for a shell.
//!
//! A name that is not known is found when the text is read, not when a machine waits for it.

use std::collections::BTreeMap;

/// A text with its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value { name: String, quoted: bool },
}

impl Template {
    /// Reads a text in which only these names may stand.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((place, behind)) = after.split_once("}}") else {
                return Err("`{{` without `}}`".to_owned());
            };
            let place = place.trim();
            let (quoted, name) = match place.strip_prefix("sh ") {
                Some(name) => (true, name.trim()),
                None => (false, place),
            };
            if !known.contains(&name) {
                return Err(format!("`{{{{{place}}}}}` is not known; there are {}", known.join(", ")));
            }
            pieces.push(Piece::Text(before.to_owned()));
            pieces.push(Piece::Value { name: name.to_owned(), quoted });
            rest = behind;
        }
        pieces.push(Piece::Text(rest.to_owned()));
        Ok(Self(pieces))
    }

    /// Fills it in. What has no value is empty.
    pub(crate) fn fill(&self, values: &BTreeMap<String, String>) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Value { name, quoted } => {
                    let value = values.get(name).map(String::as_str).unwrap_or_default();
                    filled.push_str(&if *quoted { quote(value) } else { value.to_owned() });
                }
            }
        }
        filled
    }
}

/// One word for a POSIX shell, whatever is in it.
pub(crate) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_and_quoted_where_asked() {
        let template = Template::parse("join {{sh machine}} at {{ join }}\n", &["machine", "join"]).expect("sound");
        let values = [("machine", "a'; rm -rf /"), ("join", "https://x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(template.fill(&values.into()), "join 'a'\\''; rm -rf /' at https://x\n");
    }

    #[test]
    fn a_name_that_is_not_known_and_an_open_brace_are_found_at_once() {
        assert!(Template::parse("{{mchine}}", &["machine"]).expect_err("unknown").contains("machine"));
        assert!(Template::parse("a {{machine", &["machine"]).is_err());
    }
}
