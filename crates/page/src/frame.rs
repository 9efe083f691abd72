//! The frame of a page: head, title, ways to its sections, and its scripts at the end.

use std::fmt::Write as _;

use super::csp::policy;
use super::escape::Escaped;

const STYLE: &str = include_str!("style.css");

/// A page without its contents.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// What it is called.
    pub title: &'a str,
    /// What it is about, in a sentence.
    pub about: &'a str,
    /// Rules of style beside those that all pages have.
    pub style: &'a str,
    /// Sections one can go to: their ids and names.
    pub sections: &'a [(&'a str, &'a str)],
    /// Scripts, run in this order when all else is there.
    pub scripts: &'a [&'a str],
}

impl Frame<'_> {
    /// Writes the page; `body` writes what is in it.
    pub fn write(&self, html: &mut String, body: impl FnOnce(&mut String)) {
        let title = Escaped(self.title);
        let _infallible = write!(
            html,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>\n{STYLE}{}</style>\n</head>\n<body>\n<header><h1>{title}</h1><p>{}</p></header>\n",
            policy(self.scripts),
            self.style,
            Escaped(self.about)
        );
        if !self.sections.is_empty() {
            html.push_str("<nav aria-label=\"sections\">");
            for (id, name) in self.sections {
                let _infallible = write!(html, "<a href=\"#{}\">{}</a>", Escaped(id), Escaped(name));
            }
            html.push_str("</nav>\n");
        }
        html.push_str("<main>\n");
        body(html);
        html.push_str("</main>\n");
        for script in self.scripts {
            let _infallible = writeln!(html, "<script>{script}</script>");
        }
        html.push_str("</body>\n</html>\n");
    }
}

/// Writes one section, if there is anything in it.
pub fn section(html: &mut String, id: &str, title: &str, is_there: bool, body: impl FnOnce(&mut String)) {
    if is_there {
        let _infallible = writeln!(html, "<section id=\"{}\">\n<h2>{}</h2>", Escaped(id), Escaped(title));
        body(html);
        html.push_str("</section>\n");
    }
}
