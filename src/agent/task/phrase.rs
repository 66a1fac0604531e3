//! The errand put into words for the callee.
//!
//! A table is described from its details. Everything else is the requester's own sentence turned round: `Cancel my
//! reservation` becomes `I'd like to cancel my reservation`, `Ask whether they have parking` becomes `Could you tell
//! me whether you have parking?`.

use super::{Kind, Task};
use crate::agent::{
    numbers, when,
    words::{find, words},
};

/// Verbs with which an objective may begin and which fit after `I'd like to`.
const VERBS: &str = "book reserve schedule make get arrange order cancel move change reschedule confirm check \
    request place buy hire rent set sign register report complain return renew speak talk \
    negotiate inquire enquire follow obtain find verify postpone pick update add have secure \
    shift apply enroll join invite thank apologize see ask learn collect drop repair fix replace \
    claim dispute pay extend stop start";

/// What people write before the errand itself.
const PREFACES: &str = "please; can you; could you; i need you to; i want you to; i would like you to; i'd like you \
    to; i need to; i want to; i would like to; i'd like to; try to; help me; call them and; call \
    and; call them to; call to; call and please; phone them and; i need; i want; we need to; we \
    want to; we would like to; we'd like to";

/// Fills in how the errand is said and written.
pub(super) fn put_into_words(task: &mut Task, objective: &str) {
    let sentence = first_sentence(objective);
    let core = without_preface(&sentence);
    match task.kind {
        Kind::Table => table(task),
        Kind::Hours | Kind::Price | Kind::Question => question(task, &core),
        Kind::Message => message(task, objective, &core),
        Kind::Booking | Kind::Cancel | Kind::Reschedule | Kind::Request => errand(task, &core),
    }
}

fn table(task: &mut Task) {
    let party = |n: fn(u32) -> String| {
        task.party
            .map_or_else(String::new, |p| format!(" for {}", n(p)))
    };
    let place = task.seating.map_or_else(String::new, |s| format!(" {s}"));
    task.what = format!("a table{}{place}", party(numbers::spoken));
    task.written = format!("a table{}{place}", party(|n| n.to_string()));
    let when = task.when_spoken();
    task.request = format!(
        "I'd like to book {}{}{when}, please.",
        task.what,
        space(&when)
    );
}

fn question(task: &mut Task, core: &str) {
    let tokens: Vec<&str> = core.split_whitespace().collect();
    let clause = tokens.iter().position(|t| {
        matches!(
            t.to_lowercase().as_str(),
            "if" | "whether"
                | "what"
                | "when"
                | "how"
                | "who"
                | "where"
                | "which"
                | "why"
                | "does"
                | "do"
                | "is"
                | "are"
                | "can"
        )
    });
    task.what = "the question".to_owned();
    task.written = match clause {
        Some(at) if (1..=4).contains(&at) => third_person(&tokens[at..]),
        Some(0) => format!("\u{201c}{}?\u{201d}", core.trim_end_matches('?')),
        _ => third_person(asked_about(&tokens).or(tokens.get(1..)).unwrap_or(&tokens)),
    };
    task.request = match clause {
        // The objective is itself a question.
        Some(0) => format!("I have a question: {}?", decapitalised(&to_callee(&tokens))),
        Some(at) if at <= 4 => format!("Could you tell me {}, please?", to_callee(&tokens[at..])),
        _ if find(&words(core), "^ ask for").is_some() => {
            format!("Could you tell me {}, please?", to_callee(&tokens[2..]))
        }
        _ if task.kind == Kind::Hours => format!(
            "Could you tell me your opening hours{}, please?",
            day_of(task)
        ),
        _ => match asked_about(&tokens) {
            Some(rest) => format!("Could you tell me {}, please?", to_callee(rest)),
            None => format!(
                "I'd like to {}, please.",
                decapitalised(&to_callee(&tokens))
            ),
        },
    };
}

fn day_of(task: &Task) -> String {
    task.day
        .map_or_else(String::new, |d| format!(" {}", d.spoken()))
}

