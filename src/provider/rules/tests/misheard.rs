//! Refusals as a recogniser may hear them: words lost, words taken for others. None of them is ever a success.

use super::*;
use crate::agent::Outcome;

/// What callees say when it is a no.
const REFUSALS: [&str; 36] = [
    "no i'm sorry we are fully booked tonight",
    "sorry we're booked solid at seven",
    "we're completely booked for tonight i'm afraid",
    "we don't have anything at seven",
    "there is nothing left for two tonight sorry",
    "no table for two at seven i am afraid",
    "sorry we're closed tonight",
    "no sorry we're closed on tuesdays",
    "i am sorry we do not take reservations by phone you can only book on our website",
    "no i am sorry i cannot do that goodbye",
    "we can't do seven sorry",
    "i can't book you in at seven we are full",
    "i'm not able to confirm that",
    "i can't confirm a table for two at seven",
    "you are not booked here and we have no space",
    "we can't put you down for tonight",
    "that's not going to work sorry",
    "that isn't possible tonight",
    "no we are not taking any bookings",
    "unfortunately not we are packed tonight",
    "no not tonight no",
    "we're not open this evening",
    "i wish i could but every table is reserved at seven",
    "all of our tables are already reserved for tonight",
    "seven o'clock is gone and so is everything else",
    "we do not have a table for two at seven",
    "no way we are full up tonight sorry",
    "you have the wrong number this is a private house",
    "nope we stopped doing dinner",
    "sorry the kitchen is closed at seven",
    "the restaurant is closed for a private party tonight",
    "we can not seat you at seven nothing is available",
    "no more tables at seven we are sold out",
    "i'm sorry but no",
    "we have no room for two people tonight",
    "please stop calling we don't talk to robots",
];

/// What a recogniser may make of a word.
const CONFUSED: [(&str, &str); 24] = [
    ("can't", "can"),
    ("cannot", "can"),
    ("don't", "do"),
    ("isn't", "is"),
    ("not", "now"),
    ("not", "note"),
    ("no", "now"),
    ("no", "know"),
    ("nothing", "something"),
    ("full", "for"),
    ("fully", "for"),
    ("closed", "close"),
    ("sorry", "surely"),
    ("sorry", "sure"),
    ("wrong", "right"),
    ("gone", "done"),
    ("afraid", "fine"),
    ("solid", "at"),
    ("already", "all ready"),
    ("completely", "please"),
    ("unfortunately", "fortunately"),
    ("nope", "nopa"),
    ("stop", "top"),
    ("packed", "back"),
];

/// Every way to lose a run of words or two words not far from each other, or to mishear one.
fn misheard(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let mut all = Vec::new();
    for from in 0..words.len() {
        for to in from..words.len() {
            let run = [&words[..from], &words[to..]].concat();
            all.push(run.join(" "));
            if to - from <= 4 {
                let mut two = words.clone();
                two[from] = "";
                two[to] = "";
                all.push(two.join(" "));
            }
        }
        for (said, heard) in CONFUSED {
            if words[from] == said {
                let mut other = words.clone();
                other[from] = heard;
                all.push(other.join(" "));
            }
        }
    }
    all.sort();
    all.dedup();
    all
}

/// A callee who only ever says no, in these words as they were heard, and hangs up when that does not help.
async fn call(objective: &str, lines: &[&str]) -> (Verdict, String) {
    let brief = Brief {
        objective: objective.to_owned(),
        today: "2026-11-23".to_owned(),
        ..Brief::default()
    };
    let mut play = Play {
        brief: Arc::new(brief),
        history: Vec::new(),
        shown: String::new(),
        end: None,
        cut: None,
    };
    play.heard(Speaker::Callee, "hello nopa here");
    play.agent_speaks().await;
    for line in lines {
        if play.end.is_none() {
            writeln!(play.shown, "Host: {line}").unwrap();
            play.heard(Speaker::Callee, line);
            play.agent_speaks().await;
        }
    }
    let end = play.end.unwrap_or(End::CalleeHungUp);
    let turns = turns(&play.history);
    let verdict = judge(&play.brief, &turns, end, AnsweredBy::Unknown, None).await;
    (verdict, play.shown)
}

#[tokio::test]
async fn a_refusal_is_never_a_success_however_it_is_heard() {
    let mut wrong = Vec::new();
    for refusal in REFUSALS {
        for heard in misheard(refusal) {
            let (verdict, shown) = call("Book a table for 2 at 7pm", &[&heard, refusal]).await;
            if verdict.outcome == Outcome::Achieved {
                wrong.push(format!("{refusal}\n{shown}{}", verdict.details));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} refusals became a success:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[tokio::test]
async fn a_refusal_that_was_understood_once_is_not_overruled_by_mishearing_it() {
    let mut random = fastrand::Rng::with_seed(7);
    let mut wrong = Vec::new();
    for round in 0..720 {
        let refusal = REFUSALS[round % REFUSALS.len()];
        let variants = misheard(refusal);
        let mut lines: Vec<&str> = (0..3)
            .map(|_| variants[random.usize(..variants.len())].as_str())
            .collect();
        lines[random.usize(..3)] = refusal;
        let objective = ["Book a table for 2 at 7pm", "Book a table for two tonight"][round % 2];
        let (verdict, shown) = call(objective, &lines).await;
        if verdict.outcome == Outcome::Achieved {
            wrong.push(format!("{refusal}\n{shown}{}", verdict.details));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} refusals became a success:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}
