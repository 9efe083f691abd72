//! Nothing may look done that is not.

use crate::{Repo, Violation};

const STUBS: &[&str] = &["todo!", "unimplemented!"];

/// No `todo!` and no `unimplemented!`, in tests neither.
pub fn no_stubs(repo: &Repo) -> Vec<Violation> {
    let mut found = Vec::new();
    for (file, code) in repo.rust() {
        for stub in STUBS {
            found.extend(code.uses(stub).map(|at| {
                Violation::at(&file.path, code.line_of(at), format!("{stub} is a stub: finish it or leave it out"))
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_is_caught_and_its_name_in_words_is_not() {
        let repo = Repo::of(&[(
            "a.rs",
            "// todo!()\nfn f() {\n    todo!()\n}\nfn g() { unimplemented!(\"later\") }\nconst S: &str = \"todo!()\";\n",
        )]);
        let lines: Vec<_> = no_stubs(&repo).into_iter().map(|violation| violation.line).collect();
        assert_eq!(lines, [3, 5]);
    }
}
