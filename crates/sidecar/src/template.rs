//! Texts with places to be filled in: `{{name}}` as it is, `{{sh name}}` quoted for a shell.
//!
//! A name that is not known is found when the text is read, not when a machine waits for it.

use std::collections::BTreeMap;

/// Names that a site adds, with what stands for them.
pub(crate) type Values = BTreeMap<String, String>;

/// A text with its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value { name: String, quoted: bool },
}

impl Template {
    /// Reads a text in which only our own names may stand, and those that the site adds.
    pub(crate) fn parse(text: &str, own: &[&str], added: &Values) -> Result<Self, String> {
        let known: Vec<&str> = own.iter().copied().chain(added.keys().map(String::as_str)).collect();
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

    /// Fills it in; our own names go before those that the site adds. What has no value is empty.
    pub(crate) fn fill(&self, own: &[(&str, &str)], added: &Values) -> String {
        let value_of = |wanted: &str| {
            let own = own.iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value);
            own.or_else(|| added.get(wanted).map(String::as_str)).unwrap_or_default()
        };
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Value { name, quoted } => {
                    let value = value_of(name);
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
        let added =
            Values::from([("join", "https://x"), ("machine", "another")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let template = Template::parse("join {{sh machine}} at {{ join }}\n", &["machine"], &added).expect("sound");
        let filled = template.fill(&[("machine", "a'; rm -rf /")], &added);
        assert_eq!(filled, "join 'a'\\''; rm -rf /' at https://x\n");
    }

    #[test]
    fn a_name_that_is_not_known_and_an_open_brace_are_found_at_once() {
        let parse = |text| Template::parse(text, &["machine"], &Values::new());
        assert!(parse("{{mchine}}").expect_err("unknown").contains("machine"));
        assert!(parse("a {{machine").is_err());
    }
}
