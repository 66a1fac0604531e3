//! Sounds of bodies and rooms, made from noise, pulses and resonances: coughs, laughs, a cleared throat, breath, doors,
//! keyboards, something put down.
//!
//! Everybody's are different: a seed gives the size of the throat, the pitch, the haste and the loudness. They are no
//! recordings; whoever has some uses those as well. Each is shaped like the real thing in what voice detection looks at:
//! the time course, the formants, and voice where there is voice.

use std::{f32::consts::TAU, time::Duration};

use super::{RATE, samples};

/// Resonances of a throat: Hz, bandwidth, gain.
type Formants = [(f32, f32, f32); 3];

/// An open mouth ("ah").
const OPEN: Formants = [
    (700.0, 130.0, 1.0),
    (1300.0, 180.0, 0.7),
    (2600.0, 300.0, 0.4),
];
/// A mouth at rest, as in "huh".
const RESTING: Formants = [
    (550.0, 110.0, 1.0),
    (1500.0, 160.0, 0.5),
    (2500.0, 260.0, 0.3),
];
/// A nearly closed throat.
const TIGHT: Formants = [
    (350.0, 90.0, 1.0),
    (1100.0, 200.0, 0.4),
    (2300.0, 300.0, 0.3),
];

/// Two coughs, the second weaker.
pub(in crate::line::simulated) fn cough(seed: u64) -> Vec<i16> {
    const LENGTH: Duration = Duration::from_millis(280);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut out = Vec::new();
    for loudness in [12_000.0, 8_000.0] {
        let pitch = 110.0 + 30.0 * random.f32();
        cough_once(&mut out, LENGTH, pitch, 1.0, loudness, &mut random);
    }
    whole(&out)
}

/// One to three coughs of somebody in particular.
pub(crate) fn coughs(seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut out = Vec::new();
    let (pitch, size) = (body(&mut random), throat_size(&mut random));
    let mut loudness = 5_000.0 + 9_000.0 * random.f32();
    for _ in 0..random.usize(1..4) {
        let length = Duration::from_millis(random.u64(180..380));
        let pitch = pitch * (0.9 + 0.3 * random.f32());
        cough_once(&mut out, length, pitch, size, loudness, &mut random);
        let gap = samples(Duration::from_millis(random.u64(0..180)));
        out.extend(std::iter::repeat_n(0.0, gap));
        loudness *= 0.6 + 0.3 * random.f32();
    }
    whole(&out)
}

/// Laughter: three to eight "ha", each a breath and a short voice, ever weaker.
pub(crate) fn laugh(seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (pitch, size) = (body(&mut random) * 1.4, throat_size(&mut random));
    let beat = random.u64(150..240);
    let mut loudness = 4_000.0 + 7_000.0 * random.f32();
    let mut out = Vec::new();
    for index in 0..random.u32(3..9) {
        let start = out.len();
        let hertz = pitch * (1.1 - 0.04 * index as f32) * (0.95 + 0.1 * random.f32());
        let length = samples(Duration::from_millis(beat));
        let mut phase = 0.0_f32;
        out.extend((0..length).map(|at| {
            let time = at as f32 / length as f32;
            phase += hertz * (1.1 - 0.3 * time) / RATE as f32;
            let breath = 0.3 * bump(time, 0.15, 0.12);
            let voice = bump(time, 0.45, 0.16);
            breath * noise(&mut random) + voice * (2.0 * phase.fract() - 1.0)
        }));
        throat(&mut out[start..], OPEN, size, loudness);
        loudness *= 0.8 + 0.15 * random.f32();
    }
    whole(&out)
}

