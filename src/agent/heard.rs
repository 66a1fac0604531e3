//! What a callee's words do: confirm, refuse, ask, offer, put on hold.
//!
//! A table of phrases (`heard/phrases.txt`) is laid over the words, the more telling phrases first; each word counts once. The
//! words can only become one of these acts or nothing: whatever else is said, orders to the agent included, has no
//! meaning here and so no effect.

use std::{collections::HashMap, ops::Range, sync::LazyLock};

use super::{
    task,
    when::{self, Day, TimeWords},
    words::{Pattern, Text, words},
};

/// One thing that a callee does with words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    /// Says that it is done: `you're all set`, `see you at seven`.
    Confirms,
    /// Says that it can be done: `we can do that`, `no problem`.
    Agrees,
    /// Says yes, or anything like it.
    Yes,
    /// Says no.
    No,
    /// Is sorry: `I'm afraid`, `unfortunately`. Whoever is sorry has not said yes.
    Regrets,
    /// Says that it cannot be done.
    Refuses(Refusal),
    /// Puts something else forward: `how about`, `I only have`.
    Offers,
    /// Asks to wait.
    Hold,
    /// Announces that calls wait in a queue.
    Queue,
    /// Connects to somebody else.
    Transfer,
    /// Is a voice mailbox.
    Voicemail,
    /// Is a menu.
    Menu,
    /// Wants something from the agent.
    Asks(Ask),
    /// Tells the agent what to say or be: a line of such words means nothing else.
    Orders,
    /// Says hello.
    Greets,
    /// Thanks.
    Thanks,
    /// Says goodbye.
    Bye,
}

/// Why something cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Refusal {
    /// No place left.
    Full,
    /// The business is closed then.
    Closed,
    /// It takes no bookings (by telephone).
    NoBookings,
    /// There is no such booking, nothing was found.
    NotFound,
    /// Nobody can help with that, or not now.
    CannotHelp,
    /// This is somebody else's number.
    WrongNumber,
    /// The callee does not want to be called.
    Unwelcome,
}

/// What a callee asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// How many people.
    Party,
    /// What time.
    Time,
    /// Which day.
    Day,
    /// When, day and time.
    When,
    /// Under which name.
    Name,
    /// How the name is spelled.
    Spelling,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// Allergies, occasions, other wishes.
    Needs,
    /// Where to sit.
    Seating,
    /// A card number or a deposit.
    Card,
    /// Whether this is a machine.
    Robot,
    /// Who is calling.
    Identity,
    /// What the call is about.
    Purpose,
    /// To say it again.
    Repeat,
    /// Whether the callee has it right: `a table for two, is that correct`.
    Right,
    /// Whether there is anything else.
    Else,
    /// Whether a message is to be taken.
    Message,
    /// Whether the agent is there.
    Presence,
    /// Something that the agent was not told.
    Unknown,
}

/// The table of phrases.
static SIGNS: LazyLock<Signs> = LazyLock::new(|| {
    let phrases = parse(include_str!("heard/phrases.txt")).expect("the phrases are tested");
    Signs::new(phrases)
});

/// The phrases in the order of their file, found by how they begin: most lines need only a few of them.
struct Signs {
    phrases: Vec<(Act, Pattern<'static>)>,
    by_sound: HashMap<&'static str, Vec<usize>>,
    /// Phrases that may begin with anything.
    always: Vec<usize>,
}

impl Signs {
    fn new(phrases: Vec<(Act, Pattern<'static>)>) -> Self {
        let mut by_sound: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut always = Vec::new();
        for (index, (_, pattern)) in phrases.iter().enumerate() {
            match pattern.first_sounds() {
                Some(sounds) => sounds
                    .into_iter()
                    .for_each(|sound| by_sound.entry(sound).or_default().push(index)),
                None => always.push(index),
            }
        }
        Self {
            phrases,
            by_sound,
            always,
        }
    }

    /// The phrases that may occur in `text`, in their order.
    fn candidates(&self, text: &Text<'_>) -> impl Iterator<Item = &(Act, Pattern<'static>)> {
        let mut indices = self.always.clone();
        for sound in text.sounds() {
            indices.extend(self.by_sound.get(sound).into_iter().flatten());
        }
        indices.sort_unstable();
        indices.dedup();
        indices.into_iter().map(|index| &self.phrases[index])
    }
}

impl Ask {
    /// Whether it asks for something that only a booking needs.
    pub(crate) fn is_for_a_booking(&self) -> bool {
        matches!(
            self,
            Self::Party
                | Self::Time
                | Self::Day
                | Self::When
                | Self::Name
                | Self::Spelling
                | Self::Phone
                | Self::Email
                | Self::Needs
                | Self::Seating
                | Self::Card
        )
    }

