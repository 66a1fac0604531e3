//! Call scripts: a conversation as text, and what the call must do in it.
//!
//! Above the line `-----` stands what happens, one thing a line; below it, what the call does, with the time.
//! `UPDATE_EXPECT=1` rewrites the lower part.
//!
//! ```text
//! # Why this script exists.
//! set patience=1.5                       a setting of the call
//! world sound_lag=300ms                  how the services behave (see `world_setting`)
//! show latency thinking                  kinds of notes to print besides the usual ones
//! model "Hi, a table for two?" hang-up   what the model answers, in order; then tools; `after=500ms`,
//!                                        `broken` (fails after the text), `stuck` (never ends)
//! 0ms    line answered                   any event, at a time
//! +300ms callee 900ms "two people"       speech: voice edges and words; `echo=0.9 slope=-3 drop=-6 last=200ms`
//! +0ms   noise 300ms                     a sound without words
//! quiet+500ms callee 400ms "bye"         500 ms after the agent's next turn has ended
//! speaking+1s callee 600ms "wait"        1 s after the agent's next reply has begun to sound
//! quiet+0ms nothing                      only waits, for the times of the lines below
//! +2s    stop                            the script ends (else when the call ends)
//! ```
//!
//! Times: absolute (`1200ms`), after the end of the line before (`+300ms`), `quiet+…`, `speaking+…`.

use std::{fmt::Write as _, time::Duration};

use call::{
    Action, CallConfig, ClauseId, Event, Note, PlayoutEvent, Prosody, Recording, Speaker, Tool,
    text,
};

use super::{Answer, Ends, Manners, Step, World, epoch, ms};

/// The longest time that a script without `stop` may take.
const LIMIT: Duration = Duration::from_secs(3600);

#[derive(Debug)]
enum What {
    Event(Event),
    Speech {
        length: Duration,
        words: String,
        echo: f32,
        prosody: Prosody,
    },
    World(String),
    Nothing,
    Stop,
}

#[derive(Debug, Clone, Copy)]
enum When {
    At(Duration),
    After(Duration),
    Quiet(Duration),
    Speaking(Duration),
}

/// A script, read.
#[derive(Debug, Default)]
pub(crate) struct Script {
    config: CallConfig,
    manners: Manners,
    answers: Vec<Answer>,
    show: Vec<String>,
    lines: Vec<(When, What)>,
}

/// Reads the upper part of a script.
pub(crate) fn read(source: &str) -> Result<Script, String> {
    let mut script = Script::default();
    for (number, line) in source.lines().enumerate() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            read_line(line, &mut script)
                .map_err(|error| format!("line {}: {error}", number + 1))?;
        }
    }
    Ok(script)
}

fn read_line(line: &str, script: &mut Script) -> Result<(), String> {
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    match first {
        "set" => text::read_setting(rest, &mut script.config).map_err(|error| error.to_string())?,
        "world" => world_setting(rest, &mut script.manners)?,
        "show" => script
            .show
            .extend(rest.split_whitespace().map(str::to_owned)),
        "model" => script.answers.push(answer(rest)?),
        _ => script.lines.push((when(first)?, what(rest)?)),
    }
    Ok(())
}

fn duration(text: &str) -> Result<Duration, String> {
    text::read_duration(text).map_err(|error| error.to_string())
}

fn when(text: &str) -> Result<When, String> {
    Ok(if let Some(rest) = text.strip_prefix("quiet+") {
        When::Quiet(duration(rest)?)
    } else if let Some(rest) = text.strip_prefix("speaking+") {
        When::Speaking(duration(rest)?)
    } else if let Some(rest) = text.strip_prefix('+') {
        When::After(duration(rest)?)
    } else {
        When::At(duration(text)?)
    })
}

