//! What the book lets in, what it counts, and that each of its rules is seen to be kept.

use proptest::prelude::*;

use super::*;
use crate::plant::{self, Bug};
use crate::{Command, Directory, Refusal, Reply};

const NOON: u64 = 1_800_000_000;

fn token(n: u8) -> JoinToken {
    JoinToken::from_random([n; 10], [n; 32])
}

fn asked(n: u8, agents: &str, uses: u64) -> NewToken {
    let (creator, reason) = ("admin".to_owned(), "racks 1 to 4".to_owned());
    NewToken {
        secret_hash: token(n).secret_hash(),
        agents: agents.to_owned(),
        uses,
        rejoin: false,
        lifetime_s: 3_600,
        creator,
        reason,
    }
}

fn shows(n: u8, agent: &str, key: u8) -> Admission {
    let token = token(n);
    Admission {
        token: token.id().to_owned(),
        secret_hash: token.secret_hash(),
        agent: agent.to_owned(),
        key: [key; 32],
    }
}

fn book(n: u8, agents: &str, uses: u64) -> TokenBook {
    let mut book = TokenBook::default();
    book.create(token(n).id().to_owned(), asked(n, agents, uses), NOON).expect("fit");
    book
}

fn used(book: &TokenBook, n: u8) -> u64 {
    book.get(token(n).id()).expect("in the book").used()
}

#[test]
fn a_use_is_counted_once_however_often_it_is_asked_for() {
    let history = || {
        let mut book = book(1, "m-*", 2);
        let first: Vec<_> = (0..4).map(|_| book.admit(&shows(1, "m-1", 1), NOON)).collect();
        let second = book.admit(&shows(1, "m-2", 2), NOON);
        (first, second, book.admit(&shows(1, "m-3", 3), NOON), book.admit(&shows(1, "m-1", 1), NOON), used(&book, 1))
    };
    let used_up = Err(TokenRefusal::UsedUp { id: token(1).id().to_owned(), uses: 2 });
    let sound = (vec![Ok(()); 4], Ok(()), used_up, Ok(()), 2);
    assert_eq!(history(), sound);
    for bug in [Bug::UsesNotCounted, Bug::ReplayCounted] {
        assert_ne!(plant::with(bug, history), sound, "{bug:?} was not noticed");
    }
}

#[test]
fn a_secret_that_differs_in_any_one_byte_is_refused() {
    let let_in = || {
        (0..32)
            .filter(|at| {
                let mut ask = shows(1, "m-1", 1);
                ask.secret_hash[*at] ^= 1;
                book(1, "m-*", 2).would_admit(&ask, NOON) != Err(TokenRefusal::Unknown)
            })
            .count()
    };
    assert_eq!(let_in(), 0);
    assert_eq!(plant::with(Bug::SecretByPrefix, let_in), 28, "the bug shows");
}

#[test]
fn who_does_not_hold_a_token_learns_nothing_of_it() {
    let mut book = book(1, "m-*", 1);
    let mut guess = shows(1, "elsewhere", 1);
    guess.secret_hash = [0; 32];
    let unknown = book.would_admit(&shows(2, "m-1", 1), NOON);
    assert_eq!(book.would_admit(&guess, NOON), unknown, "whether there is one");
    book.revoke(token(1).id(), "admin".to_owned(), "leaked".to_owned(), NOON).expect("it is there");
    assert_eq!(book.would_admit(&guess, NOON + 9_999), unknown, "whether it was revoked, or has expired");
}

#[test]
fn a_token_lets_in_the_names_of_its_pattern_and_no_other() {
    let outcomes = || {
        let cases = [
            ("m-*", "m-1"),
            ("m-*", "m-"),
            ("*", "anything"),
            ("m-1", "m-1"),
            ("m-*", "n-1"),
            ("m-*", "M-1"),
            ("m-1", "m-10"),
            ("m-1", ""),
            ("*", ""),
            ("*", "a/b"),
            ("*", "admin\n"),
        ];
        cases.map(|(pattern, agent)| book(1, pattern, 9).would_admit(&shows(1, agent, 1), NOON).is_ok())
    };
    let sound = [true, true, true, true, false, false, false, false, false, false, false];
    assert_eq!(outcomes(), sound);
    assert_ne!(plant::with(Bug::ScopeIgnored, outcomes), sound, "the bug shows");
}

