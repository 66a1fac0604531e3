//! The lines below the `---`: what the callee does, one line a step.

use std::{path::PathBuf, time::Duration};

use super::words::{Words, Wrong};
use crate::line::simulated::scenario::{
    Action, Condition, Play, Progress, Reaction, Sound, SoundId, Step, Wait,
};

const TICK: Duration = Duration::from_millis(20);
const MINUTE: Duration = Duration::from_secs(60);
const MOST_STEPS: usize = 1000;
const LONGEST_TEXT: usize = 1000;

const ACTIONS: &str =
    "say, murmur, play, music, beep, tone, cough, door, wait, press, repeat, go to, hang up";

/// The steps read so far.
#[derive(Default)]
pub(super) struct Steps {
    steps: Vec<Step>,
    sounds: Vec<Sound>,
    labels: Vec<Label>,
    /// A reaction other than picking up, and the line that says so.
    instead: Option<Reaction>,
    /// `if` lines of the settings: they hold for every wait that has no `if silence` of its own.
    everywhere: Vec<(Condition, Action)>,
}

/// A name for a step. Until everything is read, a `go to` holds the position of its label in the table.
struct Label {
    name: String,
    step: Option<usize>,
    first_line: usize,
}

impl Steps {
    /// Reads an `if` line of the settings.
    pub(super) fn everywhere(
        &mut self,
        line: &str,
        number: usize,
        patience: Duration,
    ) -> Result<(), Wrong> {
        let (condition, action) = self.alternative(line, number, patience)?;
        if !matches!(condition, Condition::Silence(_)) {
            return Err("above the `---` only `if silence for …` may stand".into());
        }
        self.everywhere.push((condition, action));
        Ok(())
    }

    /// Reads one line.
    pub(super) fn line(
        &mut self,
        line: &str,
        number: usize,
        patience: Duration,
    ) -> Result<(), Wrong> {
        let mut words = Words::new(line)?;
        if words.is_empty() {
            return Ok(());
        }
        if self.instead.is_some() || self.steps.len() >= MOST_STEPS {
            return Err(match self.instead {
                Some(_) => "nothing may follow a callee who does not pick up".into(),
                None => format!("a scenario has at most {MOST_STEPS} steps"),
            });
        }
        if words.take("if") {
            let alternative = self.alternative(line, number, patience)?;
            let Some(Step::Until(wait)) = self.steps.last_mut() else {
                return Err("an `if` belongs below the `until` during which it holds".into());
            };
            wait.otherwise.push(alternative);
            return Ok(());
        }
        self.step(&mut words, number, patience)?;
        words.end()
    }

    /// Returns everything, or the line that is wrong and how.
    pub(super) fn finish(mut self, last: usize) -> Result<(Reaction, Vec<Sound>), (usize, Wrong)> {
        if let Some(reaction) = self.instead {
            return Ok((reaction, Vec::new()));
        }
        if self.steps.is_empty() {
            return Err((last, "expected at least one step after the `---`".into()));
        }
        if let Some(label) = self.labels.iter().find(|label| label.step.is_none()) {
            let (line, name) = (label.first_line, &label.name);
            return Err((line, format!("there is no `label {name}` to go to")));
        }
        let silence = |condition: &Condition| matches!(condition, Condition::Silence(_));
        for step in &mut self.steps {
            let Step::Until(wait) = step else { continue };
            let own = wait
                .otherwise
                .iter()
                .any(|(condition, _)| silence(condition));
            if !own && !silence(&wait.condition) {
                wait.otherwise.extend(self.everywhere.iter().cloned());
            }
        }
        let labels = self.labels;
        let resolve = |action: &mut Action| {
            if let Action::GoTo(to) = action {
                *to = labels[*to].step.unwrap_or_default();
            }
        };
        for step in &mut self.steps {
            match step {
                Step::Do(action) => resolve(action),
                Step::Until(wait) => wait.otherwise.iter_mut().for_each(|(_, a)| resolve(a)),
            }
        }
        Ok((Reaction::Answers(self.steps), self.sounds))
    }

    fn step(&mut self, words: &mut Words, number: usize, patience: Duration) -> Result<(), Wrong> {
        if words.take("until") {
            let condition = condition(words, patience)?;
            let otherwise = Vec::new();
            self.steps.push(Step::Until(Wait {
                condition,
                otherwise,
            }));
            return Ok(());
        }
        if words.take("label") {
            let name = words.word("a name")?;
            let here = self.steps.len();
            let label = self.label(name, number);
            return match self.labels[label].step.replace(here) {
                Some(_) => Err(format!("`label {}` stands twice", self.labels[label].name)),
                None => Ok(()),
            };
        }
        if let Some(reaction) = instead(words) {
            if !self.steps.is_empty() || !self.labels.is_empty() {
                return Err("a callee who does not pick up has no other steps".into());
            }
            self.instead = Some(reaction);
            return Ok(());
        }
        let Some(action) = self.action(words, number)? else {
            return Err(words.expected(&format!(
                "a step, one of: until, label, {ACTIONS}, never answers, declines, busy, no such number"
            )));
        };
        self.steps.push(Step::Do(action));
        Ok(())
    }