/// Changes how the services behave: `KEY=DURATION` or `KEY=never`, `failing_clauses=2`, `word_times=on`.
fn world_setting(text: &str, manners: &mut Manners) -> Result<(), String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("write it like sound_lag=300ms")?;
    let maybe = || {
        if value == "never" {
            Ok(None)
        } else {
            duration(value).map(Some)
        }
    };
    match key {
        "partial_lag" => manners.partial_lag = maybe()?,
        "flush_lag" => manners.flush_lag = maybe()?,
        "sound_lag" => manners.sound_lag = maybe()?,
        "playout_lag" => manners.playout_lag = maybe()?,
        "failing_clauses" => manners.failing_clauses = value.parse().map_err(|_| "not a count")?,
        "word_times" => manners.word_times = value == "on",
        _ => return Err(format!("there is no world setting '{key}'")),
    }
    Ok(())
}

fn split_quoted(rest: &str) -> Result<(String, &str), String> {
    let inner = rest
        .strip_prefix('"')
        .ok_or_else(|| format!("a quoted sentence is expected in '{rest}'"))?;
    let end = inner.find('"').ok_or("a quotation mark is missing")?;
    Ok((inner[..end].to_owned(), inner[end + 1..].trim()))
}

fn answer(rest: &str) -> Result<Answer, String> {
    let (text, mut rest) = split_quoted(rest)?;
    let mut answer = Answer {
        text,
        after: ms(300),
        ..Answer::default()
    };
    while !rest.is_empty() {
        let (word, more) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = more.trim();
        let mut quoted = || {
            let (text, more) = split_quoted(rest)?;
            rest = more;
            Ok::<_, String>(text)
        };
        match word {
            "hang-up" => answer.tools.push(Tool::HangUp),
            "wait" => answer.tools.push(Tool::Wait),
            "keys" => answer.tools.push(Tool::PressKeys(quoted()?)),
            "transfer" => answer.tools.push(Tool::Transfer(quoted()?)),
            "ask" => answer.tools.push(Tool::Ask(quoted()?)),
            "fact" => answer.tools.push(Tool::Note(quoted()?)),
            "withheld" => answer.withheld = true,
            "broken" => answer.ends = Ends::Failed,
            "stuck" => answer.ends = Ends::Never,
            _ => match word.strip_prefix("after=") {
                Some(after) => answer.after = duration(after)?,
                None => return Err(format!("'{word}' is nothing that a model does")),
            },
        }
    }
    Ok(answer)
}

fn what(rest: &str) -> Result<What, String> {
    let (first, more) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Ok(match first {
        "stop" => What::Stop,
        "nothing" => What::Nothing,
        "world" => What::World(more.trim().to_owned()),
        "callee" | "noise" => speech(first == "callee", more.trim())?,
        _ => What::Event(text::read_event(rest).map_err(|error| error.to_string())?),
    })
}

fn speech(words: bool, rest: &str) -> Result<What, String> {
    let (length, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let length = duration(length)?;
    let (words, rest) = if words {
        split_quoted(rest.trim())?
    } else {
        (String::new(), rest)
    };
    let (mut echo, mut prosody) = (0.0, Prosody::default());
    for pair in rest.split_whitespace() {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("'{pair}' is no pair"))?;
        let number = || {
            value
                .parse::<f32>()
                .map_err(|_| format!("'{value}' is no number"))
        };
        match key {
            "echo" => echo = number()?,
            "slope" => prosody.pitch_slope = number()?,
            "level" => prosody.pitch_level = number()?,
            "drop" => prosody.energy_drop = number()?,
            "last" => prosody.last_voiced = duration(value)?,
            _ => return Err(format!("'{key}' is nothing that speech has")),
        }
    }
    Ok(What::Speech {
        length,
        words,
        echo,
        prosody,
    })
}

/// Plays a script; returns what the call did, as the lower part of a script.
pub(crate) fn play(script: Script) -> Result<String, String> {
    let show = script.show.clone();
    let mut world = World::new(
        script.config.clone(),
        script.manners.clone(),
        script.answers.clone(),
    );
    let mut until = LIMIT;
    let mut after = Duration::ZERO;
    for (when, what) in script.lines {
        let at = match when {
            When::At(at) => at,
            When::After(wait) => after + wait,
            When::Quiet(wait) => run_to(&mut world, is_agent_turn)? + wait,
            When::Speaking(wait) => run_to_sound(&mut world)? + wait,
        };
        run_until(&mut world, at);
        after = at;
        match what {
            What::Event(event) => world.at(at, event),
            What::World(setting) => world_setting(&setting, &mut world.manners)?,
            What::Speech {
                length,
                words,
                echo,
                prosody,
            } => {
                world.voice(at, length, &words, echo, prosody);
                after = at + length;
            }
            What::Nothing => {}
            What::Stop => until = at,
        }
        if until < LIMIT {
            break;
        }
    }
    run_until(&mut world, until);
    if !world.is_over() && until == LIMIT {
        return Err("the call did not end within an hour; end the script with 'stop'".into());
    }
    check_replay(&world, &script.config)?;
    Ok(print(&world, &show))
}

