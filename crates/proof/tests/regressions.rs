//! Cases that failed once. Each is replayed for ever.

use std::path::Path;

use argosy_engine::Engine;
use argosy_proof::case::Case;
use argosy_proof::run::Words;

#[test]
fn what_failed_once_agrees_for_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let words = Words::default();
    let mut cases = 0;
    for entry in std::fs::read_dir(&folder).expect("the folder is there") {
        let path = entry.expect("a file").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let case: Case = serde_json::from_str(&text).expect("a stored case");
        if let Err(failure) = words.replay(&case, &mut Engine::new()) {
            panic!("{}: {failure}", path.display());
        }
        cases += 1;
    }
    assert!(cases > 0, "a replay of nothing proves nothing");
}
