//! What a person is told about a bad configuration, word for word.
//!
//! Each `tests/config/NAME.toml` is read as `argosy config check` reads it, and the report must be `NAME.txt`. A change of
//! wording is made with `UPDATE_GOLDEN=1 cargo test -p argosy-server --test config_golden` and reviewed as a diff.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use argosy_server::config::{self, Code};

fn cases() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config");
    let files = fs::read_dir(dir).expect("the cases are there").map(|entry| entry.expect("readable").path());
    let mut cases: Vec<_> = files.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    cases.sort();
    cases
}

/// The report as the command prints it, with files named as from within the directory of the cases.
fn report(case: &Path) -> String {
    let dir = case.parent().expect("a case is in a directory");
    let name = Path::new(case.file_name().expect("a case is a file"));
    let read = |path: &Path| {
        fs::read(dir.join(path)).map_err(|_| std::io::Error::new(std::io::ErrorKind::NotFound, "no such file"))
    };
    match config::load_with(name, &read) {
        Ok(loaded) if loaded.report.problems().is_empty() => "ok\n".to_owned(),
        Ok(loaded) => format!("{}\n", loaded.report),
        Err(report) => format!("{report}\n"),
    }
}

#[test]
fn every_bad_file_is_told_all_its_problems() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for case in cases() {
        if case.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("placement-of-")) {
            continue;
        }
        let golden = case.with_extension("txt");
        let said = report(&case);
        if update {
            fs::write(&golden, &said).expect("the golden file can be written");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if said != expected {
            wrong.push(format!("--- {}\nexpected:\n{expected}\nsaid:\n{said}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_kind_of_problem_has_a_case_and_a_page() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        let said = report(&case);
        seen.extend(Code::ALL.into_iter().filter(|code| said.contains(code.as_str())));
    }
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    for code in Code::ALL {
        assert!(seen.contains(&code), "no case of {}", code.as_str());
        assert!(pages.join(format!("{}.md", code.as_str())).is_file(), "no page for {}", code.as_str());
    }
}

#[test]
fn the_reference_page_is_what_the_program_prints() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/config.md");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(page.parent().expect("the page is in a directory")).expect("it can be made");
        fs::write(&page, config::reference()).expect("the page can be written");
    }
    let written = fs::read_to_string(&page).unwrap_or_default();
    assert!(written == config::reference(), "run UPDATE_GOLDEN=1 cargo test -p argosy-server --test config_golden");
}
