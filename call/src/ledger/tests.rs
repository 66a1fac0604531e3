//! The ledger's arithmetic: words, positions, cuts.

use super::*;
use crate::testing::epoch;

fn ms(value: u64) -> Duration {
    Duration::from_millis(value)
}

fn ledger(clauses: &[&str]) -> Ledger {
    let mut ledger = Ledger::default();
    for clause in clauses {
        ledger.push((*clause).to_owned());
    }
    ledger
}

#[test]
fn word_times_decide_what_was_heard() {
    let now = epoch();
    let mut ledger = ledger(&["a table for two"]);
    ledger.on_words(0, vec![ms(100), ms(400), ms(600), ms(1000)]);
    ledger.on_done(0, ms(1000));
    ledger.on_heard(0, ms(599), now);
    assert_eq!(ledger.heard_text(true), "a table—");
    ledger.on_heard(0, ms(600), now);
    assert_eq!(ledger.heard_text(true), "a table for—");
    ledger.on_finished(0, now);
    assert_eq!(ledger.heard_text(true), "a table for two");
    assert!(ledger.is_over());
}

#[test]
fn without_word_times_characters_share_the_length() {
    let now = epoch();
    let mut ledger = ledger(&["one two three four"]);
    ledger.on_done(0, ms(1800));
    ledger.on_heard(0, ms(750), now);
    assert_eq!(ledger.heard_text(true), "one two—");
}

#[test]
fn an_unfinished_clause_is_estimated_slowly() {
    let now = epoch();
    let mut ledger = ledger(&["abcdefghi abcdefghij"]);
    ledger.on_audio(0, ms(600));
    ledger.on_heard(0, ms(600), now);
    assert_eq!(
        ledger.heard_text(true),
        "",
        "600 ms of 20 characters is not yet the first word"
    );
    ledger.on_heard(0, ms(700), now);
    assert_eq!(ledger.heard_text(true), "abcdefghi—");
}

#[test]
fn wrong_word_times_are_not_believed() {
    let now = epoch();
    let mut ledger = ledger(&["one two"]);
    ledger.on_words(0, vec![ms(1)]);
    ledger.on_words(0, vec![ms(9), ms(1)]);
    ledger.on_done(0, ms(700));
    ledger.on_heard(0, ms(100), now);
    assert_eq!(ledger.heard_text(true), "");
}

#[test]
fn cuts_read_well() {
    let now = epoch();
    let mut ledger = ledger(&["Hi there.", "I want, really,", "a table."]);
    for index in 0..3 {
        ledger.on_done(index, ms(900));
    }
    ledger.on_finished(0, now);
    assert_eq!(ledger.heard_text(true), "Hi there. —");
    ledger.on_finished(1, now);
    assert_eq!(ledger.heard_text(true), "Hi there. I want, really—");
    ledger.on_finished(2, now);
    assert_eq!(
        ledger.heard_text(true),
        "Hi there. I want, really, a table."
    );
    assert_eq!(
        ledger.heard_text(false),
        "Hi there. I want, really, a table. —"
    );
}

#[test]
fn failed_clauses_are_skipped_and_leave_no_mark() {
    let now = epoch();
    let mut ledger = ledger(&["One.", "Two.", "Three."]);
    ledger.on_done(0, ms(500));
    ledger.on_finished(0, now);
    ledger.on_failed(1);
    assert_eq!(ledger.current(), Some(2));
    ledger.on_done(2, ms(500));
    ledger.on_finished(2, now);
    assert_eq!(ledger.heard_text(true), "One. Three.");
}

#[test]
fn counts_are_told_once_per_change() {
    let now = epoch();
    let mut ledger = ledger(&["one two"]);
    assert_eq!(ledger.changes(), [(0, Progress::default())]);
    assert_eq!(ledger.changes(), []);
    ledger.on_done(0, ms(700));
    ledger.on_sent(0, ms(350), now);
    assert_eq!(
        ledger.changes(),
        [(
            0,
            Progress {
                generated: 2,
                sent: 1,
                heard: 0
            }
        )]
    );
    ledger.on_sent(0, ms(360), now);
    assert_eq!(ledger.changes(), []);
}

#[test]
fn a_question_counts_as_asked_when_nearly_heard() {
    let now = epoch();
    let mut ledger = ledger(&["Is seven okay for you?"]);
    ledger.on_done(0, ms(2200));
    ledger.on_heard(0, ms(600), now);
    assert!(!ledger.asked());
    ledger.on_heard(0, ms(1500), now);
    assert!(ledger.asked());
}