    const ALL: &[Self] = &[
        Self::Party,
        Self::Time,
        Self::Day,
        Self::When,
        Self::Name,
        Self::Spelling,
        Self::Phone,
        Self::Email,
        Self::Needs,
        Self::Seating,
        Self::Card,
        Self::Robot,
        Self::Identity,
        Self::Purpose,
        Self::Repeat,
        Self::Right,
        Self::Else,
        Self::Message,
        Self::Presence,
        Self::Unknown,
    ];
}

/// Reads the file of phrases; the error is the line that means nothing.
fn parse(text: &str) -> Result<Vec<(Act, Pattern<'_>)>, String> {
    let mut act = None;
    let mut phrases = Vec::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
    {
        match line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            Some(name) => act = Some(act_named(name).ok_or_else(|| line.to_owned())?),
            None => phrases.push((act.ok_or_else(|| line.to_owned())?, Pattern::new(line))),
        }
    }
    Ok(phrases)
}

fn act_named(name: &str) -> Option<Act> {
    const ALL: &[Act] = &[
        Act::Confirms,
        Act::Agrees,
        Act::Yes,
        Act::No,
        Act::Regrets,
        Act::Offers,
        Act::Hold,
        Act::Queue,
        Act::Transfer,
        Act::Voicemail,
        Act::Menu,
        Act::Orders,
        Act::Greets,
        Act::Thanks,
        Act::Bye,
    ];
    if let Some(why) = name.strip_prefix("Refuses ") {
        let all = [
            Refusal::Full,
            Refusal::Closed,
            Refusal::NoBookings,
            Refusal::NotFound,
            Refusal::CannotHelp,
            Refusal::WrongNumber,
            Refusal::Unwelcome,
        ];
        return all
            .into_iter()
            .find(|r| format!("{r:?}") == why)
            .map(Act::Refuses);
    }
    if let Some(what) = name.strip_prefix("Asks ") {
        return Ask::ALL
            .iter()
            .find(|a| format!("{a:?}") == what)
            .map(|a| Act::Asks(*a));
    }
    ALL.iter().find(|a| format!("{a:?}") == name).copied()
}

/// A callee's words, read.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// The words.
    pub(crate) words: Vec<String>,
    acts: Vec<(Range<usize>, Act)>,
    /// Times of day, in order.
    pub(crate) times: Vec<TimeWords>,
    /// Days, in order.
    pub(crate) days: Vec<Day>,
    /// A number of people.
    pub(crate) party: Option<u32>,
}

impl Heard {
    /// Reads what a callee said. With `time_asked`, a bare number may be a time.
    pub(crate) fn read(text: &str, time_asked: bool) -> Self {
        let words = words(text);
        let mut acts: Vec<(Range<usize>, Act)> = Vec::new();
        let prepared = Text::new(&words);
        for (act, pattern) in SIGNS.candidates(&prepared) {
            for at in pattern.all(&prepared) {
                if acts
                    .iter()
                    .all(|(taken, _)| taken.end <= at.start || at.end <= taken.start)
                {
                    acts.push((at, *act));
                }
            }
        }
        acts.sort_by_key(|(at, _)| at.start);
        Self {
            times: when::times(&words, time_asked),
            days: when::days(&words).into_iter().map(|(_, day)| day).collect(),
            party: task::party(&words),
            acts,
            words,
        }
    }

    /// Returns whether the words do this.
    pub(crate) fn does(&self, act: Act) -> bool {
        self.acts.iter().any(|(_, a)| *a == act)
    }

    /// Returns the first reason for a refusal.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.acts.iter().find_map(|(_, act)| match act {
            Act::Refuses(why) => Some(*why),
            _ => None,
        })
    }

    /// Returns whether something was agreed to after the last refusal: `we are full, but I can squeeze you in`.
    pub(crate) fn is_overruled(&self) -> bool {
        let refused = self
            .acts
            .iter()
            .rposition(|(_, act)| matches!(act, Act::Refuses(_)));
        refused.is_some_and(|at| {
            self.acts[at..]
                .iter()
                .any(|(_, act)| matches!(act, Act::Agrees | Act::Confirms))
        })
    }

    /// Returns what is asked, in order, each once.
    pub(crate) fn asks(&self) -> Vec<Ask> {
        let mut asks = Vec::new();
        for (_, act) in &self.acts {
            if let Act::Asks(ask) = act
                && !asks.contains(ask)
            {
                asks.push(*ask);
            }
        }
        // `what was the name again` asks for one thing, although `what` alone would ask for anything.
        if asks.iter().any(|ask| *ask != Ask::Unknown) {
            asks.retain(|ask| *ask != Ask::Unknown);
        }
        asks
    }

    /// Returns whether the callee wants us to wait: asked, and nothing of weight said after it.
    pub(crate) fn holds(&self) -> bool {
        let asked = self
            .acts
            .iter()
            .rev()
            .find(|(_, act)| matches!(act, Act::Hold | Act::Queue | Act::Transfer));
        asked.is_some_and(|(at, _)| {
            !self.acts.iter().any(|(other, act)| {
                other.start > at.start
                    && matches!(
                        act,
                        Act::Confirms
                            | Act::Refuses(_)
                            | Act::Asks(_)
                            | Act::Agrees
                            | Act::Menu
                            | Act::Voicemail
                    )
            }) && self.times.last().is_none_or(|t| t.at.start < at.end)
        })
    }
}

#[cfg(test)]
mod tests;
