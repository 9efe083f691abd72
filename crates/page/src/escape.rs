//! Text as HTML shows it, in elements and in attributes.

use std::fmt;

/// Shows a text so that none of it is taken for markup.
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (plain, from) = rest.split_at(at);
            let name = match from.as_bytes()[0] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            };
            f.write_str(plain)?;
            f.write_str(name)?;
            rest = &from[1..];
        }
        f.write_str(rest)
    }
}

/// JSON as it may stand in a `<script type="application/json">`: nothing in it ends the script or opens a comment.
#[must_use]
pub fn json(text: &str) -> String {
    text.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_taken_for_markup() {
        let shown = Escaped("a<b title=\"x\">&'ü'").to_string();
        assert_eq!(shown, "a&lt;b title=&quot;x&quot;&gt;&amp;&#39;ü&#39;");
    }

    #[test]
    fn nothing_in_embedded_json_ends_its_script() {
        let hostile = json(r#"{"id":"</script><img onerror=x>"}"#);
        assert!(!hostile.contains('<'), "{hostile}");
        assert!(hostile.contains(r"\u003c/script>"));
    }
}
