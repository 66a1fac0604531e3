//! What a call has shown, in the forms in which a requester's schema may want it.

use serde_json::{Value, json};

use super::Judge;
use crate::agent::{
    Outcome,
    dialogue::Slot,
    heard::{Act, Heard},
    judge::result::Facts,
    numbers,
    task::{Kind, when_written},
    when::{Time, times},
    words::words,
};

/// Collects the facts of a judged call.
pub(super) fn of(judge: &Judge<'_>, outcome: Outcome, details: &str, summary: &str) -> Facts {
    let (task, dialogue) = (judge.task, &judge.dialogue);
    let achieved = outcome == Outcome::Achieved;
    let mut facts = Facts {
        done: Some(achieved),
        outcome: Some(outcome.as_str().to_owned()),
        name: dialogue.named.as_ref().map(|(_, name)| name.clone()),
        reason: (!achieved).then(|| details.to_owned()),
        alternative: dialogue
            .declined
            .map_or_else(Vec::new, |(_, slot)| slot_forms(judge, slot)),
        voicemail: Some(dialogue.voicemail.is_some()),
        details: Some(details.to_owned()),
        summary: Some(summary.to_owned()),
        ..Facts::default()
    };
    if achieved && (task.kind.is_booking()) {
        let slot = dialogue.target(task);
        facts.time = slot.time.map_or_else(Vec::new, time_forms);
        facts.date = date_forms(judge, slot);
        facts.when = slot_forms(judge, slot);
        facts.party = task.party;
    }
    if let Some(answer) = dialogue.answered.and_then(|at| judge.turns.get(at)) {
        let text = answer.text.trim();
        facts.answer = Some(text.to_owned());
        facts.yes = if task.yes_no { yes_or_no(text) } else { None };
        match task.kind {
            Kind::Hours => (facts.opens, facts.closes) = hours(text),
            Kind::Price => facts.price = price(text),
            _ => {}
        }
    }
    facts
}

fn time_forms(time: Time) -> Vec<Value> {
    vec![
        json!(time.written()),
        json!(time.iso()),
        json!(format!("{}:00", time.iso())),
    ]
}

fn date_forms(judge: &Judge<'_>, slot: Slot) -> Vec<Value> {
    let Some(day) = slot.day else {
        return Vec::new();
    };
    let date = day
        .date(judge.task.today)
        .map(|date| json!(date.to_string()));
    date.into_iter().chain([json!(day.written())]).collect()
}

fn slot_forms(judge: &Judge<'_>, slot: Slot) -> Vec<Value> {
    let date = slot.day.and_then(|day| day.date(judge.task.today));
    let iso = date
        .zip(slot.time)
        .map(|(date, time)| json!(format!("{date}T{}:00", time.iso())));
    let words = when_written(slot.day, slot.time);
    let words = (!words.is_empty()).then(|| json!(words));
    words.into_iter().chain(iso).collect()
}

fn yes_or_no(text: &str) -> Option<bool> {
    let heard = Heard::read(text, false);
    let yes = heard.does(Act::Yes) || heard.does(Act::Agrees);
    let no = heard.does(Act::No) || heard.refusal().is_some();
    (yes != no).then_some(yes)
}

/// Opening and closing time, when exactly two times were named; `from ten to six` opens in the morning.
fn hours(text: &str) -> (Vec<Value>, Vec<Value>) {
    let found = times(&words(text), false);
    let [opens, closes] = found.as_slice() else {
        return (Vec::new(), Vec::new());
    };
    let closes = closes.usual(Time::new(12 * 60));
    (
        time_forms(opens.usual(Time::new(5 * 60))),
        time_forms(closes),
    )
}

/// The amount, when exactly one was named: as a number, and as it was said.
fn price(text: &str) -> Vec<Value> {
    let heard = words(text);
    let mut amounts = Vec::new();
    let mut at = 0;
    while at < heard.len() {
        let plain = heard[at].trim_start_matches(['$', '\u{20ac}', '\u{a3}']);
        if let Some((n, took)) = numbers::read(&heard, at) {
            amounts.push(f64::from(n));
            at += took;
            continue;
        }
        amounts.extend(plain.parse::<f64>().ok().filter(|n| n.is_finite()));
        at += 1;
    }
    match amounts.as_slice() {
        [amount] => vec![json!(amount), json!(*amount as i64), json!(text)],
        _ => vec![json!(text)],
    }
}