    /// Reads `if CONDITION: ACTION`.
    fn alternative(
        &mut self,
        line: &str,
        number: usize,
        patience: Duration,
    ) -> Result<(Condition, Action), Wrong> {
        let Some((before, after)) = line.split_once(':') else {
            return Err("expected `:` and an action after the condition of `if`".into());
        };
        let mut words = Words::new(before)?;
        words.demand("if")?;
        let condition = condition(&mut words, patience)?;
        words.end()?;
        let mut words = Words::new(after)?;
        let action = if words.take_all(&["go", "on"]) {
            Action::GoOn
        } else {
            match self.action(&mut words, number)? {
                Some(action) => action,
                None => return Err(words.expected(&format!("an action, one of: {ACTIONS}, go on"))),
            }
        };
        words.end()?;
        Ok((condition, action))
    }

    fn action(&mut self, words: &mut Words, number: usize) -> Result<Option<Action>, Wrong> {
        if let Some(play) = self.play(words)? {
            return Ok(Some(Action::Play(play)));
        }
        Ok(Some(if words.take("wait") {
            Action::Pause(words.duration(TICK..=30 * MINUTE)?)
        } else if words.take("press") {
            Action::Press(words.keys()?)
        } else if words.take("repeat") {
            Action::Repeat
        } else if words.take_all(&["hang", "up"]) {
            Action::HangUp
        } else if words.take_all(&["go", "to"]) {
            let name = words.word("the name of a label")?;
            Action::GoTo(self.label(name, number))
        } else {
            return Ok(None);
        }))
    }

    fn play(&mut self, words: &mut Words) -> Result<Option<Play>, Wrong> {
        let mut takes_turn = true;
        let sound = if words.take("say") {
            Sound::Speech(spoken(words)?)
        } else if words.take("murmur") {
            takes_turn = false;
            Sound::Speech(spoken(words)?)
        } else if words.take("play") {
            Sound::Recording(PathBuf::from(words.file()?))
        } else if words.take("music") {
            Sound::Music(words.duration(TICK..=10 * MINUTE)?)
        } else if words.take("beep") {
            beep(words)?
        } else if words.take("tone") {
            let tones = [Progress::Ringback, Progress::Busy, Progress::Sit];
            let tone = tones[words.choice(&["ringback", "busy", "sit"])?];
            Sound::Progress(tone, words.duration(TICK..=10 * MINUTE)?)
        } else if words.take("cough") {
            takes_turn = false;
            Sound::Cough
        } else if words.take("door") {
            takes_turn = false;
            Sound::Door
        } else {
            return Ok(None);
        };
        let at_most = match words.take("for") {
            true => Some(words.duration(TICK..=10 * MINUTE)?),
            false => None,
        };
        let until_key = words.take_all(&["until", "key"]);
        let known = self.sounds.iter().position(|known| *known == sound);
        let sound = SoundId(known.unwrap_or_else(|| {
            self.sounds.push(sound);
            self.sounds.len() - 1
        }));
        Ok(Some(Play {
            sound,
            at_most,
            until_key,
            takes_turn,
        }))
    }

    fn label(&mut self, name: String, line: usize) -> usize {
        let known = self.labels.iter().position(|label| label.name == name);
        known.unwrap_or_else(|| {
            self.labels.push(Label {
                name,
                step: None,
                first_line: line,
            });
            self.labels.len() - 1
        })
    }
}

fn instead(words: &mut Words) -> Option<Reaction> {
    let reactions: [(&[&str], Reaction); 4] = [
        (&["never", "answers"], Reaction::NeverAnswers),
        (&["declines"], Reaction::Declines),
        (&["busy"], Reaction::Busy),
        (&["no", "such", "number"], Reaction::NoSuchNumber),
    ];
    let mut found = reactions.into_iter();
    found.find_map(|(spelled, reaction)| words.take_all(spelled).then_some(reaction))
}

fn condition(words: &mut Words, patience: Duration) -> Result<Condition, Wrong> {
    let lasting = |words: &mut Words, otherwise: Duration| match words.take("for") {
        true => words.duration(TICK..=30 * MINUTE),
        false => Ok(otherwise),
    };
    if words.take_all(&["agent", "speaks"]) {
        return Ok(Condition::Speaks(lasting(words, Duration::ZERO)?));
    }
    if words.take_all(&["agent", "stops"]) {
        return Ok(Condition::Stops(lasting(words, patience)?));
    }
    if words.take("silence") {
        words.demand("for")?;
        return Ok(Condition::Silence(words.duration(TICK..=30 * MINUTE)?));
    }
    if words.take("key") || words.take("keys") {
        return Ok(Condition::Keys(words.keys()?));
    }
    if words.take_all(&["any", "key"]) {
        return Ok(Condition::AnyKey);
    }
    Err(words
        .expected("a condition, one of: agent speaks, agent stops, silence for …, key …, any key"))
}

fn spoken(words: &mut Words) -> Result<String, Wrong> {
    let text = words.text("what is said")?;
    if text.len() > LONGEST_TEXT {
        return Err(format!("a text has at most {LONGEST_TEXT} bytes"));
    }
    Ok(text)
}

/// `beep`, `beep 400 ms`, `beep 440 Hz`, `beep 440 Hz 400 ms`.
fn beep(words: &mut Words) -> Result<Sound, Wrong> {
    let hertz = match words.unit_that_follows() == Some("Hz") {
        true => words.number("Hz", 200.0..=3400.0)?,
        false => 1000.0,
    };
    let length = match words.number_follows() {
        true => words.duration(TICK..=MINUTE)?,
        false => Duration::from_millis(500),
    };
    Ok(Sound::Beep { hertz, length })
}
