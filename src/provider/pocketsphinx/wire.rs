//! What the program and a recogniser's worker say to each other over the worker's standard input and output.
//!
//! A message is one byte of kind, the length of its body as four bytes (little-endian), and the body, at most
//! [`MAX_BODY`] bytes. The worker answers when its models are loaded, and then every order with exactly one answer, in
//! order, which is how the program knows what is still outstanding and when a worker hangs.

use std::io::{self, Read, Write};

use call::Expected;

/// Bytes in the longest body.
pub(super) const MAX_BODY: usize = 64 * 1024;
/// Samples in the longest piece of sound.
pub(super) const MAX_SAMPLES: usize = 4000;
/// Bytes before the body.
const HEADER: usize = 5;

/// What the program tells a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::provider) enum Order {
    /// A call begins; the first order. Whether its sound is band-limited, and words that are likely.
    Call {
        /// Whether the sound came over a telephone band.
        narrowband: bool,
        /// Likely words.
        hints: Vec<String>,
    },
    /// An utterance begins, and what it is likely to be.
    Begin(Expected),
    /// Sound of the utterance, 16 kHz mono.
    Audio(Vec<i16>),
    /// The utterance ends. Answered by [`Answer::Final`].
    End,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// Done, nothing to tell.
    Done,
    /// Done, and these are the words so far, different from those told before.
    Partial(String),
    /// The words of the utterance.
    Final(String),
    /// The worker cannot go on, for this reason, and ends.
    Failed(String),
}

/// A message that breaks the rules above.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a message of kind {kind} with {length} bytes is not part of the protocol")]
pub(super) struct Malformed {
    kind: u8,
    length: usize,
}

impl Order {
    /// Appends the message to `out`. Texts and sound that are too long are cut to what fits.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Call { narrowband, hints } => {
                let mut body = vec![u8::from(*narrowband)];
                body.extend_from_slice(hints.join("\n").as_bytes());
                encode(1, &body, out);
            }
            // There are fewer than 256.
            Self::Begin(expected) => encode(2, &[expected.place() as u8], out),
            Self::Audio(samples) => {
                let body: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
                encode(3, &body, out);
            }
            Self::End => encode(4, &[], out),
        }
    }

    /// Waits for the next order; `None` when the program closed the pipe between orders.
    ///
    /// # Errors
    /// When the pipe breaks, ends inside a message, or carries something else than orders.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER];
        match from.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (kind, length) = parse_header(header);
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, Malformed { kind, length });
        if length > MAX_BODY {
            return Err(malformed());
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Self::decode(kind, &body).map(Some).ok_or_else(malformed)
    }

    fn decode(kind: u8, body: &[u8]) -> Option<Self> {
        match kind {
            1 => {
                let (narrowband, hints) = body.split_first()?;
                let hints = text(hints);
                Some(Self::Call {
                    narrowband: *narrowband != 0,
                    hints: hints.lines().map(str::to_owned).collect(),
                })
            }
            2 => match body {
                [place] => Expected::ALL
                    .get(usize::from(*place))
                    .map(|expected| Self::Begin(*expected)),
                _ => None,
            },
            3 => {
                let (samples, rest) = body.as_chunks::<2>();
                let samples = samples.iter().map(|s| i16::from_le_bytes(*s)).collect();
                rest.is_empty().then_some(Self::Audio(samples))
            }
            4 => body.is_empty().then_some(Self::End),
            _ => None,
        }
    }
}

impl Answer {
    /// Writes the message and flushes it.
    ///
    /// # Errors
    /// When the pipe is closed.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut out = Vec::new();
        match self {
            Self::Done => encode(65, &[], &mut out),
            Self::Partial(words) => encode(66, words.as_bytes(), &mut out),
            Self::Final(words) => encode(67, words.as_bytes(), &mut out),
            Self::Failed(reason) => encode(68, reason.as_bytes(), &mut out),
        }
        to.write_all(&out)?;
        to.flush()
    }

    /// Takes the first whole message off the front of `bytes`; `None` when it is not all there yet.
    ///
    /// # Errors
    /// When the bytes cannot be the start of an answer.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Result<Option<Self>, Malformed> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let (kind, length) = parse_header(*header);
        if length > MAX_BODY {
            return Err(Malformed { kind, length });
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let answer = match kind {
            65 if body.is_empty() => Self::Done,
            66 => Self::Partial(text(body)),
            67 => Self::Final(text(body)),
            68 => Self::Failed(text(body)),
            _ => return Err(Malformed { kind, length }),
        };
        bytes.drain(..HEADER + length);
        Ok(Some(answer))
    }
}

fn parse_header(header: [u8; HEADER]) -> (u8, usize) {
    let [kind, length @ ..] = header;
    (kind, u32::from_le_bytes(length) as usize)
}

fn encode(kind: u8, body: &[u8], out: &mut Vec<u8>) {
    let body = &body[..body.len().min(MAX_BODY)];
    out.push(kind);
    // A body has at most MAX_BODY bytes, which fit.
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_arrive_as_they_were_sent() {
        let orders = [
            Order::Call {
                narrowband: true,
                hints: vec!["nopa".to_owned(), "alice smith".to_owned()],
            },
            Order::Begin(Expected::Anything),
            Order::Begin(Expected::Spelling),
            Order::Audio(vec![0, -1, i16::MIN, i16::MAX]),
            Order::Audio(vec![7; MAX_SAMPLES]),
            Order::End,
        ];
        let mut bytes = Vec::new();
        for order in &orders {
            order.encode(&mut bytes);
        }
        let mut pipe = bytes.as_slice();
        for order in orders {
            assert_eq!(Order::read(&mut pipe).unwrap(), Some(order));
        }
        assert_eq!(Order::read(&mut pipe).unwrap(), None);
    }

    #[test]
    fn answers_arrive_however_the_bytes_are_cut() {
        let answers = [
            Answer::Done,
            Answer::Partial("table".to_owned()),
            Answer::Final(String::new()),
            Answer::Failed("no model".to_owned()),
        ];
        let mut bytes = Vec::new();
        for answer in &answers {
            answer.write(&mut bytes).unwrap();
        }
        let (mut buffer, mut seen) = (Vec::new(), Vec::new());
        for byte in bytes {
            buffer.push(byte);
            seen.extend(Answer::take(&mut buffer).unwrap());
        }
        assert_eq!(seen, answers);
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_is_no_message_is_an_error_and_never_a_panic() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let length = random.usize(..40);
            let mut bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            if let Some(first) = bytes.first_mut() {
                *first = random.u8(..70);
            }
            let _ = Order::read(&mut bytes.as_slice());
            let _ = Answer::take(&mut bytes);
        }
        assert!(Order::read(&mut [2, 1, 0, 0, 0, 200].as_slice()).is_err());
        assert!(Answer::take(&mut vec![65, 1, 0, 0, 0, 9]).is_err());
        assert!(Answer::take(&mut vec![66, 255, 255, 255, 255]).is_err());
        assert!(Order::read(&mut [3, 1, 0, 0, 0, 9].as_slice()).is_err());
    }
}
