//! Ten thousand random conversations, each checked after every event against what must always hold.
//!
//! On failure the seed is printed; `CALL_SEED=n cargo test -p call --test simulator` plays that one and prints what
//! happened. `CALL_SEEDS=n` plays more of them.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use call::Recording;
use support::{World, conversation, epoch};

const CONVERSATIONS: u64 = 10_000;
const THREADS: u64 = 2;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Plays one seed; a panic counts as a failure of that seed, too.
fn play(seed: u64) -> Result<World, String> {
    let played = catch_unwind(AssertUnwindSafe(|| conversation::play(seed)));
    let (world, outcome) = played.map_err(|_| "it panicked".to_owned())?;
    outcome.map(|()| world)
}

#[test]
fn whatever_happens_the_call_keeps_its_promises() {
    if let Some(seed) = number("CALL_SEED") {
        let (world, outcome) = conversation::play(seed);
        println!("{}", log(&world));
        assert_eq!(outcome, Ok(()), "seed {seed}");
        return;
    }
    let count = number("CALL_SEEDS").unwrap_or(CONVERSATIONS);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                scope.spawn(move || {
                    let seeds = (thread..count).step_by(THREADS as usize);
                    let failed = seeds.filter_map(|seed| {
                        play(seed)
                            .err()
                            .map(|wrong| format!("CALL_SEED={seed}: {wrong}"))
                    });
                    failed.take(5).collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a simulation thread ends"))
            .collect()
    });
    assert!(
        failures.is_empty(),
        "conversations went wrong:\n{}",
        failures.join("\n")
    );
}

#[test]
fn the_same_seed_gives_the_same_call_and_replays() {
    for seed in 0..200 {
        let (first, second) = (play(seed), play(seed));
        let (Ok(first), Ok(second)) = (first, second) else {
            panic!("seed {seed} went wrong")
        };
        assert_eq!(transcript(&first), transcript(&second), "seed {seed}");
        let kept = Recording {
            config: first.config.clone(),
            events: first.events.clone(),
            actions: first.actions.clone(),
        };
        let origin = epoch();
        let read =
            Recording::read(&kept.write(first.origin), origin).expect("a kept call can be read");
        read.replay(origin)
            .unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
    }
}

#[test]
fn conversations_are_worth_simulating() {
    let mut ends = std::collections::BTreeMap::new();
    let mut turns = 0;
    for seed in 0..500 {
        let world = play(seed).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        turns += world
            .actions
            .iter()
            .filter(|(_, action)| matches!(action, call::Action::Turn(_)))
            .count();
        if let Some((_, call::Action::End(end))) = world.actions.last() {
            *ends.entry(format!("{end:?}")).or_insert(0) += 1;
        }
    }
    assert!(turns > 2_000, "only {turns} turns in 500 conversations");
    assert!(ends.len() >= 9, "only these ends: {ends:?}");
}

fn transcript(world: &World) -> String {
    let lines = world
        .actions
        .iter()
        .map(|(at, action)| call::text::action_line(*at, action, world.origin));
    lines.collect::<Vec<_>>().join("\n")
}

/// Events and actions by time; at the same instant, events first.
fn log(world: &World) -> String {
    let events = world.events.iter().map(|(at, event)| {
        (
            *at,
            0,
            format!("    {}", call::text::event_line(*at, event)),
        )
    });
    let actions = world
        .actions
        .iter()
        .map(|(at, action)| (*at, 1, call::text::action_line(*at, action, world.origin)));
    let mut lines: Vec<_> = events.chain(actions).collect();
    lines.sort_by_key(|(at, kind, _)| (*at, *kind));
    lines
        .into_iter()
        .map(|(_, _, line)| line)
        .collect::<Vec<_>>()
        .join("\n")
}
