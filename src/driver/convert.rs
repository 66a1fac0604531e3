//! Between the core's types and those of the outside: sound edges in, live events and transcript turns out. By hand, so
//! that neither side has to look like the other.

use std::time::{Duration, Instant};

use call::{Event, Note, Prosody, Speaker, Status, Tone, Tool, VoiceEvent};
use media::Edge;
use protocol::{
    control::{self, Numbered, SpokenWord},
    ids::CallId,
    rest,
};

/// Returns what an edge in the callee's sound means to the core, if anything.
pub(super) fn voice_event(edge: &Edge) -> Option<Event> {
    let voice = match *edge {
        Edge::Started { voiced, echo } => VoiceEvent::Started { voiced, echo },
        Edge::Going { voiced, echo } => VoiceEvent::Going { voiced, echo },
        Edge::Ended {
            silence,
            voiced,
            prosody,
        } => VoiceEvent::Ended {
            silence,
            voiced,
            prosody: Prosody {
                pitch_slope: prosody.pitch_slope,
                pitch_level: prosody.pitch_level,
                energy_drop: prosody.energy_drop,
                last_voiced: prosody.last_voiced,
            },
        },
        Edge::Tone(tone) => VoiceEvent::Tone(match tone {
            media::Tone::Beep => Tone::Beep,
            media::Tone::Ringback => Tone::Ringback,
            media::Tone::Busy => Tone::Busy,
            media::Tone::Sit => Tone::Sit,
            media::Tone::Fax => Tone::Fax,
        }),
        Edge::Music(playing) => VoiceEvent::Music(playing),
        Edge::Dtmf(key) => return Some(Event::Line(call::LineEvent::Dtmf(key))),
    };
    Some(Event::Voice(voice))
}

/// Returns a turn with its times counted from `origin`, as positions in the recording are.
pub(super) fn turn(turn: &call::Turn, origin: Instant) -> rest::Turn {
    let since = |at: Instant| ms(at.saturating_duration_since(origin));
    rest::Turn {
        speaker: match turn.speaker {
            Speaker::Callee => rest::Speaker::Callee,
            Speaker::Agent | Speaker::Requester | Speaker::Note => rest::Speaker::Agent,
        },
        text: turn.text.clone(),
        started_ms: since(turn.started),
        ended_ms: since(turn.ended),
        interrupted: turn.interrupted,
        latency: turn.latency.as_ref().map(latency),
        served_by: rest::ServedBy::default(),
    }
}

fn latency(latency: &call::Latency) -> rest::TurnLatency {
    rest::TurnLatency {
        end_of_turn_ms: ms(latency.end_of_turn),
        words_ms: ms(latency.words),
        first_token_ms: ms(latency.first_token),
        first_sound_ms: ms(latency.first_sound),
        wire_ms: ms(latency.wire),
        felt_silence_ms: ms(latency.felt_silence),
    }
}

fn argument(tool: &Tool) -> Option<String> {
    match tool {
        Tool::HangUp | Tool::Wait => None,
        Tool::PressKeys(text) | Tool::Transfer(text) | Tool::Ask(text) | Tool::Note(text) => {
            Some(text.clone())
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Returns what watchers see of a note.
pub(super) fn live_event(note: &Note) -> control::Event {
    match note {
        Note::Status(status) => control::Event::CallStatus {
            status: match status {
                Status::Dialing => rest::Status::Dialing,
                Status::InProgress => rest::Status::InProgress,
            },
        },
        Note::CalleePartial(text) => control::Event::CalleePartial { text: text.clone() },
        Note::CalleeFinal(text) => control::Event::CalleeFinal { text: text.clone() },
        Note::Thinking(generation) => control::Event::AgentThinking {
            generation: generation.0,
        },
        Note::AgentSpeech {
            clause,
            text,
            generated,
            sent,
            heard,
        } => control::Event::AgentSpeech {
            generation: clause.generation.0,
            clause: clause.index,
            text: text.clone(),
            words: SpokenWord::of_clause(
                text,
                usize::from(*generated),
                usize::from(*sent),
                usize::from(*heard),
            ),
        },
        Note::Interrupted { heard } => control::Event::TurnInterrupted {
            heard: heard.clone(),
        },
        Note::FalseAlarm => control::Event::TurnResumed,
        Note::Latency(generation, parts) => control::Event::TurnLatency {
            generation: generation.0,
            latency: latency(parts),
        },
        Note::Dtmf(key, by_agent) => control::Event::Dtmf {
            key: *key,
            from: if *by_agent {
                rest::Speaker::Agent
            } else {
                rest::Speaker::Callee
            },
        },
        Note::Tool(tool) => control::Event::Tool {
            name: tool.name().to_owned(),
            argument: argument(tool),
        },
        Note::ToolRefused { tool, reason } => control::Event::ToolRefused {
            name: tool.name().to_owned(),
            argument: argument(tool),
            reason: (*reason).to_owned(),
        },
        Note::Question { id, text, within } => control::Event::Question {
            question: *id,
            text: text.clone(),
            answer_within_ms: ms(*within),
        },
        Note::QuestionClosed { id, answered } => control::Event::QuestionClosed {
            question: *id,
            answered: *answered,
        },
        Note::AnsweredBy(who) => control::Event::CallAnsweredBy {
            answered_by: answered_by(*who),
        },
        Note::Warning(message) => control::Event::Warning {
            message: (*message).to_owned(),
        },
    }
}

/// Returns who answered, as the interface names it.
pub(crate) fn answered_by(who: call::AnsweredBy) -> rest::AnsweredBy {
    match who {
        call::AnsweredBy::Human => rest::AnsweredBy::Human,
        call::AnsweredBy::Voicemail => rest::AnsweredBy::Voicemail,
        call::AnsweredBy::Ivr => rest::AnsweredBy::Ivr,
        call::AnsweredBy::Unknown => rest::AnsweredBy::Unknown,
    }
}

/// Returns an event as the JSON text that goes over the live socket.
pub(crate) fn live_json(call: &CallId, seq: u64, t_ms: u64, event: control::Event) -> String {
    let numbered = Numbered {
        seq,
        t_ms,
        call_id: call.clone(),
        event,
    };
    serde_json::to_string(&numbered).expect("an event of our own is always JSON")
}
