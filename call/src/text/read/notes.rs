//! Lines to the notes that a call publishes.

use super::{Words, latency, tool, unknown};
use crate::{
    Note,
    text::{Names, TextError},
    tools, warning,
};

/// Reads what stands behind `note`.
pub(super) fn read(words: &mut Words) -> Result<Note, TextError> {
    Ok(match words.word()?.as_str() {
        "status" => Note::Status(Names::read(&words.word()?)?),
        "callee-partial" => Note::CalleePartial(words.text()?),
        "callee-final" => Note::CalleeFinal(words.text()?),
        "thinking" => Note::Thinking(words.generation()?),
        "agent-speech" => agent_speech(words)?,
        "interrupted" => Note::Interrupted {
            heard: words.text()?,
        },
        "false-alarm" => Note::FalseAlarm,
        "latency" => Note::Latency(words.generation()?, latency(words)?),
        "dtmf" => Note::Dtmf(words.key()?, words.take("agent") || !words.take("callee")),
        "tool" => Note::Tool(tool(words)?),
        "tool-refused" => Note::ToolRefused {
            tool: tool(words)?,
            reason: known(&words.text()?, tools::REASONS, "reason")?,
        },
        "question" => Note::Question {
            id: words.parse("question")?,
            within: words.time("within")?,
            text: words.text()?,
        },
        "question-closed" => Note::QuestionClosed {
            id: words.parse("question")?,
            answered: words.take("answered") || !words.take("unanswered"),
        },
        "answered-by" => Note::AnsweredBy(Names::read(&words.word()?)?),
        "warning" => Note::Warning(known(&words.text()?, warning::ALL, "warning")?),
        other => return unknown(other, "note"),
    })
}

/// Finds a sentence of a closed list.
fn known(text: &str, all: &[&'static str], kind: &str) -> Result<&'static str, TextError> {
    let found = all.iter().find(|known| **known == text);
    found
        .copied()
        .ok_or_else(|| TextError::new(format!("\"{text}\" is no known {kind}")))
}

fn agent_speech(words: &mut Words) -> Result<Note, TextError> {
    let clause = words.clause()?;
    let counts = words.word()?;
    let parts: Vec<u16> = counts
        .split('/')
        .filter_map(|part| part.parse().ok())
        .collect();
    let &[generated, sent, heard] = parts.as_slice() else {
        return unknown(&counts, "word count; write it like 3/2/1");
    };
    Ok(Note::AgentSpeech {
        clause,
        text: words.text()?,
        generated,
        sent,
        heard,
    })
}
