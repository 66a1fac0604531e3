//! Events and actions to lines.

use std::time::{Duration, Instant};

use super::{Names, quote, write_duration as ms};
use crate::{
    Action, ClauseId, Command, End, Event, Generation, Latency, LineEvent, Note, PlayoutEvent,
    ReplyEvent, SpeechEvent, Tool, Turn, TurnHint, VoiceEvent, WordsEvent,
};

/// Writes an event as one line.
#[must_use]
pub fn write_event(event: &Event) -> String {
    match event {
        Event::Line(event) => format!("line {}", line(event)),
        Event::Voice(event) => format!("voice {}", voice(event)),
        Event::Words(event) => format!("words {}", words(event)),
        Event::Reply(generation, event) => {
            format!("reply {} {}", number(*generation), reply(event))
        }
        Event::Speech(clause, event) => format!("speech {} {}", name(*clause), speech(event)),
        Event::Playout(PlayoutEvent::Sent(clause, at)) => {
            format!("playout {} sent {}", name(*clause), ms(*at))
        }
        Event::Playout(PlayoutEvent::Heard(clause, at)) => {
            format!("playout {} heard {}", name(*clause), ms(*at))
        }
        Event::Playout(PlayoutEvent::Finished(clause)) => {
            format!("playout {} finished", name(*clause))
        }
        Event::Command(event) => format!("command {}", command(event)),
        Event::Deadline => "deadline".into(),
    }
}

/// Writes an action as one line; instants are offsets from `origin`.
#[must_use]
pub fn write_action(action: &Action, origin: Instant) -> String {
    match action {
        Action::Flush(mark) => format!("flush {}", mark.0),
        Action::Expect(expected) => format!("expect {}", expected.name()),
        Action::Think {
            generation,
            history,
        } => {
            let mut text = format!("think {}", number(*generation));
            for message in history {
                let cut = if message.interrupted { " cut" } else { "" };
                text += &format!(" {} {}{cut}", message.speaker.name(), quote(&message.text));
            }
            text
        }
        Action::Speak { clause, text } => format!("speak {} {}", name(*clause), quote(text)),
        Action::Cancel(generation) => format!("cancel {}", number(*generation)),
        Action::Pause => "pause".into(),
        Action::Resume => "resume".into(),
        Action::PressKeys(keys) => format!("keys {}", quote(keys)),
        Action::Transfer(to) => format!("transfer {}", quote(to)),
        Action::HangUp => "hang-up".into(),
        Action::Publish(published) => format!("note {}", note(published)),
        Action::Turn(said) => format!("turn {}", turn(said, origin)),
        Action::End(how) => format!("end {}", end(*how)),
    }
}

fn number(generation: Generation) -> String {
    format!("g{}", generation.0)
}

fn name(clause: ClauseId) -> String {
    format!("g{}.{}", clause.generation.0, clause.index)
}

fn line(event: &LineEvent) -> String {
    match event {
        LineEvent::Ringing => "ringing".into(),
        LineEvent::Answered => "answered".into(),
        LineEvent::Dtmf(key) => format!("dtmf {}", quote(&key.to_string())),
        LineEvent::HungUp => "hung-up".into(),
        LineEvent::Failed(failure) => format!("failed {}", failure.name()),
        LineEvent::AnsweredBy(who) => format!("answered-by {}", who.name()),
    }
}

fn voice(event: &VoiceEvent) -> String {
    match event {
        VoiceEvent::Started { voiced, echo } => {
            format!("started voiced={} echo={echo}", ms(*voiced))
        }
        VoiceEvent::Going { voiced, echo } => format!("going voiced={} echo={echo}", ms(*voiced)),
        VoiceEvent::Ended {
            silence,
            voiced,
            prosody,
        } => format!(
            "ended silence={} voiced={} slope={} level={} drop={} last={}",
            ms(*silence),
            ms(*voiced),
            prosody.pitch_slope,
            prosody.pitch_level,
            prosody.energy_drop,
            ms(prosody.last_voiced)
        ),
        VoiceEvent::Tone(tone) => format!("tone {}", tone.name()),
        VoiceEvent::Music(on) => format!("music {}", switch(*on)),
    }
}