/// A throat is cleared: a rough, low "hem".
pub(crate) fn throat_clearing(seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let (pitch, size) = (body(&mut random) * 0.7, throat_size(&mut random));
    let length = samples(Duration::from_millis(random.u64(250..550)));
    let mut phase = 0.0_f32;
    let mut rough = 0.0_f32;
    let mut out: Vec<f32> = (0..length)
        .map(|at| {
            let time = at as f32 / length as f32;
            // Pulses that come unevenly sound rough.
            rough = 0.995 * rough + 0.02 * noise(&mut random);
            phase += pitch * (1.0 + 3.0 * rough) / RATE as f32;
            let envelope = (time / 0.1).min(1.0) * ((1.0 - time) / 0.3).min(1.0);
            envelope * (0.5 * noise(&mut random) + 0.7 * (2.0 * phase.fract() - 1.0))
        })
        .collect();
    let loudness = 3_500.0 + 4_500.0 * random.f32();
    throat(&mut out, TIGHT, size, loudness);
    whole(&out)
}

/// A breath into the microphone.
pub(crate) fn breath(seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let length = samples(Duration::from_millis(random.u64(300..900)));
    let size = throat_size(&mut random);
    let mut out: Vec<f32> = (0..length)
        .map(|at| bump(at as f32 / length as f32, 0.45, 0.2) * noise(&mut random))
        .collect();
    let loudness = 1_200.0 + 2_500.0 * random.f32();
    throat(&mut out, RESTING, size, loudness);
    whole(&out)
}

/// A thump and the rattle of the frame.
pub(in crate::line::simulated) fn door(seed: u64) -> Vec<i16> {
    let mut out = vec![0.0; samples(Duration::from_millis(350))];
    burst(&mut out, 0.03, 0.85, 14_000.0, seed);
    ring(&mut out, 140.0, 12.0, 9000.0);
    whole(&out)
}

/// A door in a room of its own: heavier or lighter, nearer or farther, some with the latch before the thump.
pub(crate) fn slam(seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut out = vec![0.0; samples(Duration::from_millis(random.u64(300..600)))];
    let near = 0.4 + 0.6 * random.f32();
    let mut thump = 0;
    if random.bool() {
        burst(&mut out, 0.008, 0.3, 5_000.0 * near, random.u64(..));
        thump = samples(Duration::from_millis(random.u64(60..140)));
    }
    let rest = &mut out[thump..];
    let decay = 0.02 + 0.04 * random.f32();
    burst(rest, decay, 0.85, 14_000.0 * near, random.u64(..));
    let wood = (90.0 + 120.0 * random.f32(), 9.0 + 8.0 * random.f32());
    ring(rest, wood.0, wood.1, 9_000.0 * near);
    ring(rest, 250.0 + 200.0 * random.f32(), 16.0, 3_000.0 * near);
    whole(&out)
}

/// Somebody types: three to twelve keys, each a click down and a weaker one up.
pub(crate) fn keyboard(seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let near = 0.3 + 0.7 * random.f32();
    let mut out = Vec::new();
    for _ in 0..random.u32(3..13) {
        let start = out.len();
        let beat = samples(Duration::from_millis(random.u64(90..220)));
        out.extend(std::iter::repeat_n(0.0, beat));
        let key = &mut out[start..];
        burst(key, 0.004, 0.2, 7_000.0 * near, random.u64(..));
        ring(key, 300.0 + 150.0 * random.f32(), 80.0, 1_500.0 * near);
        burst(
            &mut key[beat / 2..],
            0.003,
            0.1,
            3_000.0 * near,
            random.u64(..),
        );
    }
    whole(&out)
}

/// Something is put down on the table: two or three bounces.
pub(crate) fn clatter(seed: u64) -> Vec<i16> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut out = vec![0.0; samples(Duration::from_millis(450))];
    let hertz = 700.0 + 1600.0 * random.f32();
    let mut at = 0;
    let mut loudness = 5_000.0 + 8_000.0 * random.f32();
    for _ in 0..random.u32(2..4) {
        let rest = &mut out[at..];
        burst(rest, 0.006, 0.3, loudness, random.u64(..));
        ring(rest, hertz, 45.0, loudness * 0.6);
        ring(rest, hertz * 1.59, 60.0, loudness * 0.3);
        at += samples(Duration::from_millis(random.u64(60..120)));
        loudness *= 0.5;
    }
    whole(&out)
}

