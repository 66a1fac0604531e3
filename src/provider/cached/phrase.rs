//! A phrase as it is remembered: its samples and, where the voice knew them, the times of its words.

use std::time::Duration;

use call::ClauseId;

use crate::provider::TtsEvent;

/// The pieces in which a phrase is said again, as fractions of a second.
const PIECES_A_SECOND: usize = 10;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Phrase {
    rate: u32,
    words: Option<Vec<Duration>>,
    samples: Vec<i16>,
}

impl Phrase {
    /// Adds what the voice said; `false` when that cannot be remembered.
    pub(super) fn add(&mut self, event: &TtsEvent, longest: Duration) -> bool {
        match event {
            TtsEvent::Audio { samples, rate, .. } => {
                if self.samples.is_empty() {
                    self.rate = *rate;
                }
                self.samples.extend_from_slice(samples);
                let seconds = self.samples.len() as u64 / u64::from(self.rate.max(1));
                self.rate == *rate && seconds < longest.as_secs()
            }
            TtsEvent::Words { ends, .. } => {
                self.words = Some(ends.clone());
                true
            }
            TtsEvent::Done(_) => !self.samples.is_empty(),
            TtsEvent::Failed { .. } | TtsEvent::Served { .. } => false,
        }
    }

    /// Returns what a voice would say.
    pub(super) fn events(self, clause: ClauseId) -> Vec<TtsEvent> {
        let mut events = Vec::new();
        events.extend(self.words.map(|ends| TtsEvent::Words { clause, ends }));
        let piece = (self.rate as usize / PIECES_A_SECOND).max(1);
        events.extend(self.samples.chunks(piece).map(|samples| TtsEvent::Audio {
            clause,
            samples: samples.to_vec(),
            rate: self.rate,
        }));
        events.push(TtsEvent::Done(clause));
        events
    }

    /// Returns: rate, number of words and 1 (0: unknown), their ends in microseconds, all u32; then the samples.
    /// Little-endian.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.rate.to_le_bytes().to_vec();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        bytes.extend(number(
            self.words.as_ref().map_or(0, |words| words.len() + 1),
        ));
        for end in self.words.iter().flatten() {
            bytes.extend(number(
                usize::try_from(end.as_micros()).unwrap_or(usize::MAX),
            ));
        }
        bytes.extend(self.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    /// Reads what [`Phrase::encode`] wrote; nothing when it was not that.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (rate, bytes) = number(bytes)?;
        let (words, mut bytes) = number(bytes)?;
        let mut ends = Vec::new();
        for _ in 1..words {
            let (micros, rest) = number(bytes)?;
            ends.push(Duration::from_micros(micros.into()));
            bytes = rest;
        }
        let (samples, []) = bytes.as_chunks::<2>() else {
            return None;
        };
        Some(Self {
            rate,
            words: (words > 0).then_some(ends),
            samples: samples
                .iter()
                .map(|bytes| i16::from_le_bytes(*bytes))
                .collect(),
        })
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (first, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*first), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_survive_their_bytes_and_nonsense_is_refused() {
        for words in [None, Some(vec![]), Some(vec![Duration::from_millis(7); 3])] {
            let phrase = Phrase {
                rate: 16_000,
                words,
                samples: vec![1, -2, i16::MIN],
            };
            let bytes = phrase.encode();
            assert_eq!(Phrase::decode(&bytes), Some(phrase));
            assert_eq!(Phrase::decode(&bytes[..bytes.len() - 1]), None);
        }
        assert_eq!(Phrase::decode(&[]), None);
        assert_eq!(Phrase::decode(&[0xff; 64]), None);
    }
}
