//! Dialogues as text: `fixtures/agent/*.txt`, agent lines and verdict rewritten by `UPDATE_EXPECT=1`.

mod chaos;
mod misheard;

use std::{fmt::Write as _, fs, path::Path, sync::Arc};

use call::{AnsweredBy, End, Message, Speaker, Tool};

use super::*;
use crate::agent::{Brief, TranscriptTurn, Verdict, judge};

/// What the agent did in one reply.
async fn drain(mut events: mpsc::Receiver<LlmEvent>) -> (String, Option<Tool>) {
    let (mut text, mut tool) = (String::new(), None);
    loop {
        match events.recv().await.expect("a reply ends with Done") {
            LlmEvent::Text(piece) => text.push_str(&piece),
            LlmEvent::Tool(used) => tool = Some(used),
            LlmEvent::Served(_) => {}
            LlmEvent::Done => return (text, tool),
            LlmEvent::Failed(error) => panic!("the rules failed: {error}"),
        }
    }
}

/// One dialogue under way.
struct Play {
    brief: Arc<Brief>,
    history: Vec<Message>,
    shown: String,
    end: Option<End>,
    /// How many words of the next reply are heard.
    cut: Option<usize>,
}

impl Play {
    fn heard(&mut self, speaker: Speaker, text: &str) {
        self.history.push(Message {
            speaker,
            text: text.to_owned(),
            interrupted: false,
        });
    }

    async fn agent_speaks(&mut self) {
        let request = LlmRequest {
            brief: Arc::clone(&self.brief),
            history: self.history.clone(),
        };
        let (text, tool) = drain(Rules::default().reply(request)).await;
        let doing = match &tool {
            Some(Tool::HangUp) => " [hang up]".to_owned(),
            Some(Tool::Wait) => " [wait]".to_owned(),
            Some(Tool::PressKeys(keys)) => format!(" [press {keys}]"),
            Some(Tool::Transfer(to)) => format!(" [transfer {to}]"),
            Some(Tool::Ask(text) | Tool::Note(text)) => format!(" [{text}]"),
            None => String::new(),
        };
        let cut = self
            .cut
            .take()
            .filter(|words| text.split_whitespace().count() > *words);
        let (text, doing) = match cut {
            // Cut off: neither the rest nor the tool comes.
            Some(words) => (
                text.split_whitespace()
                    .take(words)
                    .collect::<Vec<_>>()
                    .join(" ")
                    + "\u{2014}",
                String::new(),
            ),
            None => (text, doing),
        };
        let line = format!("Agent: {text}{doing}");
        writeln!(self.shown, "{}", line.replace(":  [", ": [")).unwrap();
        if !text.is_empty() {
            self.history.push(Message {
                speaker: Speaker::Agent,
                text,
                interrupted: cut.is_some(),
            });
        }
        if tool == Some(Tool::HangUp) && cut.is_none() {
            self.end = Some(End::AgentHungUp);
        }
    }
}

fn brief(head: &str) -> (Brief, Option<End>) {
    let (mut brief, mut end) = (
        Brief {
            today: "2026-11-23".to_owned(),
            ..Brief::default()
        },
        None,
    );
    for line in head
        .lines()
        .filter(|l| !l.starts_with('#') && !l.is_empty())
    {
        let (key, value) = line
            .split_once(": ")
            .unwrap_or_else(|| panic!("not `key: value`: {line}"));
        let value = value.to_owned();
        match key {
            "objective" => brief.objective = value,
            "business" => brief.business_name = Some(value),
            "instructions" => brief.instructions = Some(value),
            "language" => brief.language = value,
            "first message" => brief.first_message = Some(value),
            "schema" => {
                brief.result_schema = Some(serde_json::from_str(&value).expect("a JSON Schema"))
            }
            "end" => {
                end = Some(match value.as_str() {
                    "callee hung up" => End::CalleeHungUp,
                    "silence" => End::Silence,
                    "max duration" => End::MaxDuration,
                    "voicemail" => End::Voicemail,
                    other => panic!("no such end: {other}"),
                })
            }
            other => panic!("no such key: {other}"),
        }
    }
    (brief, end)
}

