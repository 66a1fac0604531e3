use std::{collections::HashMap, path::Path};

use super::*;
use crate::bench::library::voiced;

/// What `fixtures/audio` holds: sentences, no single digits or letters.
fn library() -> Library {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/audio");
    Library::load(&[folder]).unwrap()
}

/// Asserts that a stretch is silent, or sounds, by the criterion of the labels: its loudest 10 ms.
fn assert_level(trial: &Trial, what: &str, samples: &[i16], loud: bool) {
    let level = voiced::loudest(samples);
    // Half a frame of a loud edge may reach into a silent stretch.
    let fits = if loud { level > -50.0 } else { level < -38.0 };
    assert!(fits, "{}: {what} has {level} dBFS", trial.id);
}

#[test]
fn labels_lie_on_sound_and_silence_where_they_say() {
    let library = library();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for trial in turns(&library, 7, 4, Part::Tuning).unwrap() {
        let cue = &trial.cues[1];
        let Label::Turn {
            text,
            voiced,
            pauses,
        } = &cue.label
        else {
            panic!("{} has no turn", trial.id)
        };
        *seen.entry(trial.group).or_default() += 1;
        assert!(!text.is_empty() && !text.contains('|'), "{text}");
        let sound = &cue.sound;
        assert_level(&trial, "the lead", &sound[..voiced.start], false);
        assert_level(&trial, "the tail", &sound[voiced.end..], false);
        assert_level(
            &trial,
            "the first 20 ms",
            &sound[voiced.start..][..160],
            true,
        );
        assert_level(
            &trial,
            "the last 20 ms",
            &sound[voiced.end - 160..voiced.end],
            true,
        );
        assert!(sound.len() >= voiced.end + 800);
        for pause in pauses {
            assert!(
                pause.at.len() >= voiced::PAUSE && pause.at.len() <= 12_000,
                "{}",
                trial.id
            );
            assert_level(&trial, "a pause", &sound[pause.at.clone()], false);
            assert_level(
                &trial,
                "before a pause",
                &sound[pause.at.start - 160..pause.at.start],
                true,
            );
            assert_level(&trial, "after a pause", &sound[pause.at.end..][..160], true);
        }
        let kinds: Vec<_> = pauses.iter().map(|pause| pause.kind).collect();
        let expected = match trial.group {
            "hesitation, words incomplete" => Some(PauseKind::Incomplete),
            "hesitation, words complete" => Some(PauseKind::LooksComplete),
            "phone number" | "e-mail address" | "spelled name" => Some(PauseKind::Entity),
            _ => None,
        };
        if let Some(expected) = expected {
            assert!(kinds.contains(&expected), "{}: {kinds:?}", trial.id);
        }
    }
    // Recorded words are not in the library, so nothing is made of them.
    assert_eq!(seen["phone number"], 4);
    assert_eq!(seen["recorded statement"], 4);
    assert!(!seen.contains_key("recorded phone number"));
}

#[test]
fn the_same_seed_gives_the_same_trials_and_another_gives_others() {
    let library = library();
    let make = |seed, size| turns(&library, seed, size, Part::HeldOut).unwrap();
    let (first, again, other) = (make(1, 3), make(1, 3), make(2, 3));
    let print = |trials: &[Trial]| {
        let one = |trial: &Trial| {
            let cues = trial.cues.iter().map(|cue| (cue.when, cue.sound.clone()));
            (
                trial.id.clone(),
                trial.seed,
                trial.agent.clone(),
                cues.collect::<Vec<_>>(),
            )
        };
        trials.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(print(&first), print(&again));
    assert_ne!(print(&first), print(&other));
    // A trial is the same whether there are more of its group or not.
    let more = make(1, 4);
    let same = print(&more)
        .into_iter()
        .find(|trial| trial.0 == first[0].id);
    assert_eq!(same.as_ref(), print(&first).first());
    let mut ids: Vec<_> = more.iter().map(|trial| &trial.id).collect();
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn what_is_heard_over_the_agent_is_labelled_and_echo_trials_have_nothing_else() {
    let trials = barge_in(&library(), 3, 3, 40, Part::Tuning).unwrap();
    let echoes: Vec<_> = trials
        .iter()
        .filter(|trial| trial.group == "echo")
        .collect();
    assert_eq!(echoes.len(), 40);
    for trial in echoes {
        assert_eq!(trial.cues.len(), 1);
        let echo = trial.echo.unwrap();
        assert!((-40.0..=-10.0).contains(&echo.gain), "{echo:?}");
        assert!((30..=300).contains(&echo.delay.as_millis()), "{echo:?}");
    }
    let mut interruptions = 0;
    for trial in trials.iter().filter(|trial| trial.group != "echo") {
        let cue = &trial.cues[1];
        let voiced = match &cue.label {
            Label::Interruption { voiced, text } => {
                assert!(!text.is_empty());
                interruptions += 1;
                voiced
            }
            Label::Disturbance { voiced, kind } => {
                assert!(trial.group.contains(kind), "{kind} in {}", trial.group);
                voiced
            }
            other => panic!("{}: {other:?}", trial.id),
        };
        assert!(matches!(cue.when, When::AgentSpeaks(_)));
        assert!(!voiced.is_empty() && voiced.end <= cue.sound.len());
        assert!(trial.agent[0].len() > 120 && !trial.agent[0].contains('?'));
    }
    assert_eq!(interruptions, 6);
}

#[test]
fn no_word_of_the_agents_speeches_is_as_short_as_what_may_be_passed_over() {
    let mut shortest = Duration::MAX;
    for part in [Part::Tuning, Part::HeldOut] {
        for text in texts::barge_in(texts::Role::Speech, part) {
            let mut ends = Vec::new();
            let listen = |piece: native::flite::Piece<'_>| {
                ends.extend(piece.token_ends);
                native::flite::Next::More
            };
            Voice::Kal16.speak(text, listen).unwrap();
            assert_eq!(ends.len(), text.split_whitespace().count(), "{text}");
            let starts = std::iter::once(&Duration::ZERO).chain(&ends);
            let lengths = ends.iter().zip(starts).map(|(end, start)| *end - *start);
            shortest = shortest.min(lengths.min().unwrap());
        }
    }
    let bound = Duration::from_secs_f64(crate::bench::bars::known::NO_WORD / 1000.0);
    assert!(shortest > bound, "a word lasts {shortest:?}");
}
