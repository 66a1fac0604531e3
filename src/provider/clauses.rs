//! What every local voice needs around its synthesiser: clauses spoken in order, forgotten at once when their
//! generation is cancelled, and joined without the long silences that synthesisers put around a text.
//!
//! A synthesiser is a function from text to a channel of [`Sound`]. Dropping the channel's receiver tells it to
//! stop. This file does not know how sound is made.

use std::{collections::VecDeque, time::Duration};

use call::{ClauseId, Generation};
use tokio::sync::mpsc;

use super::{ProviderError, ProviderErrorKind, TtsEvent, TtsInput, TtsStream};

mod trim;

use trim::Trim;

/// Clauses that may wait for their turn; a reply with more of them is cut, and the cut clauses are reported as
/// failed. Far above what a person would listen to.
const WAITING: usize = 256;
/// Pieces of sound between the synthesiser and the driver. The synthesiser waits when they are not fetched.
const EVENTS: usize = 32;
/// Orders on their way in. The driver waits for room, which there always is: orders are taken at once.
const ORDERS: usize = 32;

/// What a synthesiser makes of one text. The end of the channel is the end of the text.
#[derive(Debug)]
pub(super) enum Sound {
    /// When each white-space separated word ends, from the start of the sound, as far as that is known; replaces what
    /// was said before.
    Words(Vec<Duration>),
    /// The next mono samples, and how many of them make a second.
    Samples(Vec<i16>, u32),
    /// The text cannot be spoken to its end. Nothing follows.
    Failed(ProviderError),
}

/// Opens a voice over `synthesize`, which is called once per clause, never twice at a time.
pub(super) fn open<S>(synthesize: S) -> TtsStream
where
    S: FnMut(String) -> mpsc::Receiver<Sound> + Send + 'static,
{
    let (input, orders) = mpsc::channel(ORDERS);
    let (out, events) = mpsc::channel(EVENTS);
    tokio::spawn(async move {
        let mut voice = Clauses {
            synthesize,
            waiting: VecDeque::new(),
            current: None,
            ready: VecDeque::new(),
        };
        voice.run(orders, out).await;
    });
    TtsStream { input, events }
}

struct Clauses<S> {
    synthesize: S,
    waiting: VecDeque<(ClauseId, String)>,
    current: Option<Current>,
    /// Events for the driver; more sound is only fetched when this is empty.
    ready: VecDeque<TtsEvent>,
}

struct Current {
    clause: ClauseId,
    sound: mpsc::Receiver<Sound>,
    trim: Trim,
}

impl<S: FnMut(String) -> mpsc::Receiver<Sound>> Clauses<S> {
    async fn run(&mut self, mut orders: mpsc::Receiver<TtsInput>, out: mpsc::Sender<TtsEvent>) {
        let mut listening = true;
        loop {
            self.begin_next();
            if !listening && self.current.is_none() && self.ready.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                order = orders.recv(), if listening => match order {
                    Some(order) => self.order(order),
                    None => listening = false,
                },
                room = out.reserve(), if !self.ready.is_empty() => {
                    let Ok(room) = room else { return };
                    if let Some(event) = self.ready.pop_front() {
                        room.send(event);
                    }
                }
                sound = next_sound(&mut self.current), if self.ready.is_empty() => self.sound(sound),
            }
        }
    }

    fn begin_next(&mut self) {
        if self.current.is_some() {
            return;
        }
        if let Some((clause, text)) = self.waiting.pop_front() {
            let trim = Trim::new(&text);
            self.current = Some(Current {
                clause,
                sound: (self.synthesize)(text),
                trim,
            });
        }
    }

    fn order(&mut self, order: TtsInput) {
        match order {
            TtsInput::Speak { clause, .. } if self.waiting.len() >= WAITING => {
                let error = ProviderError::new(
                    ProviderErrorKind::Busy,
                    "more clauses wait to be spoken than a call can hold; cancel the reply or send less text",
                );
                self.ready.push_back(TtsEvent::Failed { clause, error });
            }
            TtsInput::Speak { clause, text } => self.waiting.push_back((clause, text)),
            TtsInput::Cancel(generation) => self.cancel(generation),
        }
    }

    fn cancel(&mut self, generation: Generation) {
        let alive = |clause: ClauseId| clause.generation > generation;
        self.waiting.retain(|(clause, _)| alive(*clause));
        self.ready.retain(|event| alive(event.clause()));
        if self
            .current
            .as_ref()
            .is_some_and(|current| !alive(current.clause))
        {
            self.current = None;
        }
    }

    /// Takes what the synthesiser of the current clause said, `None` for its end.
    fn sound(&mut self, sound: Option<Sound>) {
        let Some(current) = &mut self.current else {
            return;
        };
        let clause = current.clause;
        match sound {
            Some(Sound::Words(ends)) => current.trim.words(ends),
            Some(Sound::Samples(samples, rate)) => {
                let cut = current.trim.push(&samples, rate);
                self.ready.extend(cut.events(clause));
            }
            Some(Sound::Failed(error)) => {
                self.current = None;
                self.ready.push_back(TtsEvent::Failed { clause, error });
            }
            None => {
                let cut = current.trim.finish();
                self.current = None;
                self.ready.extend(cut.events(clause));
                self.ready.push_back(TtsEvent::Done(clause));
            }
        }
    }
}

/// Waits for the next sound of the current clause; for ever when there is none.
async fn next_sound(current: &mut Option<Current>) -> Option<Sound> {
    match current {
        Some(current) => current.sound.recv().await,
        None => std::future::pending().await,
    }
}

/// Replaces what Latin-script synthesisers spell out or swallow: typographic quotes and dashes, ellipses, accented
/// letters, and control characters. Everything else stays; characters that no rule knows become blanks.
pub(super) fn plain_english(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{2018}' | '\u{2019}' | '\u{02bc}' | '\u{2032}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{ab}' | '\u{bb}' => plain.push('"'),
            '\u{2010}' | '\u{2011}' => plain.push('-'),
            '\u{2012}'..='\u{2015}' => plain.push_str(", "),
            '\u{2026}' => plain.push_str(", "),
            '&' => plain.push_str(" and "),
            '\u{20ac}' => plain.push_str(" euros "),
            '\u{a3}' => plain.push_str(" pounds "),
            '\u{e0}'..='\u{e5}' | '\u{c0}'..='\u{c5}' => plain.push('a'),
            '\u{e6}' | '\u{c6}' => plain.push_str("ae"),
            '\u{e7}' | '\u{c7}' => plain.push('c'),
            '\u{e8}'..='\u{eb}' | '\u{c8}'..='\u{cb}' => plain.push('e'),
            '\u{ec}'..='\u{ef}' | '\u{cc}'..='\u{cf}' => plain.push('i'),
            '\u{f1}' | '\u{d1}' => plain.push('n'),
            '\u{f2}'..='\u{f6}' | '\u{f8}' | '\u{d2}'..='\u{d6}' | '\u{d8}' => plain.push('o'),
            '\u{f9}'..='\u{fc}' | '\u{d9}'..='\u{dc}' => plain.push('u'),
            '\u{fd}' | '\u{ff}' | '\u{dd}' => plain.push('y'),
            '\u{df}' => plain.push_str("ss"),
            '<' | '>' | '{' | '}' | '[' | ']' | '*' | '_' | '`' | '|' | '~' | '^' | '\\' => {
                plain.push(' ')
            }
            c if c.is_ascii() && !c.is_ascii_control() => plain.push(c),
            _ => plain.push(' '),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
