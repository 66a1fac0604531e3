//! Which state of the acoustic model each frame of a sentence is: the likeliest path through the words as the dictionary
//! pronounces them, with silence or none between.

use std::collections::HashMap;

use crate::hmm::{Features, Hmm, Place, STATES};

/// A pronouncing dictionary in the numbers of the model's phones: every way of saying a word.
pub(crate) type Pronunciations = HashMap<String, Vec<Vec<u8>>>;

/// Reads `WORD PHONES` lines; words with phones that the model does not have are left out.
pub(crate) fn pronunciations(text: &str, hmm: &Hmm) -> Pronunciations {
    let mut all = Pronunciations::new();
    for line in text.lines() {
        let mut tokens = line.split_whitespace();
        let Some(word) = tokens.next() else { continue };
        let word = word.split_once('(').map_or(word, |(word, _)| word);
        let phones: Option<Vec<u8>> = tokens.map(|phone| hmm.phone(phone)).collect();
        if let Some(phones) = phones
            && !phones.is_empty()
        {
            all.entry(word.to_owned()).or_default().push(phones);
        }
    }
    all
}

/// A phone between two certain neighbours, at a certain place of the sentence.
#[derive(Debug, PartialEq)]
struct Node {
    phone: u8,
    left: u8,
    right: u8,
    place: Place,
    /// The word, its way of being said, and the phone of that; for silence, the word before which it is.
    at: (usize, usize, usize),
    first: bool,
    last: bool,
}

/// Returns the tied state of every frame and the mean logarithm of their likelihoods, or `None` when the words have no
/// pronunciations or are too many for the frames.
pub(crate) fn align(
    hmm: &Hmm,
    words: &[&[Vec<u8>]],
    frames: &[Features],
) -> Option<(Vec<u16>, f32)> {
    let nodes = nodes(hmm.silence, words);
    let count = nodes.len() * STATES;
    let states: Vec<u16> = nodes
        .iter()
        .flat_map(|n| hmm.states(n.place, n.phone, n.left, n.right))
        .collect();
    let before: Vec<Vec<usize>> = nodes
        .iter()
        .map(|node| {
            (0..nodes.len())
                .filter(|i| follows(&nodes[*i], node))
                .collect()
        })
        .collect();
    let mut needed = states.clone();
    needed.sort_unstable();
    needed.dedup();
    let place: Vec<usize> = states
        .iter()
        .map(|state| needed.binary_search(state).unwrap_or(0))
        .collect();
    let mut best = vec![f32::NEG_INFINITY; count];
    let mut back: Vec<Vec<u32>> = Vec::with_capacity(frames.len());
    for (time, frame) in frames.iter().enumerate() {
        let likelihoods = hmm.likelihoods(frame);
        let scores: Vec<f32> = needed
            .iter()
            .map(|state| hmm.score(&likelihoods, usize::from(*state)))
            .collect();
        let mut next = vec![f32::NEG_INFINITY; count];
        let mut from = vec![0_u32; count];
        for state in 0..count {
            let (node, inner) = (state / STATES, state % STATES);
            let mut arrive = (best[state], state);
            if time == 0 {
                let begins = inner == 0 && nodes[node].first;
                arrive.0 = if begins { 0.0 } else { f32::NEG_INFINITY };
            } else if inner > 0 {
                if best[state - 1] > arrive.0 {
                    arrive = (best[state - 1], state - 1);
                }
            } else {
                for other in &before[node] {
                    let end = other * STATES + STATES - 1;
                    if best[end] > arrive.0 {
                        arrive = (best[end], end);
                    }
                }
            }
            next[state] = arrive.0 + scores[place[state]];
            from[state] = arrive.1 as u32;
        }
        best = next;
        back.push(from);
    }
    let ends = (0..nodes.len())
        .filter(|node| nodes[*node].last)
        .map(|node| node * STATES + STATES - 1);
    let mut state = ends.max_by(|a, b| best[*a].total_cmp(&best[*b]))?;
    let score = best[state] / frames.len() as f32;
    if !score.is_finite() {
        return None;
    }
    let mut path = vec![0; frames.len()];
    for (time, from) in back.iter().enumerate().rev() {
        path[time] = states[state];
        state = from[state] as usize;
    }
    Some((path, score))
}

