//! What a page must be: whole, in order, alone, and proof against what it is given.

use super::*;
use crate::timeline::{Commit, FaultSpan, Life, Outage, Reign};

fn timeline() -> Timeline {
    let (node, shard) = (|id: &str| id.to_owned(), "eu-s1".to_owned());
    let commit = |at_ms, id: &str, term, committed| Commit {
        at_ms,
        shard: shard.clone(),
        node: node(id),
        term,
        committed,
        applied: committed,
    };
    let life = |id: &str, from_ms, until_ms| Life { node: node(id), from_ms, until_ms, ended: String::new() };
    Timeline {
        nodes: ["eu-1", "us-1"].map(str::to_owned).to_vec(),
        shards: vec![shard.clone()],
        healed_ms: Some(7_000),
        ended_ms: 12_000,
        faults: vec![FaultSpan {
            kind: "crash".to_owned(),
            detail: "Crash { node: \"us-1\" }".to_owned(),
            from_ms: 3_000,
            until_ms: 5_000,
        }],
        lives: vec![life("eu-1", 0, 12_000), life("us-1", 0, 3_000), life("us-1", 5_000, 12_000)],
        reigns: vec![Reign { shard: shard.clone(), node: node("eu-1"), term: 2, from_ms: 2_000, until_ms: 9_000 }],
        commits: vec![commit(0, "eu-1", 1, 5), commit(2_000, "eu-1", 2, 30), commit(2_000, "us-1", 2, 29)],
        outages: vec![Outage { shard: shard.clone(), from_ms: 3_000, until_ms: 4_500 }],
    }
}

fn sample() -> Page {
    Page {
        title: "Chaos <1..3>".to_owned(),
        about: "two worlds & a half".to_owned(),
        tiles: vec![Tile { label: "worlds".to_owned(), value: "2".to_owned(), tone: Tone::Good }],
        findings: vec![Finding {
            promise: "nothing <halts>".to_owned(),
            place: "seed 2 at 8 s".to_owned(),
            detail: "</article><script>alert(1)</script>".to_owned(),
            command: "argosy-lab chaos replay --seed 2".to_owned(),
        }],
        faults: BTreeMap::from([("crash".to_owned(), 1_000), ("ring".to_owned(), 3)]),
        spreads: vec![Spread { title: "outages".to_owned(), seconds: vec![0.4, 1.2, 1.3, 8.0], aim_s: Some(2.0) }],
        failpoints: BTreeMap::from([("raft/slow".to_owned(), 7), ("store/torn".to_owned(), 0)]),
        columns: vec!["simulated".to_owned(), "faults".to_owned()],
        runs: vec![
            Run { name: "1".to_owned(), figures: vec!["12 s".to_owned(), "1".to_owned()], ..Run::default() },
            Run {
                name: "2".to_owned(),
                broken: 1,
                figures: vec!["12 s".to_owned(), "1".to_owned()],
                command: "argosy-lab chaos replay --seed 2".to_owned(),
                timeline: Some(timeline()),
                marks: vec![Mark {
                    at_s: 8.0,
                    label: "nothing <halts>".to_owned(),
                    detail: "it \"did\" & more".to_owned(),
                }],
            },
        ],
    }
}

/// The elements that carry a page, in order, without what they hold.
fn structure(html: &str) -> Vec<String> {
    let carrying = ["<section", "<h1", "<h2", "<details", "<svg", "<figure", "<ul", "<table", "<article", "<script"];
    let tags = html.split('<').skip(1).map(|tag| format!("<{}", tag.split('>').next().unwrap_or_default()));
    let mut found: Vec<String> = tags.filter(|tag| carrying.iter().any(|start| tag.starts_with(start))).collect();
    found.iter_mut().for_each(|tag| *tag = tag.split(" viewBox").next().unwrap_or_default().to_owned());
    found
}

#[test]
fn a_page_has_its_parts_in_their_order() {
    let golden = [
        "<h1",
        "<section id=\"summary\" class=\"tiles\"",
        "<section id=\"findings\"",
        "<h2",
        "<article class=\"finding\"",
        "<section id=\"timelines\"",
        "<h2",
        "<details open",
        "<svg class=\"timeline\"",
        "<section id=\"spreads\"",
        "<h2",
        "<figure",
        "<svg",
        "<section id=\"faults\"",
        "<h2",
        "<ul class=\"bars\"",
        "<section id=\"failpoints\"",
        "<h2",
        "<ul class=\"bars\"",
        "<section id=\"runs\"",
        "<h2",
        "<table",
        "<script",
    ];
    assert_eq!(structure(&render(&sample())), golden);
}

#[test]
fn a_timeline_shows_faults_reigns_terms_commits_silence_outages_and_what_broke() {
    let html = render(&sample());
    for part in [
        "<rect class=\"fault node\"",
        "eu-1 leads eu-s1 in term 2",
        "<path class=\"commits\"",
        "<path class=\"term\"",
        "<rect class=\"down\"",
        "<rect class=\"outage\"",
        "<path class=\"broken\"",
        "<path class=\"healed\"",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

#[test]
fn a_page_asks_nobody_for_anything() {
    let html = render(&sample());
    // The policy that forbids it is the one line that may name what is not there.
    let html: String =
        html.lines().filter(|line| !line.starts_with("<meta http-equiv=\"Content-Security-Policy\"")).collect();
    for outside in ["http", "//", "src=", "href=", "@import", "url("] {
        let found = html.find(outside).filter(|at| !html[*at..].starts_with("// The one thing"));
        assert!(found.is_none(), "{outside}: {}", &html[found.unwrap_or(0)..][..60]);
    }
}

#[test]
fn what_a_page_is_given_is_never_markup() {
    let html = render(&sample());
    assert!(html.contains("&lt;/article&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert_eq!(html.matches("<script>").count(), 1);
    assert!(html.contains("<title>Chaos &lt;1..3&gt;</title>"));
}

#[test]
fn a_failpoint_that_never_fired_is_marked() {
    let html = render(&sample());
    assert!(html.contains("Failpoints: 1 of 2 fired"));
    assert!(html.contains("<li class=\"never\"><span class=\"name\" title=\"store/torn\">"));
}

#[test]
fn what_there_is_nothing_of_is_left_out() {
    let html = render(&Page { title: "nothing".to_owned(), ..Page::default() });
    assert_eq!(structure(&html), ["<h1", "<section id=\"summary\" class=\"tiles\"", "<script"]);
}