fn switch(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn words(event: &WordsEvent) -> String {
    match event {
        WordsEvent::Partial(text) => format!("partial {}", quote(text)),
        WordsEvent::Final { text, mark: None } => format!("final {}", quote(text)),
        WordsEvent::Final {
            text,
            mark: Some(mark),
        } => format!("final {} mark={}", quote(text), mark.0),
        WordsEvent::Hint(TurnHint::Over(percent)) => format!("over {percent}"),
        WordsEvent::Hint(TurnHint::GoesOn) => "goes-on".into(),
        WordsEvent::Failed => "failed".into(),
    }
}

fn reply(event: &ReplyEvent) -> String {
    match event {
        ReplyEvent::Text(text) => format!("text {}", quote(text)),
        ReplyEvent::Tool(used) => format!("tool {}", tool(used)),
        ReplyEvent::Withheld => "withheld".into(),
        ReplyEvent::Done => "done".into(),
        ReplyEvent::Failed => "failed".into(),
    }
}

fn tool(used: &Tool) -> String {
    match used {
        Tool::HangUp => "hang-up".into(),
        Tool::PressKeys(keys) => format!("keys {}", quote(keys)),
        Tool::Wait => "wait".into(),
        Tool::Transfer(to) => format!("transfer {}", quote(to)),
        Tool::Ask(question) => format!("ask {}", quote(question)),
        Tool::Note(fact) => format!("fact {}", quote(fact)),
    }
}

fn speech(event: &SpeechEvent) -> String {
    match event {
        SpeechEvent::Audio(length) => format!("audio {}", ms(*length)),
        SpeechEvent::Words(ends) => {
            let ends: Vec<_> = ends.iter().map(|end| ms(*end)).collect();
            format!("words {}", ends.join(" ")).trim_end().to_owned()
        }
        SpeechEvent::Done(length) => format!("done {}", ms(*length)),
        SpeechEvent::Failed => "failed".into(),
    }
}

fn command(event: &Command) -> String {
    match event {
        Command::Say(text) => format!("say {}", quote(text)),
        Command::Instruct(text) => format!("instruct {}", quote(text)),
        Command::Answer { question, text } => format!("answer {question} {}", quote(text)),
        Command::Interrupt => "interrupt".into(),
        Command::PressKeys(keys) => format!("keys {}", quote(keys)),
        Command::Transfer(to) => format!("transfer {}", quote(to)),
        Command::Mute(on) => format!("mute {}", switch(*on)),
        Command::HangUp => "hang-up".into(),
        Command::Cancel { now: true } => "cancel now".into(),
        Command::Cancel { now: false } => "cancel".into(),
        Command::Drain => "drain".into(),
    }
}

fn note(published: &Note) -> String {
    match published {
        Note::Status(status) => format!("status {}", status.name()),
        Note::CalleePartial(text) => format!("callee-partial {}", quote(text)),
        Note::CalleeFinal(text) => format!("callee-final {}", quote(text)),
        Note::Thinking(generation) => format!("thinking {}", number(*generation)),
        Note::AgentSpeech {
            clause,
            text,
            generated,
            sent,
            heard,
        } => {
            format!(
                "agent-speech {} {generated}/{sent}/{heard} {}",
                name(*clause),
                quote(text)
            )
        }
        Note::Interrupted { heard } => format!("interrupted {}", quote(heard)),
        Note::FalseAlarm => "false-alarm".into(),
        Note::Latency(generation, parts) => {
            format!("latency {} {}", number(*generation), latency(*parts))
        }
        Note::Dtmf(key, agent) => {
            format!(
                "dtmf {} {}",
                quote(&key.to_string()),
                if *agent { "agent" } else { "callee" }
            )
        }
        Note::Tool(used) => format!("tool {}", tool(used)),
        Note::ToolRefused { tool: used, reason } => {
            format!("tool-refused {} {}", tool(used), quote(reason))
        }
        Note::Question { id, text, within } => {
            format!("question {id} within={} {}", ms(*within), quote(text))
        }
        Note::QuestionClosed { id, answered } => {
            let how = if *answered { "answered" } else { "unanswered" };
            format!("question-closed {id} {how}")
        }
        Note::AnsweredBy(who) => format!("answered-by {}", who.name()),
        Note::Warning(text) => format!("warning {}", quote(text)),
    }
}

fn latency(parts: Latency) -> String {
    format!(
        "end-of-turn={} words={} first-token={} first-sound={} wire={} felt={}",
        ms(parts.end_of_turn),
        ms(parts.words),
        ms(parts.first_token),
        ms(parts.first_sound),
        ms(parts.wire),
        ms(parts.felt_silence)
    )
}

fn turn(said: &Turn, origin: Instant) -> String {
    let offset = |at: Instant| ms(at.checked_duration_since(origin).unwrap_or(Duration::ZERO));
    let cut = if said.interrupted { " cut" } else { "" };
    let latency = said
        .latency
        .map_or_else(String::new, |parts| format!(" {}", latency(parts)));
    format!(
        "{} {} started={} ended={}{cut}{latency}",
        said.speaker.name(),
        quote(&said.text),
        offset(said.started),
        offset(said.ended)
    )
}

fn end(how: End) -> String {
    match how {
        End::AgentHungUp => "agent-hung-up".into(),
        End::CalleeHungUp => "callee-hung-up".into(),
        End::Voicemail => "voicemail".into(),
        End::MaxDuration => "max-duration".into(),
        End::Silence => "silence".into(),
        End::Canceled => "canceled".into(),
        End::Transferred => "transferred".into(),
        End::Failed(failure) => format!("failed {}", failure.name()),
    }
}