fn nodes(silence: u8, words: &[&[Vec<u8>]]) -> Vec<Node> {
    let mut nodes = Vec::new();
    let ends = |index: Option<usize>, which: fn(&Vec<u8>) -> Option<&u8>| -> Vec<u8> {
        let neighbours = index.and_then(|index| words.get(index));
        let mut phones: Vec<u8> = neighbours
            .into_iter()
            .flat_map(|ways| ways.iter().filter_map(which).copied())
            .collect();
        phones.push(silence);
        phones.sort_unstable();
        phones.dedup();
        phones
    };
    for (word, ways) in words.iter().enumerate() {
        let lefts = ends(word.checked_sub(1), |way| way.last());
        let rights = ends(Some(word + 1), |way| way.first());
        for (way, phones) in ways.iter().enumerate() {
            for (index, phone) in phones.iter().enumerate() {
                let (first, last) = (index == 0, index + 1 == phones.len());
                let place = match (first, last) {
                    (true, true) => Place::Alone,
                    (true, false) => Place::First,
                    (false, true) => Place::Last,
                    (false, false) => Place::Inside,
                };
                let inner_left = [*phones.get(index.wrapping_sub(1)).unwrap_or(&silence)];
                let inner_right = [*phones.get(index + 1).unwrap_or(&silence)];
                for left in if first { &lefts[..] } else { &inner_left } {
                    for right in if last { &rights[..] } else { &inner_right } {
                        nodes.push(Node {
                            phone: *phone,
                            left: *left,
                            right: *right,
                            place,
                            at: (word, way, index),
                            first: word == 0 && first && *left == silence,
                            last: word + 1 == words.len() && last && *right == silence,
                        });
                    }
                }
            }
        }
    }
    for word in 0..=words.len() {
        nodes.push(Node {
            phone: silence,
            left: silence,
            right: silence,
            place: Place::Alone,
            at: (word, 0, 0),
            first: word == 0,
            last: word == words.len(),
        });
    }
    nodes
}

/// Returns whether `node` may come right after `before`.
fn follows(before: &Node, node: &Node) -> bool {
    let silent = |n: &Node| n.phone == n.left && n.phone == n.right && n.place == Place::Alone;
    let begins = |n: &Node| matches!(n.place, Place::First | Place::Alone);
    let ends = |n: &Node| matches!(n.place, Place::Last | Place::Alone);
    match (silent(before), silent(node)) {
        (true, true) => false,
        (true, false) => before.at.0 == node.at.0 && begins(node) && node.left == before.phone,
        (false, true) => before.at.0 + 1 == node.at.0 && ends(before) && before.right == node.phone,
        (false, false) => {
            let meet = before.right == node.phone && node.left == before.phone;
            let same = (before.at.0, before.at.1) == (node.at.0, node.at.1);
            let within = same && before.at.2 + 1 == node.at.2;
            let over = before.at.0 + 1 == node.at.0 && ends(before) && begins(node);
            meet && (within || over)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use agentphone::{
        bench::speech::sound,
        provider::pocketsphinx::{DEFAULT_MODELS, front::FrontEnd, recogniser::Settings},
    };
    use native::flite::{Next, Voice};

    use super::*;
    use crate::{hmm, pairs::Telephone, sentences};

    #[test]
    fn states_are_those_of_the_words_at_their_times() {
        let hmm = Hmm::read(&Path::new(DEFAULT_MODELS).join("en-us")).unwrap();
        let text = "a AH\na(2) EY\ntable T EY B AH L\nfor F AO R\nfor(2) F ER\nseven S EH V AH N\nnopa N OW P AX\n";
        let dictionary = pronunciations(text, &hmm);
        assert!(!dictionary.contains_key("nopa"));
        let said = "a table for seven";
        let mut ends = Vec::new();
        let mut spoken = Vec::new();
        Voice::Rms
            .speak(said, |piece| {
                spoken.extend_from_slice(piece.samples);
                ends.extend(piece.token_ends);
                Next::More
            })
            .unwrap();
        sound::level(&mut spoken);
        let settings = Settings::default();
        let mut front = FrontEnd::new(&settings.band_repair, &settings.noise_repair).unwrap();
        front.set_narrowband(true);
        let heard = Telephone::new(fastrand::Rng::with_seed(1)).heard(&spoken, 0, false);
        let before = heard.len() - spoken.len();
        let frames = hmm::features(&sentences::frames(&mut front, &heard));
        let words: Vec<&[Vec<u8>]> = said.split(' ').map(|w| &dictionary[w][..]).collect();
        let (path, score) = align(&hmm, &words, &frames).unwrap();
        assert!(score > -200.0, "{score}");
        let mut phones: Vec<&str> = Vec::new();
        let mut table_ends = None;
        for (time, state) in path.iter().enumerate() {
            let phone = hmm.name(hmm.codebooks[usize::from(*state)]);
            if phones.last() != Some(&phone) {
                if phone == "F" {
                    table_ends = Some(time as f64 / 100.0);
                }
                phones.push(phone);
            }
        }
        let phones = phones.join(" ");
        assert!(
            phones.starts_with("SIL AH T EY B AH L F") && phones.ends_with("S EH V AH N SIL"),
            "{phones}"
        );
        // Silence before, less the 200 ms that are added after.
        let before = (before as f64 - 3_200.0) / 16_000.0;
        let expected = before + ends[1].as_secs_f64();
        assert!(
            (table_ends.unwrap() - expected).abs() < 0.1,
            "{table_ends:?} {expected}"
        );
        // More phones than frames.
        assert_eq!(align(&hmm, &words, &frames[..20]), None);
    }
}