/// `find out the price of …`, `get a quote for …`: what comes after the verb is what is asked about.
fn asked_about<'a>(tokens: &'a [&'a str]) -> Option<&'a [&'a str]> {
    let lower: Vec<String> = tokens.iter().take(2).map(|t| t.to_lowercase()).collect();
    match lower
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["find", "out"] if tokens.get(2).is_some_and(|t| *t != "about") => tokens.get(2..),
        ["get" | "learn", "the" | "their"] => tokens.get(1..),
        _ => None,
    }
}

fn message(task: &mut Task, objective: &str, core: &str) {
    let text = objective.split_once(':').map(|(_, text)| text.trim());
    let text = text.or_else(|| objective.split_once(" that ").map(|(_, text)| text.trim()));
    let tokens: Vec<&str> = core.split_whitespace().collect();
    let text = text.map(str::to_owned).unwrap_or_else(|| {
        match tokens.first().map(|t| t.to_lowercase()).as_deref() {
            Some("tell" | "inform" | "remind" | "notify") => {
                tokens.get(2..).unwrap_or_default().join(" ")
            }
            _ => core.to_owned(),
        }
    });
    let who = recipient(&tokens).unwrap_or_else(|| "you".to_owned());
    let text = text.trim_end_matches(['.', '!']).to_owned();
    task.what = "a message".to_owned();
    task.written = format!("the message \u{201c}{text}\u{201d}");
    task.request = format!("I have a message for {who}: {}.", for_the_ear(&text));
}

/// For whom a message is: `message for Anna`, `tell Anna Lee`.
fn recipient(tokens: &[&str]) -> Option<String> {
    let at = tokens.iter().position(|t| {
        matches!(
            t.to_lowercase().as_str(),
            "for" | "tell" | "inform" | "remind" | "notify"
        )
    })?;
    let names: Vec<&str> = tokens[at + 1..]
        .iter()
        .map(|t| t.trim_matches(|c: char| !c.is_alphanumeric() && c != '.'))
        .take_while(|t| t.starts_with(char::is_uppercase))
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

fn errand(task: &mut Task, core: &str) {
    let tokens: Vec<&str> = core.split_whitespace().collect();
    let verb = tokens.first().map(|t| t.to_lowercase()).unwrap_or_default();
    let sentence = to_callee(&tokens);
    let known = VERBS.split(' ').any(|v| v == verb);
    task.request = if known {
        format!("I'd like to {}, please.", decapitalised(&sentence))
    } else {
        format!(
            "I'm calling about this: {}. Could you help me with that?",
            decapitalised(&sentence)
        )
    };
    let skip = usize::from(known).min(tokens.len());
    let end = (skip..tokens.len())
        .find(|at| begins_detail(&tokens[*at..]))
        .unwrap_or(tokens.len());
    let thing = third_person(&tokens[skip..end]);
    let whole = third_person(&tokens[skip..]);
    task.what = match thing.as_str() {
        "" => "this".to_owned(),
        thing => to_callee(&thing.split_whitespace().collect::<Vec<_>>()),
    };
    task.written = match task.kind {
        Kind::Cancel | Kind::Reschedule => whole,
        Kind::Booking if !thing.is_empty() => thing,
        _ if known => decapitalised(core),
        _ => format!("ask about this: {}", decapitalised(core)),
    };
}

/// The words without the requester's `my`, and without marks at the end.
fn third_person(tokens: &[&str]) -> String {
    let turned: Vec<&str> = tokens
        .iter()
        .map(|token| {
            if matches!(token.to_lowercase().as_str(), "my" | "our") {
                "the"
            } else {
                token
            }
        })
        .collect();
    turned
        .join(" ")
        .trim_end_matches([',', '.', '!', '?'])
        .to_owned()
}

/// Whether a time, a day or a name begins here, so that the thing itself is over.
fn begins_detail(tokens: &[&str]) -> bool {
    let rest = words(&tokens.join(" "));
    let Some(first) = rest.first().map(String::as_str) else {
        return false;
    };
    let skip = usize::from(matches!(
        first,
        "on" | "at"
            | "for"
            | "around"
            | "about"
            | "by"
            | "between"
            | "from"
            | "after"
            | "before"
            | "this"
    ));
    let first_time = when::times(&rest, false)
        .first()
        .is_some_and(|t| t.at.start == skip);
    let first_day = when::days(&rest)
        .first()
        .is_some_and(|(r, _)| r.start <= skip);
    let period = matches!(first, "next" | "this")
        && rest
            .get(1)
            .is_some_and(|w| matches!(w.as_str(), "week" | "weekend" | "month"));
    first_time
        || first_day
        || period
        || first == "under"
        || find(&rest, "^ in|with the name").is_some()
        || find(&rest, "^ on behalf").is_some()
}

fn first_sentence(text: &str) -> String {
    let mut out = String::new();
    for token in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(token);
        let abbreviation = token.len() <= 5
            && (token.matches('.').count() > 1
                || matches!(token, "Mr." | "Mrs." | "Dr." | "Ms." | "St."));
        if token.ends_with(['.', '?', '!', ';']) && !abbreviation {
            break;
        }
    }
    out.trim_end_matches(['.', '!', '?', ';']).to_owned()
}