#[test]
fn a_token_that_has_expired_or_was_revoked_lets_nobody_in() {
    let expired = || book(1, "*", 9).would_admit(&shows(1, "m-1", 1), NOON + 3_600);
    assert_eq!(expired(), Err(TokenRefusal::Expired { id: token(1).id().to_owned() }));
    assert_eq!(plant::with(Bug::ExpiryIgnored, expired), Ok(Standing::New), "the bug shows");
    assert_eq!(
        book(1, "*", 9).would_admit(&shows(1, "m-1", 1), NOON + 3_599),
        Ok(Standing::New),
        "its last second is good"
    );
    let revoked = || {
        let mut book = book(1, "*", 9);
        book.admit(&shows(1, "m-1", 1), NOON).expect("open");
        book.revoke(token(1).id(), "admin".to_owned(), "leaked".to_owned(), NOON).expect("it is there");
        [1, 2].map(|n| book.would_admit(&shows(1, &format!("m-{n}"), n), NOON))
    };
    let refusal = Err(TokenRefusal::Revoked { id: token(1).id().to_owned() });
    assert_eq!(revoked(), [refusal.clone(), refusal], "not even those that it had let in");
    let broken = plant::with(Bug::RevocationIgnored, revoked);
    assert_eq!(broken, [Ok(Standing::Counted), Ok(Standing::New)], "the bug shows");
}

#[test]
fn what_a_token_is_good_for_is_said_in_a_word_and_each_refusal_has_its_grounds() {
    let word = |book: &TokenBook, at: u64| {
        let token = book.get(token(1).id()).expect("in the book");
        token.state(book.moment(at)).to_string()
    };
    let mut some = book(1, "*", 1);
    assert_eq!((word(&some, NOON), word(&some, NOON + 3_600)), ("open".to_owned(), "expired".to_owned()));
    some.admit(&shows(1, "m-1", 1), NOON).expect("open");
    assert_eq!(word(&some, NOON), "used up");
    let used_up = some.would_admit(&shows(1, "m-2", 2), NOON).expect_err("it has no use left");
    let other_key = some.would_admit(&shows(1, "m-1", 2), NOON).expect_err("the name has a key");
    some.revoke(token(1).id(), "admin".to_owned(), "leaked".to_owned(), NOON).expect("it is there");
    assert_eq!(word(&some, NOON), "revoked", "whatever else it is");
    let unknown = some.would_admit(&shows(2, "m-1", 1), NOON).expect_err("no such token");
    let absent = some.revoke(token(2).id(), String::new(), String::new(), NOON).expect_err("no such token");
    let unfit = some.create("x".to_owned(), asked(3, "*", 0), NOON).expect_err("a token without uses");
    let grounds = [used_up, unknown, absent, unfit].map(|refusal| refusal.grounds());
    assert_eq!(grounds, [Grounds::Denied, Grounds::Unproven, Grounds::NotFound, Grounds::Invalid]);
    assert_eq!(other_key.grounds(), Grounds::AlreadyExists);
}

#[test]
fn what_has_expired_stays_expired_when_a_leader_is_behind() {
    let mut book = book(1, "*", 9);
    book.create(token(2).id().to_owned(), asked(2, "*", 1), NOON + 5_000).expect("fit");
    let late = book.would_admit(&shows(1, "m-1", 1), NOON);
    assert_eq!(late, Err(TokenRefusal::Expired { id: token(1).id().to_owned() }));
    // A token that a leader makes whose clock is behind is good for as long as it says.
    book.create(token(3).id().to_owned(), asked(3, "*", 1), NOON).expect("fit");
    assert_eq!(book.would_admit(&shows(3, "m-1", 1), NOON), Ok(Standing::New));
}

#[test]
fn a_leader_that_was_far_ahead_once_keeps_no_later_token_open() {
    const YEAR: u64 = 365 * 24 * 3_600;
    let mut book = book(1, "*", 9);
    book.create(token(2).id().to_owned(), asked(2, "*", 1), NOON + YEAR).expect("fit");
    // The clock is right again, and the book's time stays where it was.
    for n in [3, 4] {
        book.create(token(n).id().to_owned(), asked(n, "*", 1), NOON).expect("fit");
    }
    assert_eq!(book.would_admit(&shows(3, "m-1", 1), NOON + 3_599), Ok(Standing::New));
    let expired = |n| Err(TokenRefusal::Expired { id: token(n).id().to_owned() });
    assert_eq!(book.would_admit(&shows(3, "m-1", 1), NOON + 3_600), expired(3));
    assert_eq!(book.admit(&shows(4, "m-1", 1), NOON + 3_600), expired(4).map(drop), "the fold judges alike");
    let last = NOON + 3_600 + KEEP_S;
    assert_eq!(book.would_admit(&shows(3, "m-1", 1), last), expired(3), "it is still known");
    book.revoke(token(2).id(), "admin".to_owned(), "done".to_owned(), last).expect("its own leader was ahead");
    assert_eq!(
        book.would_admit(&shows(3, "m-1", 1), last),
        Err(TokenRefusal::Unknown),
        "and leaves the book in its time"
    );
}

