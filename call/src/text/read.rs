//! Lines to events and actions.

use std::{
    str::FromStr,
    time::{Duration, Instant},
};

mod notes;

use super::{Names, TextError, read_duration};
use crate::{
    Action, ClauseId, Command, End, Event, Expected, FlushMark, Generation, Latency, LineEvent,
    Message, PlayoutEvent, Prosody, ReplyEvent, SpeechEvent, Tool, Turn, TurnHint, VoiceEvent,
    WordsEvent,
};

/// Reads an event.
///
/// # Errors
/// When the line is none; the sentence quotes what is wrong.
pub fn read_event(line: &str) -> Result<Event, TextError> {
    let mut words = Words::new(line)?;
    let event = match words.word()?.as_str() {
        "line" => Event::Line(line_event(&mut words)?),
        "voice" => Event::Voice(voice(&mut words)?),
        "words" => Event::Words(words_event(&mut words)?),
        "reply" => Event::Reply(words.generation()?, reply(&mut words)?),
        "speech" => Event::Speech(words.clause()?, speech(&mut words)?),
        "playout" => Event::Playout(playout(&mut words)?),
        "command" => Event::Command(command(&mut words)?),
        "deadline" => Event::Deadline,
        other => return Err(TextError::new(format!("'{other}' is no event"))),
    };
    words.end(event)
}

/// Reads an action; offsets count from `origin`.
///
/// # Errors
/// When the line is none; the sentence quotes what is wrong.
pub fn read_action(line: &str, origin: Instant) -> Result<Action, TextError> {
    let mut words = Words::new(line)?;
    let action = match words.word()?.as_str() {
        "flush" => Action::Flush(FlushMark(words.parse("mark")?)),
        "expect" => {
            let name = words.word()?;
            let known = Expected::from_name(&name);
            let error = || TextError::new(format!("'{name}' is nothing to expect"));
            Action::Expect(known.ok_or_else(error)?)
        }
        "think" => Action::Think {
            generation: words.generation()?,
            history: history(&mut words)?,
        },
        "speak" => Action::Speak {
            clause: words.clause()?,
            text: words.text()?,
        },
        "cancel" => Action::Cancel(words.generation()?),
        "pause" => Action::Pause,
        "resume" => Action::Resume,
        "keys" => Action::PressKeys(words.text()?),
        "transfer" => Action::Transfer(words.text()?),
        "hang-up" => Action::HangUp,
        "note" => Action::Publish(notes::read(&mut words)?),
        "turn" => Action::Turn(turn(&mut words, origin)?),
        "end" => Action::End(end(&mut words)?),
        other => return Err(TextError::new(format!("'{other}' is no action"))),
    };
    words.end(action)
}

/// A line taken apart: bare words and quoted sentences.
#[derive(Debug)]
pub(super) struct Words {
    items: std::iter::Peekable<std::vec::IntoIter<Item>>,
}

#[derive(Debug, PartialEq)]
enum Item {
    Word(String),
    Text(String),
}

impl Words {
    pub(super) fn new(line: &str) -> Result<Self, TextError> {
        let mut items = Vec::new();
        let mut chars = line.trim().chars().peekable();
        while let Some(&c) = chars.peek() {
            if c.is_whitespace() {
                chars.next();
            } else if c == '"' {
                chars.next();
                items.push(Item::Text(quoted(&mut chars)?));
            } else {
                let mut word = String::new();
                while let Some(c) = chars.next_if(|c| !c.is_whitespace() && *c != '"') {
                    word.push(c);
                }
                items.push(Item::Word(word));
            }
        }
        Ok(Self {
            items: items.into_iter().peekable(),
        })
    }

    pub(super) fn word(&mut self) -> Result<String, TextError> {
        match self.items.next() {
            Some(Item::Word(word)) => Ok(word),
            Some(Item::Text(text)) => Err(TextError::new(format!(
                "a word is expected where \"{text}\" stands"
            ))),
            None => Err(TextError::new("the line ends too early")),
        }
    }

    pub(super) fn text(&mut self) -> Result<String, TextError> {
        match self.items.next() {
            Some(Item::Text(text)) => Ok(text),
            Some(Item::Word(word)) => Err(TextError::new(format!(
                "a quoted sentence is expected where '{word}' stands"
            ))),
            None => Err(TextError::new("a quoted sentence is missing at the end")),
        }
    }

