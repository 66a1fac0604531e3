//! Barge-in: the callee speaks while the agent does. Interruption, or only listening, a cough, an echo?
//!
//! The agent's sound stops at the first voiced edge and its unplayed rest is kept, so that the judgement can take
//! its time without talking over anybody, and can be taken back. Decides what the sound was; [`crate::Call`]
//! carries it out.

use std::time::{Duration, Instant};

use crate::words;

/// A sound over the agent's speech that is being judged.
#[derive(Debug, Clone)]
pub(crate) struct BargeIn {
    /// When the agent was paused.
    pub(crate) at: Instant,
    /// Where the callee's new words begin in the open turn.
    pub(crate) base: usize,
    /// Where those of this sound and of sounds shortly before it, which were nothing, begin.
    pub(crate) first: usize,
    /// Likelihood of echo, as last reported.
    pub(crate) echo: f32,
    /// Voiced time so far.
    pub(crate) voiced: Duration,
    /// When the voice was known to have ended.
    pub(crate) ended: Option<Instant>,
    /// Whether the agent speaks again; words that come late can still interrupt it.
    pub(crate) resumed: bool,
}

/// What is known of the sound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sound<'a> {
    /// The words heard, lower case.
    pub(crate) words: &'a [String],
    /// The words of the agent that went to the line.
    pub(crate) agent: &'a [String],
    /// Likelihood that it is the agent's own voice come back, from the sound.
    pub(crate) echo: f32,
    /// Voiced time.
    pub(crate) voiced: Duration,
    /// Whether the voice has ended.
    pub(crate) ended: bool,
    /// Whether the recogniser still owes final words.
    pub(crate) awaits_words: bool,
    /// Time since the agent was paused.
    pub(crate) elapsed: Duration,
    /// Time since the voice was known to have ended.
    pub(crate) over: Duration,
    /// Whether the agent is taking leave, so that the callee's leave-taking is no objection.
    pub(crate) leaving: bool,
    /// Whether voice without words has turned out to be noise on this line before.
    pub(crate) noisy: bool,
}

/// What a sound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The callee takes the floor.
    Interruption,
    /// Nothing that concerns the agent.
    FalseAlarm,
    /// Not known yet.
    Open,
}

/// Limits of the judgement, from the configuration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// After this much time with the voice over, what is known must do.
    pub(crate) decide: Duration,
    /// This much voice is an interruption without words.
    pub(crate) voiced: Duration,
}

/// From here on a sound is more than a cough or a listener's word, and a recogniser has had enough of it to be believed.
const LASTING: Duration = Duration::from_millis(700);
/// A word that is urgent is believed while the sound goes on once it has gone on for this long: the first guesses at a
/// cough are made of such words.
const URGENT_AFTER: Duration = Duration::from_millis(240);
/// A few words that are not urgent take this long.
const PHRASE: Duration = Duration::from_millis(550);
/// Words that make a sentence of a lasting sound, however they were heard.
const SENTENCE: usize = 3;
/// No word is said faster.
const WORD: Duration = Duration::from_millis(80);
/// How long final words are waited for after the end of the voice; the agent is silent meanwhile.
pub(crate) const WORDS_WAIT: Duration = Duration::from_millis(300);

/// From this likelihood on, words that resemble the agent's are taken for its own.
const ECHO_POSSIBLE: f32 = 0.25;

/// Judges a sound.
pub(crate) fn verdict(sound: Sound<'_>, limits: Limits) -> Verdict {
    if is_intrusive(sound) {
        return Verdict::Interruption;
    }
    let decided = sound.elapsed >= limits.decide && sound.over >= WORDS_WAIT;
    if sound.ended {
        return if sound.awaits_words && !decided {
            Verdict::Open
        } else {
            Verdict::FalseAlarm
        };
    }
    // The agent stays silent while the callee makes any sound; only a long one without words, or a very long one
    // with words of a listener or of laughter, is taken for an interruption.
    let laughs = !sound.words.is_empty() && words::is_empty(sound.words);
    let enough = if listens(sound) || laughs {
        limits.voiced * 2
    } else {
        limits.voiced
    };
    match sound.voiced >= enough {
        true if sound.noisy => Verdict::FalseAlarm,
        true => Verdict::Interruption,
        false => Verdict::Open,
    }
}

