//! A test waits for a condition, never for a length of time.

use super::is_test_file;
use crate::{Repo, Violation};

/// No `thread::sleep` in tests: too short on a loaded machine, too long everywhere else.
pub fn tests_do_not_sleep(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, code) in repo.rust() {
        let all_test = is_test_file(repo, file);
        for at in code.uses("thread::sleep").filter(|&at| all_test || code.is_test_at(at)) {
            found.push(Violation::at(
                &file.path,
                code.line_of(at),
                "a test sleeps: wait for the condition it is about",
            ));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleeping_test_is_caught() {
        let repo = Repo::of(&[
            (
                "a/src/lib.rs",
                "fn pause() { std::thread::sleep(d) }\n#[cfg(test)]\nmod tests {\n  fn t() { thread::sleep(d) }\n}\n",
            ),
            ("a/tests/t.rs", "// thread::sleep is banned\nfn t() { std::thread::sleep(d) }\n"),
        ]);
        let found: Vec<_> =
            tests_do_not_sleep(&repo).into_iter().map(|violation| (violation.path, violation.line)).collect();
        assert_eq!(found, [("a/src/lib.rs".to_owned(), 4), ("a/tests/t.rs".to_owned(), 2)]);
    }
}
