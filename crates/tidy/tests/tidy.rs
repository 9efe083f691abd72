//! Every rule over the real repository. What a rule catches is shown by the self-test beside it.

use argosy_tidy::rules::{
    adr, book, error_pages, failpoints, graph, hosts, links, lints, module_docs, named_tests, names, purity, readme,
    sizes, unfinished, waits,
};
use argosy_tidy::{Repo, Violation};
use std::sync::LazyLock;

static REPO: LazyLock<Repo> = LazyLock::new(Repo::load);

fn assert_kept(rule: fn(&Repo) -> Vec<Violation>) {
    let found = rule(&REPO);
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} violations:\n{}", lines.len(), lines.join("\n"));
}

/// One test for each rule, named after it.
macro_rules! kept {
    ($($module:ident::$rule:ident),* $(,)?) => {
        $(
            #[test]
            fn $rule() {
                assert_kept($module::$rule);
            }
        )*
    };
}

kept! {
    adr::records_are_numbered_once,
    book::every_page_is_listed,
    error_pages::codes_and_pages_agree,
    failpoints::every_switch_stands_somewhere,
    failpoints::only_worlds_arm_failpoints,
    graph::arrows_point_down,
    graph::foreign_packages_stay_wrapped,
    hosts::no_machine_paths,
    hosts::packages_come_from_the_public_registry,
    links::relative_links_lead_somewhere,
    lints::unsafe_stays_where_it_is,
    module_docs::every_file_opens_with_its_purpose,
    named_tests::tests_that_pages_name_exist,
    names::no_empty_names,
    purity::pure_crates_carry_the_same_bans,
    purity::pure_crates_depend_on_nothing_impure,
    purity::pure_crates_do_no_io,
    readme::readme_fits_on_a_page,
    sizes::file_length,
    sizes::function_length,
    unfinished::no_stubs,
    waits::tests_do_not_sleep,
}