/// Whether the words, if there are any, are a listener's.
fn listens(sound: Sound<'_>) -> bool {
    let words = sound.words;
    words::is_backchannel(words)
        || !words.is_empty() && words::is_hesitation(words)
        || sound.leaving && !words.is_empty() && words::is_farewell(words)
}

/// Whether the words are more than a listener's, and sure enough: recognisers hear words in coughs and laughs, and other
/// words in an "uh-huh". The shorter the sound, the more the words must be such as take the floor.
fn is_intrusive(sound: Sound<'_>) -> bool {
    if sound.words.is_empty() || listens(sound) || is_own(sound) {
        return false;
    }
    // Words that came without the voice to say them are of something that was no voice: an echo that was known for one.
    if sound.voiced < WORD * u32::try_from(sound.words.len()).unwrap_or(u32::MAX) {
        return false;
    }
    let said = words::beyond_listening(sound.words);
    let urgent = words::is_urgent(&said);
    // Of a sound that is over, the final words are a moment away, and they are better.
    if sound.ended && sound.awaits_words && !urgent && said.len() < SENTENCE {
        return false;
    }
    match said.len() {
        0 => false,
        _ if words::is_empty(&said) => false,
        // Laughter: "ha ha ha".
        _ if words::is_one_repeated(&said) => {
            urgent && (sound.ended || sound.voiced >= URGENT_AFTER)
        }
        1 => {
            let long = said[0].chars().count() >= 5 && sound.voiced >= LASTING;
            sound.ended && (urgent || long) || urgent && sound.voiced >= URGENT_AFTER
        }
        count if sound.voiced >= LASTING => {
            let enough = count >= SENTENCE || words::takes_floor(&said);
            enough || sound.ended && sound.voiced < LASTING * 2
        }
        _ if !sound.ended => urgent && sound.voiced >= URGENT_AFTER,
        count => {
            let phrase = count >= SENTENCE && words::takes_floor(&said);
            urgent || phrase || sound.voiced >= PHRASE
        }
    }
}