fn without_preface(sentence: &str) -> String {
    let mut rest = sentence.trim();
    while let Some(preface) = PREFACES
        .split("; ")
        .filter(|p| has_prefix(rest, p))
        .max_by_key(|p| p.len())
    {
        rest = rest[preface.len()..].trim_start_matches([',', ' ']);
    }
    rest.to_owned()
}

fn has_prefix(text: &str, preface: &str) -> bool {
    text.get(..preface.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(preface))
        && text[preface.len()..].starts_with([' ', ','])
}

/// The requester speaks of the callee as `they`; to the callee it is `you`.
fn to_callee(tokens: &[&str]) -> String {
    let turned: Vec<String> = tokens
        .iter()
        .map(|token| {
            let core = token.trim_end_matches(['.', '?', '!', ',']);
            let tail = &token[core.len()..];
            let you = match core.to_lowercase().as_str() {
                "they" | "them" => "you",
                "they're" => "you're",
                "they've" => "you've",
                "their" => "your",
                "theirs" => "yours",
                _ => core,
            };
            format!("{you}{tail}")
        })
        .collect();
    for_the_ear(turned.join(" ").trim_end_matches(['.', '?', '!', ',']))
}

fn decapitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) if !text.starts_with("I ") && !text.starts_with("I'") => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

fn space(text: &str) -> &'static str {
    if text.is_empty() { "" } else { " " }
}

/// Writes out times and whole numbers as they are said; leaves everything else as it is.
pub(crate) fn for_the_ear(text: &str) -> String {
    let tokens: Vec<&str> = text.split_whitespace().collect();
    let mut out: Vec<String> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let core = tokens[at].trim_end_matches([',', ';', '?', '!', ')']);
        let tail = &tokens[at][core.len()..];
        if let Some((said, took, tail)) = time_token(&tokens, at) {
            out.push(said + tail);
            at += took;
            continue;
        }
        match core.trim_end_matches('.').parse::<u32>() {
            Ok(n) if n < 10_000 && core.len() < 5 => out.push(numbers::spoken(n) + tail),
            _ => out.push(tokens[at].to_owned()),
        }
        at += 1;
    }
    out.join(" ")
}

/// A time with digits at `at`: `7pm`, `7:30 p.m.`, `19:00`. Gives it as said, the tokens taken, and punctuation after.
fn time_token<'a>(tokens: &[&'a str], at: usize) -> Option<(String, usize, &'a str)> {
    if !tokens[at].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    for took in [2, 1] {
        let Some(piece) = tokens.get(at..at + took) else {
            continue;
        };
        let heard = words(&piece.join(" "));
        let found = when::times(&heard, false);
        let last = piece[took - 1];
        if let [time] = found.as_slice()
            && time.at == (0..heard.len())
            && heard.len() <= 2
            && (took == 1 || heard.len() == 2 && matches!(heard[1].as_str(), "am" | "pm"))
        {
            let tail = last.find([',', ';', '?', '!']).map_or("", |i| &last[i..]);
            return Some((time.usual(when::Time::new(8 * 60)).spoken(), took, tail));
        }
    }
    None
}
