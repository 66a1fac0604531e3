use super::*;
use crate::{
    impair::{Echo, Noise},
    testing::{SPEECH, silence, speech},
};
use std::time::Duration;

const SENT: &str = "slt-fully-booked";

/// Judges every frame of what comes back of the agent's words with `other` on top; returns level and likelihood of
/// the frames that are louder than the noise.
fn judged(guard: &mut EchoGuard, path: Option<(u64, f32)>, other: &[i16]) -> Vec<f32> {
    let sent = [speech(SENT), silence(400)].concat();
    let mut path = path.map(|(delay, gain)| Echo::new(Duration::from_millis(delay), gain));
    let mut noise = Noise::new(-70.0, 9);
    let mut likelihoods = Vec::new();
    for (index, sent) in sent.as_chunks().0.iter().enumerate() {
        let mut heard = [0; FRAME];
        for (slot, sample) in heard.iter_mut().zip(other.iter().skip(index * FRAME)) {
            *slot = *sample;
        }
        if let Some(path) = &mut path {
            path.add(&mut heard, sent);
        }
        noise.add(&mut heard);
        guard.send(sent);
        guard.hear(&heard, 0);
        let level = dsp::dbfs(dsp::power(&heard));
        if level < -58.0 {
            guard.rest();
        } else {
            likelihoods.push(guard.judge(level));
        }
    }
    likelihoods
}

fn share(likelihoods: &[f32], of: impl Fn(f32) -> bool) -> f64 {
    likelihoods.iter().filter(|value| of(**value)).count() as f64 / likelihoods.len() as f64
}

#[test]
fn an_echo_is_likely_one_from_its_first_tenth_of_a_second() {
    for gain in [-10.0, -20.0, -30.0] {
        for delay in [30, 111, 300, 550] {
            let likelihoods = judged(&mut EchoGuard::new(), Some((delay, gain)), &[]);
            let sure = share(&likelihoods, |value| value > 0.7);
            assert!(sure > 0.93, "{gain} dB, {delay} ms: {sure:.3}");
        }
    }
}

#[test]
fn a_known_path_is_certain() {
    let mut guard = EchoGuard::new();
    judged(&mut guard, Some((140, -15.0)), &[]);
    let likelihoods = judged(&mut guard, Some((140, -15.0)), &[]);
    assert!(share(&likelihoods, |value| value > 0.7) > 0.98);
}

#[test]
fn a_path_that_changes_is_found_again() {
    let mut guard = EchoGuard::new();
    judged(&mut guard, Some((140, -15.0)), &[]);
    let likelihoods = judged(&mut guard, Some((60, -20.0)), &[]);
    assert!(share(&likelihoods, |value| value > 0.7) > 0.9);
}

#[test]
fn another_voice_is_not_an_echo() {
    for (name, _) in SPEECH.iter().filter(|(name, _)| *name != SENT) {
        for gain in [1.0, 0.3] {
            let mut voice = speech(name);
            crate::mix::scale(&mut voice, gain);
            let likelihoods = judged(&mut EchoGuard::new(), None, &voice);
            let wrong = share(&likelihoods, |value| value > 0.5);
            // Some of these are the agent's own voice, saying other words.
            assert!(wrong < 0.2, "{name}: {wrong:.3}");
        }
    }
}

#[test]
fn another_voice_is_told_from_a_known_echo() {
    let mut guard = EchoGuard::new();
    judged(&mut guard, Some((140, -15.0)), &[]);
    let likelihoods = judged(&mut guard, Some((140, -15.0)), &speech("rms-hello"));
    assert!(share(&likelihoods, |value| value < 0.5) > 0.6);
}

#[test]
fn while_nothing_is_sent_nothing_is_an_echo() {
    let mut guard = EchoGuard::new();
    for heard in speech("rms-hello").as_chunks().0 {
        guard.send(&[0; FRAME]);
        guard.hear(heard, 0);
        assert_eq!(guard.judge(-20.0), 0.0);
    }
}

#[test]
fn sound_as_loud_as_what_was_sent_is_no_echo() {
    let likelihoods = judged(&mut EchoGuard::new(), Some((100, 0.0)), &[]);
    assert!(share(&likelihoods, |value| value < 0.5) > 0.5);
}

#[test]
fn extremes_keep_the_likelihood_in_range() {
    let mut guard = EchoGuard::new();
    let mut random = fastrand::Rng::with_seed(2);
    for round in 0..500 {
        let mut sent = [0; FRAME];
        let mut heard = [0; FRAME];
        match round % 5 {
            0 => sent.fill(i16::MIN),
            1 => heard.fill(i16::MAX),
            2 => sent.fill_with(|| random.i16(..)),
            3 => heard = sent,
            _ => heard.fill_with(|| random.i16(..)),
        }
        guard.send(&sent);
        guard.hear(&heard, 0);
        let likelihood = guard.judge(random.f32() * -60.0);
        assert!((0.0..=1.0).contains(&likelihood), "{likelihood}");
    }
}