/// Whether the words are the agent's own come back. While the voice goes on, any run of its words may be; in the
/// end, without support from the sound, only three or more in a row are: a callee repeats two.
fn is_own(sound: Sound<'_>) -> bool {
    let words = sound.words;
    let phrase: Vec<_> = words.iter().map(String::as_str).collect();
    let run = words::contains(sound.agent, &phrase);
    if sound.echo >= ECHO_POSSIBLE && words::is_echo_of(words, sound.agent) {
        return true;
    }
    run && (words.len() >= 3 || !sound.ended && !words::is_urgent(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        decide: Duration::from_millis(500),
        voiced: Duration::from_millis(900),
    };

    fn judge(text: &str, voiced: u64, ended: bool, change: impl Fn(&mut Sound<'_>)) -> Verdict {
        let (heard, agent) = (
            words::tokens(text),
            words::tokens("I'd like to book a table for two"),
        );
        let mut sound = Sound {
            words: &heard,
            agent: &agent,
            echo: 0.0,
            voiced: Duration::from_millis(voiced),
            ended,
            awaits_words: false,
            elapsed: Duration::from_millis(voiced),
            over: Duration::ZERO,
            leaving: false,
            noisy: false,
        };
        change(&mut sound);
        verdict(sound, LIMITS)
    }

    #[test]
    fn words_beyond_listening_interrupt_at_once() {
        assert_eq!(judge("no", 150, true, |_| ()), Verdict::Interruption);
        assert_eq!(
            judge("sorry we are", 400, false, |_| ()),
            Verdict::Interruption
        );
        assert_eq!(
            judge("okay but we are", 800, false, |_| ()),
            Verdict::Interruption
        );
        assert_eq!(
            judge("we're full", 600, true, |_| ()),
            Verdict::Interruption
        );
        assert_eq!(judge("who is it", 500, true, |_| ()), Verdict::Interruption);
    }

    #[test]
    fn listening_coughs_and_echo_do_not() {
        assert_eq!(judge("uh-huh", 350, true, |_| ()), Verdict::FalseAlarm);
        assert_eq!(judge("", 250, true, |_| ()), Verdict::FalseAlarm);
        assert_eq!(judge("the", 150, true, |_| ()), Verdict::FalseAlarm);
        assert_eq!(judge("um", 300, true, |_| ()), Verdict::FalseAlarm);
        // What recognisers make of coughs, laughs and an "uh-huh".
        for (text, voiced) in [
            ("but", 300),
            ("but uh huh", 300),
            ("look that up", 280),
            ("up up up up", 640),
            ("who", 540),
            ("beth", 280),
            ("of of of", 560),
            ("of have", 720),
            ("f f f f", 760),
            ("both have", 1200),
            ("i'm looking", 480),
            // The agent's own words, misheard after their voice was known for an echo.
            ("we are why", 140),
        ] {
            assert_eq!(
                judge(text, voiced, true, |_| ()),
                Verdict::FalseAlarm,
                "{text}"
            );
        }
        assert_eq!(judge("the", 300, false, |_| ()), Verdict::Open);
        assert_eq!(judge("no", 100, false, |_| ()), Verdict::Open);
        assert_eq!(judge("book a table for", 800, false, |_| ()), Verdict::Open);
        assert_eq!(
            judge("book a table for two", 800, true, |_| ()),
            Verdict::FalseAlarm
        );
        assert_eq!(judge("for two", 500, false, |_| ()), Verdict::Open);
        assert_eq!(judge("for two", 600, true, |_| ()), Verdict::Interruption);
        let faint = |sound: &mut Sound<'_>| sound.echo = 0.4;
        assert_eq!(judge("for two", 600, true, faint), Verdict::FalseAlarm);
    }

    #[test]
    fn a_voice_that_goes_on_is_waited_for_and_then_believed() {
        assert_eq!(judge("", 600, false, |_| ()), Verdict::Open);
        assert_eq!(judge("", 900, false, |_| ()), Verdict::Interruption);
        assert_eq!(
            judge("", 900, false, |sound| sound.noisy = true),
            Verdict::FalseAlarm
        );
        assert_eq!(judge("of of of", 1600, false, |_| ()), Verdict::Open);
        assert_eq!(judge("yeah yeah", 1000, false, |_| ()), Verdict::Open);
        assert_eq!(
            judge("yeah yeah", 1900, false, |_| ()),
            Verdict::Interruption
        );
    }

    #[test]
    fn words_still_to_come_are_waited_for_until_the_limit() {
        assert_eq!(
            judge("", 300, true, |sound| sound.awaits_words = true),
            Verdict::Open
        );
        let late = |sound: &mut Sound<'_>| {
            sound.awaits_words = true;
            sound.elapsed = LIMITS.decide;
            sound.over = WORDS_WAIT;
        };
        assert_eq!(judge("", 300, true, late), Verdict::FalseAlarm);
    }

    #[test]
    fn guesses_at_a_sound_that_is_over_give_way_to_its_final_words() {
        let awaits = |sound: &mut Sound<'_>| sound.awaits_words = true;
        assert_eq!(judge("a path", 640, true, awaits), Verdict::Open);
        assert_eq!(judge("no", 200, true, awaits), Verdict::Interruption);
    }

    #[test]
    fn taking_leave_is_no_objection_to_a_goodbye() {
        assert_eq!(
            judge("okay bye", 500, true, |sound| sound.leaving = true),
            Verdict::FalseAlarm
        );
        assert_eq!(
            judge("wait", 300, true, |sound| sound.leaving = true),
            Verdict::Interruption
        );
    }
}