/// The pitch of somebody's voice, in Hz.
fn body(random: &mut fastrand::Rng) -> f32 {
    95.0 + 120.0 * random.f32()
}

/// The length of somebody's throat, 1 for the usual.
fn throat_size(random: &mut fastrand::Rng) -> f32 {
    0.85 + 0.35 * random.f32()
}

fn noise(random: &mut fastrand::Rng) -> f32 {
    random.f32() * 2.0 - 1.0
}

/// A hill of height 1 around `at`.
fn bump(time: f32, at: f32, width: f32) -> f32 {
    (-((time - at) / width).powi(2)).exp()
}

fn whole(sound: &[f32]) -> Vec<i16> {
    sound.iter().map(|&sample| sample as i16).collect()
}

/// Appends one cough: an outburst of breath that dies away into voice, shaped by a throat `size` times the usual
/// length, so that whoever tells speech by its spectrum is put to the test.
fn cough_once(
    out: &mut Vec<f32>,
    length: Duration,
    pitch: f32,
    size: f32,
    loudness: f32,
    random: &mut fastrand::Rng,
) {
    let start = out.len();
    let mut phase = 0.0_f32;
    out.extend((0..samples(length)).map(|at| {
        let time = at as f32 / RATE as f32;
        phase += pitch * (1.0 - time) / RATE as f32;
        let breath = (time / 0.003).min(1.0) * (-time / 0.06).exp();
        let voice = 0.25 * bump(time, 0.16, 0.05);
        breath * noise(random) + voice * (2.0 * phase.fract() - 1.0)
    }));
    throat(&mut out[start..], OPEN, size, loudness);
}

/// Lets sound resonate with these formants in a throat `size` times the usual length, and brings its peak to
/// `loudness`.
fn throat(sound: &mut [f32], formants: Formants, size: f32, loudness: f32) {
    let mut past = [[0.0_f32; 2]; 3];
    for sample in &mut *sound {
        let mut sum = 0.0;
        for ((hertz, width, gain), past) in formants.into_iter().zip(&mut past) {
            let radius = (-TAU / 2.0 * width / RATE as f32).exp();
            let turn = 2.0 * radius * (TAU * hertz / size / RATE as f32).cos();
            let value = *sample + turn * past[0] - radius * radius * past[1];
            *past = [value, past[0]];
            sum += gain * value;
        }
        *sample = sum;
    }
    let peak = sound
        .iter()
        .fold(1e-9_f32, |peak, sample| peak.max(sample.abs()));
    sound
        .iter_mut()
        .for_each(|sample| *sample *= loudness / peak);
}

/// Adds a tone that dies away at `decay` per second.
fn ring(out: &mut [f32], hertz: f32, decay: f32, peak: f32) {
    for (at, sample) in out.iter_mut().enumerate() {
        let time = at as f32 / RATE as f32;
        *sample += peak * (-decay * time).exp() * (TAU * hertz * time).sin();
    }
}

/// Adds noise that dies away with the time constant `decay` in seconds; `pole` makes it darker.
fn burst(out: &mut [f32], decay: f32, pole: f32, peak: f32, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut low = 0.0;
    for (at, sample) in out.iter_mut().enumerate() {
        let time = at as f32 / RATE as f32;
        low = pole * low + (1.0 - pole) * noise(&mut random);
        let envelope = (time / 0.004).min(1.0) * (-time / decay).exp();
        *sample += peak * envelope * low / (1.0 - pole).sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_gives_another_sound_that_can_be_heard_and_ends() {
        for make in [
            coughs,
            laugh,
            throat_clearing,
            breath,
            slam,
            keyboard,
            clatter,
        ] {
            for seed in 0..20 {
                let sound = make(seed);
                assert_eq!(sound, make(seed));
                assert_ne!(sound, make(seed + 1));
                let peak = sound.iter().map(|s| s.unsigned_abs()).max().unwrap();
                assert!((500..=32_767).contains(&peak), "{peak}");
                let seconds = sound.len() as f32 / RATE as f32;
                assert!((0.1..3.0).contains(&seconds), "{seconds}");
            }
        }
    }
}