fn run_until(world: &mut World, until: Duration) {
    world.wake_at(until);
    while world.step() == Step::Went {}
}

fn run_to(world: &mut World, wanted: fn(&Action) -> bool) -> Result<Duration, String> {
    let seen = world.actions.len();
    loop {
        if let Some((at, _)) = world.actions[seen..]
            .iter()
            .find(|(_, action)| wanted(action))
        {
            return Ok(*at);
        }
        if world.step() == Step::Still || world.is_over() || world.now > LIMIT {
            return Err("the agent's speech that a line waits for never ends".into());
        }
    }
}

fn is_agent_turn(action: &Action) -> bool {
    matches!(action, Action::Turn(turn) if turn.speaker == Speaker::Agent)
}

fn run_to_sound(world: &mut World) -> Result<Duration, String> {
    let current = |world: &World| {
        world
            .downlink
            .played
            .last()
            .map(|(_, clause, _)| clause.generation)
    };
    let before = current(world);
    let open = world
        .actions
        .iter()
        .rev()
        .find_map(|(_, action)| match action {
            Action::Turn(turn) if turn.speaker == Speaker::Agent => Some(false),
            Action::Speak { .. } => Some(true),
            _ => None,
        });
    if before.is_some() && open == Some(true) {
        // It sounds already: counted from its first sound.
        let first = world
            .downlink
            .played
            .iter()
            .find(|(_, clause, _)| Some(clause.generation) == before);
        if let Some((at, _, _)) = first {
            return Ok(*at);
        }
    }
    loop {
        if current(world) != before {
            return Ok(world.now);
        }
        if world.step() == Step::Still || world.is_over() || world.now > LIMIT {
            return Err("the agent's speech that a line waits for never begins".into());
        }
    }
}

/// Every script is also a test of keeping and replaying: through text and back, the same actions must come out.
fn check_replay(world: &World, config: &CallConfig) -> Result<(), String> {
    let kept = Recording {
        config: config.clone(),
        events: world.events.clone(),
        actions: world.actions.clone(),
    };
    let origin = epoch();
    let read =
        Recording::read(&kept.write(world.origin), origin).map_err(|error| error.to_string())?;
    read.replay(origin)
        .map_err(|difference| difference.to_string())
}

fn print(world: &World, show: &[String]) -> String {
    let mut out = String::new();
    for (at, action) in &world.actions {
        if is_shown(action, show) {
            let line = text::write_action(action, world.origin);
            writeln!(out, "{:>10} {line}", text::write_duration(*at)).expect("writing to a string");
        }
    }
    out
}

fn is_shown(action: &Action, show: &[String]) -> bool {
    let kind = match action {
        Action::Flush(_) => "flush",
        Action::Expect(_) => "expect",
        Action::Publish(Note::Status(_)) => "status",
        Action::Publish(Note::CalleePartial(_)) => "partial",
        Action::Publish(Note::CalleeFinal(_)) => "final",
        Action::Publish(Note::Thinking(_)) => "thinking",
        Action::Publish(Note::AgentSpeech { .. }) => "speech",
        Action::Publish(Note::Latency(..)) => "latency",
        _ => return true,
    };
    show.iter().any(|shown| shown == kind)
}

/// Returns which clause a playout event is about.
pub(crate) fn clause_of(event: &PlayoutEvent) -> ClauseId {
    let (PlayoutEvent::Sent(clause, _)
    | PlayoutEvent::Heard(clause, _)
    | PlayoutEvent::Finished(clause)) = event;
    *clause
}
