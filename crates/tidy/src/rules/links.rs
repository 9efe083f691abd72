//! A link inside the repository leads somewhere.

use crate::{Repo, Violation};

/// Every relative link of a Markdown page names a file or a folder that exists.
pub fn relative_links_lead_somewhere(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for page in repo.files().filter(|file| file.path.ends_with(".md")) {
        let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, line) in page.text.lines().enumerate() {
            for target in targets(line).filter(|target| is_relative(target)) {
                let path = target.split('#').next().unwrap_or_default();
                if !path.is_empty() && !repo.has(&resolve(folder, path)) {
                    found.push(Violation::at(&page.path, index + 1, format!("the link to {path} leads nowhere")));
                }
            }
        }
    }
    found
}

fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
}

fn is_relative(target: &str) -> bool {
    !target.contains("://") && !target.starts_with("mailto:") && !target.contains(' ')
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_link_is_caught() {
        let page = "[a](b.md#x) [up](../README.md) [web](https://example.org/x)\n[self](#here) [folder](adr/)\n[dead](gone.md)\n";
        let repo = Repo::of(&[("docs/a.md", page), ("docs/b.md", ""), ("README.md", ""), ("docs/adr/0001-x.md", "")]);
        let found = relative_links_lead_somewhere(&repo);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].path.as_str(), found[0].line), ("docs/a.md", 3));
    }
}