    fn parse<T: FromStr>(&mut self, kind: &str) -> Result<T, TextError> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| TextError::new(format!("'{word}' is no {kind}")))
    }

    pub(super) fn duration(&mut self) -> Result<Duration, TextError> {
        read_duration(&self.word()?)
    }

    /// Takes the next word when it is exactly this one.
    fn take(&mut self, word: &str) -> bool {
        self.items
            .next_if(|item| matches!(item, Item::Word(found) if found == word))
            .is_some()
    }

    /// Takes the value of `key=` when it comes next.
    fn take_value(&mut self, key: &str) -> Option<String> {
        let prefix = format!("{key}=");
        match self
            .items
            .next_if(|item| matches!(item, Item::Word(word) if word.starts_with(&prefix)))
        {
            Some(Item::Word(word)) => Some(word[prefix.len()..].to_owned()),
            _ => None,
        }
    }

    fn value(&mut self, key: &str) -> Result<String, TextError> {
        self.take_value(key)
            .ok_or_else(|| TextError::new(format!("{key}= is missing")))
    }

    fn time(&mut self, key: &str) -> Result<Duration, TextError> {
        read_duration(&self.value(key)?)
    }

    fn number(&mut self, key: &str) -> Result<f32, TextError> {
        let value = self.take_value(key).unwrap_or_else(|| "0".into());
        value
            .parse()
            .map_err(|_| TextError::new(format!("'{value}' is no number")))
    }

    fn generation(&mut self) -> Result<Generation, TextError> {
        let word = self.word()?;
        let number = word
            .strip_prefix('g')
            .and_then(|number| number.parse().ok());
        number
            .map(Generation)
            .ok_or_else(|| TextError::new(format!("'{word}' is no generation; write it like g2")))
    }

    fn clause(&mut self) -> Result<ClauseId, TextError> {
        let word = self.word()?;
        let parts = word.strip_prefix('g').and_then(|rest| rest.split_once('.'));
        let clause = parts.and_then(|(generation, index)| {
            Some(ClauseId {
                generation: Generation(generation.parse().ok()?),
                index: index.parse().ok()?,
            })
        });
        clause.ok_or_else(|| TextError::new(format!("'{word}' is no clause; write it like g2.0")))
    }

    fn switch(&mut self) -> Result<bool, TextError> {
        match self.word()?.as_str() {
            "on" => Ok(true),
            "off" => Ok(false),
            other => Err(TextError::new(format!("'{other}' is neither on nor off"))),
        }
    }

    fn key(&mut self) -> Result<char, TextError> {
        let text = self.text()?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(TextError::new(format!("\"{text}\" is not one key"))),
        }
    }

    fn end<T>(mut self, value: T) -> Result<T, TextError> {
        match self.items.next() {
            None => Ok(value),
            Some(Item::Word(rest) | Item::Text(rest)) => {
                Err(TextError::new(format!("'{rest}' is too much")))
            }
        }
    }
}

fn quoted(chars: &mut impl Iterator<Item = char>) -> Result<String, TextError> {
    let mut text = String::new();
    loop {
        match chars.next() {
            Some('"') => return Ok(text),
            Some('\\') => match chars.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(c @ ('"' | '\\')) => text.push(c),
                _ => {
                    return Err(TextError::new(
                        "a backslash stands before nothing that it could mean",
                    ));
                }
            },
            Some(c) => text.push(c),
            None => return Err(TextError::new("a quotation mark is missing at the end")),
        }
    }
}

fn unknown<T>(word: &str, kind: &str) -> Result<T, TextError> {
    Err(TextError::new(format!("'{word}' is no {kind}")))
}

fn line_event(words: &mut Words) -> Result<LineEvent, TextError> {
    Ok(match words.word()?.as_str() {
        "ringing" => LineEvent::Ringing,
        "answered" => LineEvent::Answered,
        "dtmf" => LineEvent::Dtmf(words.key()?),
        "hung-up" => LineEvent::HungUp,
        "failed" => LineEvent::Failed(Names::read(&words.word()?)?),
        "answered-by" => LineEvent::AnsweredBy(Names::read(&words.word()?)?),
        other => return unknown(other, "line event"),
    })
}

fn voice(words: &mut Words) -> Result<VoiceEvent, TextError> {
    Ok(match words.word()?.as_str() {
        "started" => VoiceEvent::Started {
            voiced: words.time("voiced")?,
            echo: words.number("echo")?,
        },
        "going" => VoiceEvent::Going {
            voiced: words.time("voiced")?,
            echo: words.number("echo")?,
        },
        "ended" => VoiceEvent::Ended {
            silence: words.time("silence")?,
            voiced: words.time("voiced")?,
            prosody: Prosody {
                pitch_slope: words.number("slope")?,
                pitch_level: words.number("level")?,
                energy_drop: words.number("drop")?,
                last_voiced: words
                    .take_value("last")
                    .map_or(Ok(Duration::ZERO), |value| read_duration(&value))?,
            },
        },
        "tone" => VoiceEvent::Tone(Names::read(&words.word()?)?),
        "music" => VoiceEvent::Music(words.switch()?),
        other => return unknown(other, "voice event"),
    })
}

