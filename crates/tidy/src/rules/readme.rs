//! The README fits on one page.

use crate::{Repo, Violation};

const LINES: usize = 150;

/// There is a README, and it has at most 150 lines.
pub fn readme_fits_on_a_page(repo: &Repo) -> Vec<Violation> {
    match repo.file("README.md").map(|file| file.text.lines().count()) {
        None => vec![Violation::of("README.md", "is missing")],
        Some(lines) if lines > LINES => {
            vec![Violation::of("README.md", format!("{lines} lines, {LINES} allowed: move the rest into docs/"))]
        }
        Some(_) => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_or_missing_readme_is_caught() {
        assert_eq!(readme_fits_on_a_page(&Repo::of(&[("README.md", &"x\n".repeat(150))])), []);
        assert_eq!(readme_fits_on_a_page(&Repo::of(&[("README.md", &"x\n".repeat(151))])).len(), 1);
        assert_eq!(readme_fits_on_a_page(&Repo::of(&[])).len(), 1);
    }
}
