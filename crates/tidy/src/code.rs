//! A Rust file as the rules see it: text without what comments and literals say, where its functions are, what only tests build.
//!
//! This is a scanner, not a parser: it knows comments, literals and brackets, and nothing of macros or types. That is enough to
//! count lines and to find a word, and it never needs a compiler that agrees with it.

use std::ops::Range;

/// One function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of `fn`, counted from one.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub lines: usize,
    /// Where it begins, in bytes of the text.
    pub start: usize,
}

/// A Rust file after one pass of the scanner.
#[derive(Debug)]
pub struct Code {
    masked: String,
    tests: Vec<Range<usize>>,
    test_modules: Vec<String>,
}

impl Code {
    /// Reads the text of a file.
    pub fn read(text: &str) -> Self {
        let masked = mask(text);
        let mut tests = Vec::new();
        let mut test_modules = Vec::new();
        for start in occurrences(&masked, "#[cfg(test)]") {
            let Some((end, has_body)) = item_end(&masked, start) else { continue };
            tests.push(start..end);
            if !has_body && let Some(name) = word_after(&masked[start..end], "mod ") {
                test_modules.push(name.to_owned());
            }
        }
        Self { masked, tests, test_modules }
    }

    /// The text with every comment and every literal blanked; lines and bytes stay where they were.
    pub fn masked(&self) -> &str {
        &self.masked
    }

    /// Modules declared as `#[cfg(test)] mod name;`, whose files are tests too.
    pub fn test_modules(&self) -> &[String] {
        &self.test_modules
    }

    /// Whether a byte of the text lies in an item that only tests build.
    pub fn is_test_at(&self, byte: usize) -> bool {
        self.tests.iter().any(|range| range.contains(&byte))
    }

    /// The line of a byte, counted from one.
    pub fn line_of(&self, byte: usize) -> usize {
        self.masked[..byte].matches('\n').count() + 1
    }

    /// Bytes at which a word stands in code, outside comments and literals, and not as a part of a longer name.
    pub fn uses<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        occurrences(&self.masked, word).filter(move |&at| {
            let before = self.masked[..at].chars().next_back();
            let after = self.masked[at + word.len()..].chars().next();
            let part_of_longer = |outer, edge| is_name(outer) && is_name(edge);
            !part_of_longer(before, word.chars().next()) && !part_of_longer(after, word.chars().next_back())
        })
    }

    /// All functions with a body, nested ones too.
    pub fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for start in self.uses("fn") {
            let Some(name) = word_after(&self.masked[start..], "fn ") else { continue };
            let Some((end, true)) = item_end(&self.masked, start) else { continue };
            let line = self.line_of(start);
            found.push(Function { name: name.to_owned(), line, lines: self.line_of(end - 1) - line + 1, start });
        }
        found
    }
}

fn is_name(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn occurrences<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(word).map(|(at, _)| at)
}

/// The name that follows the first `keyword` of an item.
fn word_after<'a>(text: &'a str, keyword: &str) -> Option<&'a str> {
    let rest = text[text.find(keyword)? + keyword.len()..].trim_start();
    let end = rest.find(|c| !is_name(Some(c))).unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

/// The byte after an item that begins at `start`, and whether the item has a body in braces or ends with a semicolon.
fn item_end(masked: &str, start: usize) -> Option<(usize, bool)> {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (at, byte) in masked.bytes().enumerate().skip(start) {
        match byte {
            b'{' => braces += 1,
            b'}' if braces == 1 && others == 0 => return Some((at + 1, true)),
            b'}' => braces = braces.checked_sub(1)?,
            b'(' | b'[' => others += 1,
            b')' | b']' => others = others.checked_sub(1)?,
            b';' if braces == 0 && others == 0 => return Some((at + 1, false)),
            _ => {}
        }
    }
    None
}

/// Blanks comments and literals, byte for byte, keeping the ends of lines.
fn mask(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = token_end(bytes, at);
        if end == at {
            out.push(bytes[at]);
            at += 1;
            continue;
        }
        out.extend(bytes[at..end].iter().map(|&byte| if byte == b'\n' { b'\n' } else { b' ' }));
        at = end;
    }
    String::from_utf8(out).expect("only whole tokens are blanked, and what is left was UTF-8 before")
}

/// The end of the comment or literal that begins at `at`; `at` itself where none does.
fn token_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let in_name = at > 0 && is_name(Some(char::from(bytes[at - 1])));
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment_len(rest),
        [b'"', ..] => at + string_len(rest),
        [b'r', b'"' | b'#', ..] if !in_name => at + raw_string_len(rest, 1).unwrap_or(0),
        [b'b', b'r', b'"' | b'#', ..] if !in_name => at + raw_string_len(rest, 2).unwrap_or(0),
        [b'\'', ..] => at + char_len(rest),
        _ => at,
    }
}

fn block_comment_len(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn string_len(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `prefix` is the length of `r` or `br`. `None` for a raw name such as `r#type`.
fn raw_string_len(rest: &[u8], prefix: usize) -> Option<usize> {
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    if rest.get(prefix + hashes) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'#'; hashes + 1];
    close[0] = b'"';
    let body = prefix + hashes + 1;
    let end = rest[body..].windows(close.len()).position(|window| window == close);
    Some(end.map_or(rest.len(), |end| body + end + close.len()))
}

/// A character literal; a lifetime has length zero, because it is code.
fn char_len(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return rest.iter().skip(3).position(|&byte| byte == b'\'').map_or(rest.len(), |end| end + 4);
    }
    // One character of up to four bytes, then the closing quote; anything else is a lifetime.
    let width = match rest.get(1) {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_lines_kept() {
        let text = "a // { todo\nb /* { /* { */\n */ c \"{ \\\" {\" d r#\"{\"{\"# e b\"{\" '{' '\\'' '\\u{7b}' 'é' f";
        let masked = mask(text);
        assert_eq!(masked.len(), text.len());
        assert_eq!(masked.matches('\n').count(), 2);
        assert!(!masked.contains('{'), "{masked}");
        let words: Vec<&str> = masked.split_whitespace().collect();
        assert_eq!(words, ["a", "b", "c", "d", "e", "b", "f"]);
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        let text = "fn f<'a>(x: &'a str, r#type: u8) -> &'static str { x }";
        assert_eq!(mask(text), text);
    }

    #[test]
    fn functions_are_measured_from_fn_to_closing_brace() {
        let code = Code::read(
            "trait T {\n  fn none(&self) -> [u8; 4];\n  fn some(\n    x: [u8; 4],\n  ) {\n    if x { }\n  }\n}\n",
        );
        let found: Vec<_> = code.functions().into_iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("some".to_owned(), 3, 5)]);
    }

    #[test]
    fn function_pointers_are_not_functions() {
        assert_eq!(Code::read("struct S { f: fn(u8) -> u8 }").functions(), []);
    }

    #[test]
    fn items_under_cfg_test_are_tests_and_nothing_after_them() {
        let code = Code::read("#[cfg(test)]\nmod tests { fn a() {} }\nfn b() {}\n#[cfg(test)]\nmod golden;\n");
        let functions = code.functions();
        assert!(code.is_test_at(functions[0].start));
        assert!(!code.is_test_at(functions[1].start));
        assert_eq!(code.test_modules(), ["golden"]);
    }

    #[test]
    fn a_word_is_used_only_as_a_whole_name() {
        let code = Code::read("let fnord = sleep; deep_sleep(); // sleep");
        assert_eq!(code.uses("sleep").count(), 1);
        assert_eq!(code.uses("fn").count(), 0);
    }
}