fn words_event(words: &mut Words) -> Result<WordsEvent, TextError> {
    Ok(match words.word()?.as_str() {
        "partial" => WordsEvent::Partial(words.text()?),
        "final" => {
            let text = words.text()?;
            let mark = words.take_value("mark").map(|value| {
                value
                    .parse()
                    .map(FlushMark)
                    .map_err(|_| TextError::new(format!("'{value}' is no mark")))
            });
            WordsEvent::Final {
                text,
                mark: mark.transpose()?,
            }
        }
        "over" => {
            let percent = words.word()?;
            let percent = percent.parse().ok().filter(|percent| *percent <= 100);
            let percent = percent.ok_or_else(|| TextError::new("'over' needs a percentage"));
            WordsEvent::Hint(TurnHint::Over(percent?))
        }
        "goes-on" => WordsEvent::Hint(TurnHint::GoesOn),
        "failed" => WordsEvent::Failed,
        other => return unknown(other, "words event"),
    })
}

fn reply(words: &mut Words) -> Result<ReplyEvent, TextError> {
    Ok(match words.word()?.as_str() {
        "text" => ReplyEvent::Text(words.text()?),
        "tool" => ReplyEvent::Tool(tool(words)?),
        "withheld" => ReplyEvent::Withheld,
        "done" => ReplyEvent::Done,
        "failed" => ReplyEvent::Failed,
        other => return unknown(other, "reply event"),
    })
}

pub(super) fn tool(words: &mut Words) -> Result<Tool, TextError> {
    Ok(match words.word()?.as_str() {
        "hang-up" => Tool::HangUp,
        "keys" => Tool::PressKeys(words.text()?),
        "wait" => Tool::Wait,
        "transfer" => Tool::Transfer(words.text()?),
        "ask" => Tool::Ask(words.text()?),
        "fact" => Tool::Note(words.text()?),
        other => return unknown(other, "tool"),
    })
}

fn speech(words: &mut Words) -> Result<SpeechEvent, TextError> {
    Ok(match words.word()?.as_str() {
        "audio" => SpeechEvent::Audio(words.duration()?),
        "words" => {
            let mut ends = Vec::new();
            while words.items.peek().is_some() {
                ends.push(words.duration()?);
            }
            SpeechEvent::Words(ends)
        }
        "done" => SpeechEvent::Done(words.duration()?),
        "failed" => SpeechEvent::Failed,
        other => return unknown(other, "speech event"),
    })
}

fn playout(words: &mut Words) -> Result<PlayoutEvent, TextError> {
    let clause = words.clause()?;
    Ok(match words.word()?.as_str() {
        "sent" => PlayoutEvent::Sent(clause, words.duration()?),
        "heard" => PlayoutEvent::Heard(clause, words.duration()?),
        "finished" => PlayoutEvent::Finished(clause),
        other => return unknown(other, "playout event"),
    })
}

fn command(words: &mut Words) -> Result<Command, TextError> {
    Ok(match words.word()?.as_str() {
        "say" => Command::Say(words.text()?),
        "instruct" => Command::Instruct(words.text()?),
        "answer" => Command::Answer {
            question: words.parse("question")?,
            text: words.text()?,
        },
        "interrupt" => Command::Interrupt,
        "keys" => Command::PressKeys(words.text()?),
        "transfer" => Command::Transfer(words.text()?),
        "mute" => Command::Mute(words.switch()?),
        "hang-up" => Command::HangUp,
        "cancel" => Command::Cancel {
            now: words.take("now"),
        },
        "drain" => Command::Drain,
        other => return unknown(other, "command"),
    })
}

fn history(words: &mut Words) -> Result<Vec<Message>, TextError> {
    let mut history = Vec::new();
    while words.items.peek().is_some() {
        let speaker = Names::read(&words.word()?)?;
        history.push(Message {
            speaker,
            text: words.text()?,
            interrupted: words.take("cut"),
        });
    }
    Ok(history)
}

fn latency(words: &mut Words) -> Result<Latency, TextError> {
    Ok(Latency {
        end_of_turn: words.time("end-of-turn")?,
        words: words.time("words")?,
        first_token: words.time("first-token")?,
        first_sound: words.time("first-sound")?,
        wire: words.time("wire")?,
        felt_silence: words.time("felt")?,
    })
}

fn turn(words: &mut Words, origin: Instant) -> Result<Turn, TextError> {
    let (speaker, text) = (Names::read(&words.word()?)?, words.text()?);
    let mut instant = |key| {
        let offset = words.time(key)?;
        origin
            .checked_add(offset)
            .ok_or_else(|| TextError::new("an offset is too large"))
    };
    let (started, ended) = (instant("started")?, instant("ended")?);
    let interrupted = words.take("cut");
    let latency = if words.items.peek().is_some() {
        Some(latency(words)?)
    } else {
        None
    };
    Ok(Turn {
        speaker,
        text,
        started,
        ended,
        interrupted,
        latency,
    })
}

fn end(words: &mut Words) -> Result<End, TextError> {
    Ok(match words.word()?.as_str() {
        "agent-hung-up" => End::AgentHungUp,
        "callee-hung-up" => End::CalleeHungUp,
        "voicemail" => End::Voicemail,
        "max-duration" => End::MaxDuration,
        "silence" => End::Silence,
        "canceled" => End::Canceled,
        "transferred" => End::Transferred,
        "failed" => End::Failed(Names::read(&words.word()?)?),
        other => return unknown(other, "end"),
    })
}