#[test]
fn what_is_no_id_is_not_looked_up_and_not_repeated() {
    let whole = token(1).reveal();
    let refusals = [
        book(1, "*", 1).revoke(&whole, "admin".to_owned(), "leaked".to_owned(), NOON),
        TokenBook::default().create(whole.clone(), asked(1, "*", 1), NOON),
    ];
    for refused in refusals {
        let said = refused.expect_err("no id").to_string();
        assert!(said.starts_with("ARG-0728") && !said.contains(&"01".repeat(32)), "{said}");
    }
}

#[test]
fn a_token_that_finds_no_room_drives_none_out() {
    let mut book = book(1, "*", 1);
    let late = NOON + 3_600;
    let refused = book.create(token(2).id().to_owned(), asked(2, "*", MAX_USES + 1), late);
    assert!(matches!(refused, Err(TokenRefusal::Unfit { .. })));
    assert!(book.get(token(1).id()).is_some(), "it has expired, and whoever comes with it is told so");
}

#[test]
fn a_name_has_one_key_and_a_key_one_name() {
    let mut book = book(1, "*", 9);
    book.admit(&shows(1, "m-1", 1), NOON).expect("open");
    let other = Err(TokenRefusal::OtherKey { id: token(1).id().to_owned(), agent: "m-1".to_owned() });
    assert_eq!(book.admit(&shows(1, "m-1", 2), NOON), other, "a second key for the name");
    assert_eq!(book.admit(&shows(1, "m-2", 1), NOON), other, "a second name for the key");
    assert_eq!(used(&book, 1), 1);
}

#[test]
fn a_machine_that_is_replaced_under_its_name_comes_again_where_the_token_says_so() {
    let mut book = TokenBook::default();
    let id = token(1).id().to_owned();
    book.create(id.clone(), NewToken { rejoin: true, ..asked(1, "m-*", 2) }, NOON).expect("fit");
    for key in [1, 2, 1] {
        book.admit(&shows(1, "m-1", key), NOON).expect("each host has a key of its own");
    }
    assert_eq!(book.admit(&shows(1, "m-1", 3), NOON), Err(TokenRefusal::UsedUp { id, uses: 2 }), "each is a use");
}

#[test]
fn the_book_is_bounded_and_makes_room_of_what_is_good_for_nothing() {
    let mut book = TokenBook::default();
    let id = |n: usize| JoinToken::from_random(*b"0000000000", [0; 32]).id()[..16].to_owned() + &format!("{n:04x}");
    let mut make = |n: usize, uses: u64, at: u64| book.create(id(n), asked(1, "*", uses), at);
    for n in 0..MAX_TOKENS {
        make(n, 1, NOON).expect("there is room");
    }
    assert!(matches!(make(MAX_TOKENS, 1, NOON), Err(TokenRefusal::Unfit { .. })), "the book is full");
    assert!(matches!(make(0, 1, NOON), Ok(())), "one that is there is no new one");
    make(MAX_TOKENS, 1, NOON + 3_600).expect("all others have expired");
    assert!(matches!(make(1, MAX_USES, NOON + 3_600), Err(TokenRefusal::Unfit { .. })), "too many uses together");
    assert_eq!(book.iter().count(), 1);
}

#[test]
fn tokens_that_expired_long_ago_leave_the_book_with_the_next_command() {
    let mut book = book(1, "*", 1);
    let last = NOON + 3_600 + KEEP_S;
    book.revoke(token(1).id(), "admin".to_owned(), "done".to_owned(), last - 1).expect("still known");
    let gone = book.revoke(token(1).id(), "admin".to_owned(), "done".to_owned(), last);
    assert_eq!(gone, Err(TokenRefusal::Absent { id: token(1).id().to_owned() }));
}

