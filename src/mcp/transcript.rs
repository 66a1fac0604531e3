//! What has been said so far, put together from the events of a call: only what was heard.

use std::collections::BTreeMap;

use protocol::control::{Event, SpokenWord, WordState};

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Callee(String),
    /// The heard words of each clause of a reply.
    Agent(u32, BTreeMap<u16, String>, bool),
}

impl Transcript {
    /// Takes an event. Returns a line when one was completed by it: a reply to report progress with.
    pub(super) fn take(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::CalleeFinal { text } if !text.is_empty() => {
                // Words of the same turn come again with more behind them.
                match self.lines.last_mut() {
                    Some(Line::Callee(last)) if text.starts_with(last.as_str()) => {
                        last.clone_from(text);
                    }
                    _ => self.lines.push(Line::Callee(text.clone())),
                }
                Some(format!("Host: {text}"))
            }
            Event::AgentSpeech {
                generation,
                clause,
                words,
                ..
            } => {
                let heard = heard(words);
                if heard.is_empty() {
                    return None;
                }
                let whole = words.iter().all(|word| word.state == WordState::Heard);
                let said = whole.then(|| format!("Agent: {heard}"));
                let known = self.lines.iter_mut().rev().find_map(|line| match line {
                    Line::Agent(known, clauses, _) if known == generation => Some(clauses),
                    _ => None,
                });
                match known {
                    Some(clauses) => {
                        clauses.insert(*clause, heard);
                    }
                    None => {
                        let clauses = BTreeMap::from([(*clause, heard)]);
                        self.lines.push(Line::Agent(*generation, clauses, false));
                    }
                }
                said
            }
            Event::TurnInterrupted { .. } => {
                if let Some(Line::Agent(_, _, cut)) = self.lines.last_mut() {
                    *cut = true;
                }
                None
            }
            _ => None,
        }
    }

    /// Returns the whole, in the shape of the call object's `transcript`.
    pub(super) fn text(&self) -> String {
        let line = |line: &Line| match line {
            Line::Callee(text) => format!("Host: {text}"),
            Line::Agent(_, clauses, cut) => {
                let said: Vec<_> = clauses.values().map(String::as_str).collect();
                format!("Agent: {}{}", said.join(" "), if *cut { "—" } else { "" })
            }
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn heard(words: &[SpokenWord]) -> String {
    let heard = words.iter().filter(|word| word.state == WordState::Heard);
    heard
        .map(|word| word.text.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(generation: u32, clause: u16, text: &str, heard: usize) -> Event {
        Event::AgentSpeech {
            generation,
            clause,
            text: text.to_owned(),
            words: SpokenWord::of_clause(text, 99, 99, heard),
        }
    }

    fn callee(text: &str) -> Event {
        Event::CalleeFinal {
            text: text.to_owned(),
        }
    }

    #[test]
    fn only_what_was_heard_is_told() {
        let mut transcript = Transcript::default();
        assert_eq!(
            transcript.take(&callee("hello")),
            Some("Host: hello".into())
        );
        assert_eq!(transcript.take(&speech(1, 0, "Good evening.", 0)), None);
        assert_eq!(transcript.take(&speech(1, 0, "Good evening.", 1)), None);
        assert_eq!(
            transcript.take(&speech(1, 0, "Good evening.", 2)),
            Some("Agent: Good evening.".into())
        );
        transcript.take(&speech(1, 1, "A table for two?", 2));
        transcript.take(&Event::TurnInterrupted {
            heard: "Good evening. A table".into(),
        });
        transcript.take(&callee("for two"));
        transcript.take(&callee("for two tonight"));
        assert_eq!(
            transcript.text(),
            "Host: hello\nAgent: Good evening. A table—\nHost: for two tonight"
        );
    }
}