fn turns(history: &[Message]) -> Vec<TranscriptTurn> {
    let heard = history.iter().filter(|m| m.speaker != Speaker::Note);
    let turn = |(i, m): (u64, &Message)| TranscriptTurn {
        speaker: m.speaker,
        text: m.text.clone(),
        started_ms: i * 1000,
        ended_ms: i * 1000 + 900,
        interrupted: m.interrupted,
    };
    (0..).zip(heard).map(turn).collect()
}

fn show(verdict: &Verdict) -> String {
    let mut out = format!(
        "outcome: {}\ndetails: {}\nsummary: {}\n",
        verdict.outcome.as_str(),
        verdict.details,
        verdict.summary
    );
    if let Some(result) = &verdict.result {
        writeln!(out, "result: {result}").unwrap();
    }
    for evidence in &verdict.evidence {
        writeln!(out, "turn {}: {}", evidence.turn, evidence.claim).unwrap();
    }
    out
}

/// Plays one fixture and returns it with the agent's lines and the verdict as they are now.
async fn play(text: &str) -> String {
    let (head, rest) = text
        .split_once("\n---\n")
        .expect("a line --- after the head");
    let lines = rest
        .split_once("\n-----\n")
        .map_or(rest, |(lines, _)| lines);
    let (brief, end) = brief(head);
    let mut play = Play {
        brief: Arc::new(brief),
        history: Vec::new(),
        shown: String::new(),
        end: None,
        cut: None,
    };
    for (i, line) in lines.lines().enumerate() {
        if line.starts_with("Agent:") {
            // The first reply is the opening, unless the callee speaks first.
            if i == 0 {
                play.agent_speaks().await;
            }
            continue;
        }
        assert_eq!(play.end, None, "the agent has hung up before: {line}");
        writeln!(play.shown, "{line}").unwrap();
        match line.split_once(": ") {
            Some(("Host", said)) => play.heard(Speaker::Callee, said),
            Some(("Note", said)) => {
                play.heard(Speaker::Note, said);
                if said.starts_with("Keys") {
                    continue;
                }
            }
            Some(("Then host", said)) => {
                // The callee goes on before the agent has answered.
                play.heard(Speaker::Callee, said);
            }
            Some(("Cut next", words)) => {
                play.cut = Some(words.parse().expect("a number of words"));
                continue;
            }
            _ if line == "(host hangs up)" => {
                play.end = Some(End::CalleeHungUp);
                continue;
            }
            _ => panic!("not understood: {line}"),
        }
        let goes_on = lines
            .lines()
            .nth(i + 1)
            .is_some_and(|next| next.starts_with("Then host"));
        if !goes_on {
            play.agent_speaks().await;
        }
    }
    let end = end.or(play.end).unwrap_or(End::CalleeHungUp);
    let verdict = judge(
        &play.brief,
        &turns(&play.history),
        end,
        AnsweredBy::Unknown,
        None,
    )
    .await;
    format!("{head}\n---\n{}-----\n{}", play.shown, show(&verdict))
}

#[tokio::test]
async fn dialogues_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/agent");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    assert!(
        files.len() >= 35,
        "only {} dialogues in {}",
        files.len(),
        folder.display()
    );
    let mut wrong = Vec::new();
    for file in files {
        let expected = fs::read_to_string(&file).unwrap();
        let actual = play(&expected).await;
        if actual != expected {
            if std::env::var_os("UPDATE_EXPECT").is_some() {
                fs::write(&file, &actual).unwrap();
            } else {
                wrong.push(format!(
                    "{}\n--- expected\n{expected}\n--- actual\n{actual}",
                    file.display()
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\nUPDATE_EXPECT=1 rewrites them",
        wrong.join("\n")
    );
}