#[test]
fn a_token_that_makes_no_sense_is_not_made() {
    let base = asked(1, "m-*", 1);
    let wrong = [
        NewToken { agents: String::new(), ..base.clone() },
        NewToken { agents: "a b".to_owned(), ..base.clone() },
        NewToken { agents: "m-*-1".to_owned(), ..base.clone() },
        NewToken { uses: 0, ..base.clone() },
        NewToken { uses: u64::MAX, ..base.clone() },
        NewToken { lifetime_s: 0, ..base.clone() },
        NewToken { lifetime_s: u64::MAX, ..base.clone() },
        NewToken { reason: "x".repeat(1_025), ..base.clone() },
    ];
    for token in wrong {
        let made = TokenBook::default().create("0".repeat(20), token.clone(), NOON);
        assert!(matches!(made, Err(TokenRefusal::Unfit { .. })), "{token:?}");
    }
    assert!(TokenBook::default().create("not an id".to_owned(), base, NOON).is_err());
}

#[test]
fn a_token_reads_back_and_shows_its_secret_to_nobody() {
    let token = JoinToken::from_random([0xab; 10], [0xcd; 32]);
    assert_eq!(JoinToken::parse(&format!(" {}\n", token.reveal())), Ok(token.clone()));
    assert_eq!(format!("{token:?}"), "argosy-join.abababababababababab.<secret>");
    let whole = token.reveal();
    let id = "ab".repeat(10);
    for said in [&whole, &format!("{id}\n")] {
        assert_eq!(JoinToken::id_in(said).as_ref(), Ok(&id), "a whole token has its id in it");
    }
    assert_eq!(JoinToken::id_in(&whole[..whole.len() - 1]), Err(NoId));
    for wrong in [&whole[1..], &whole[..whole.len() - 1], &whole.to_uppercase(), &whole.replace('.', "-"), "", "a.b.c"]
    {
        assert_eq!(JoinToken::parse(wrong), Err(BadToken));
    }
}

/// One history, folded as the log would.
fn fold(commands: &[Command]) -> Directory {
    let mut directory = Directory::new();
    for (command, index) in commands.iter().zip(1..) {
        directory.apply(index, &command.encode());
    }
    directory
}

#[test]
fn a_log_that_is_folded_again_and_a_snapshot_of_it_give_the_same_bytes() {
    let id = token(1).id().to_owned();
    let admission = |agent: &str, key| Command::AdmitAgent { admission: shows(1, agent, key), at_unix_s: NOON + 9 };
    let history = [
        Command::CreateToken { id: id.clone(), token: asked(1, "m-*", 2), at_unix_s: NOON },
        admission("m-1", 1),
        admission("m-1", 1),
        admission("n-1", 2),
        Command::RevokeToken { id, by: "admin".to_owned(), reason: "done".to_owned(), at_unix_s: NOON + 10 },
        admission("m-2", 2),
    ];
    let (once, again) = (fold(&history), fold(&history));
    assert_eq!(once.state_hash(), again.state_hash());
    let mut bytes = Vec::new();
    once.write_snapshot(&mut bytes).expect("into memory");
    let restored = Directory::read_snapshot(&mut bytes.as_slice()).expect("sound");
    assert_eq!((restored.state_hash(), &restored), (once.state_hash(), &once));
    assert_eq!(used(restored.tokens(), 1), 1);
    let mut next = restored;
    let refused = next.apply(7, &history[5].encode());
    let revoked = TokenRefusal::Revoked { id: token(1).id().to_owned() };
    assert_eq!(refused, Reply::Refused(Refusal::Token(revoked)));
    assert_eq!(Reply::decode(&refused.encode()), Some(refused));
}

proptest! {
    #[test]
    fn no_history_lets_in_more_agents_than_a_token_was_made_for(
        asks in proptest::collection::vec((0_u8..5, 0_u8..5, 0_u64..4_000), 0..60), uses in 1_u64..4,
    ) {
        let mut book = book(1, "m-*", uses);
        let mut let_in = std::collections::BTreeSet::new();
        for (agent, key, after) in asks {
            let ask = shows(1, &format!("m-{agent}"), key);
            let foretold = book.would_admit(&ask, NOON + after);
            let before = used(&book, 1);
            let came = book.admit(&ask, NOON + after);
            prop_assert_eq!(foretold.clone().map(drop), came.clone(), "the leader and the fold judge alike");
            prop_assert_eq!(used(&book, 1) > before, foretold == Ok(Standing::New), "what was counted needs no entry");
            if came.is_ok() {
                let_in.insert((agent, key));
            }
        }
        prop_assert!(let_in.len() as u64 <= uses);
        prop_assert_eq!(used(&book, 1), let_in.len() as u64);
    }
}
