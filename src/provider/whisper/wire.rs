//! What the program and a worker of whisper say to each other over the worker's standard input and output.
//!
//! A message is one byte of kind, the length of its body as four bytes (little-endian), and the body. The worker says once
//! that its model is loaded, and then answers every job with exactly one message, in any order; a job that was canceled, too.

use std::io::{self, Read, Write};

/// Bytes in the longest body: 30 s of sound and its head.
const MAX_BODY: usize = 30 * 16_000 * 2 + 1024;
/// Bytes before the body.
const HEADER: usize = 5;

/// What the program tells a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// Make words of this sound.
    Job(Job),
    /// Nobody wants the words of this job any more.
    Cancel(u32),
}

/// Sound to be made into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// Named in the answer.
    pub(super) id: u32,
    /// Whether somebody waits for it.
    pub(super) is_final: bool,
    /// Two letters.
    pub(super) language: String,
    /// 16 kHz mono, at most 30 s.
    pub(super) samples: Vec<i16>,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The model is loaded.
    Ready,
    /// The words of a job, each stretch with its end in milliseconds.
    Words(u32, Vec<(u32, String)>),
    /// A job was stopped: canceled, or in the way of one that somebody waits for.
    Stopped(u32),
    /// A job could not be done.
    Failed(u32, String),
    /// The worker cannot work at all, for this reason, and ends.
    Broken(String),
}

impl Order {
    /// Appends the message to `out`. Sound that is too long is cut to what fits.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Job(job) => {
                let mut body = job.id.to_le_bytes().to_vec();
                body.push(u8::from(job.is_final));
                let language = &job.language.as_bytes()[..job.language.len().min(255)];
                body.push(language.len() as u8);
                body.extend_from_slice(language);
                let fit = (MAX_BODY - body.len()) / 2;
                let samples = job.samples.iter().take(fit);
                body.extend(samples.flat_map(|s| s.to_le_bytes()));
                message(1, &body, out);
            }
            Self::Cancel(id) => message(2, &id.to_le_bytes(), out),
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
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "this is no order");
        let (kind, length) = parse_header(header).ok_or_else(malformed)?;
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Self::parse(kind, &body).map(Some).ok_or_else(malformed)
    }

    fn parse(kind: u8, body: &[u8]) -> Option<Self> {
        let (id, rest) = body.split_first_chunk::<4>()?;
        let id = u32::from_le_bytes(*id);
        match kind {
            1 => {
                let ([is_final, length], rest) = rest.split_first_chunk::<2>()?;
                let (language, sound) = rest.split_at_checked(usize::from(*length))?;
                let (samples, odd) = sound.as_chunks::<2>();
                odd.is_empty().then(|| {
                    Self::Job(Job {
                        id,
                        is_final: *is_final != 0,
                        language: String::from_utf8_lossy(language).into_owned(),
                        samples: samples.iter().map(|s| i16::from_le_bytes(*s)).collect(),
                    })
                })
            }
            2 => rest.is_empty().then_some(Self::Cancel(id)),
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
            Self::Ready => message(65, &[], &mut out),
            Self::Words(id, stretches) => {
                let mut body = id.to_le_bytes().to_vec();
                for (end, text) in stretches {
                    body.extend_from_slice(&end.to_le_bytes());
                    body.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    body.extend_from_slice(text.as_bytes());
                }
                message(66, &body, &mut out);
            }
            Self::Stopped(id) => message(67, &id.to_le_bytes(), &mut out),
            Self::Failed(id, reason) => {
                let body = [&id.to_le_bytes(), reason.as_bytes()].concat();
                message(68, &body, &mut out);
            }
            Self::Broken(reason) => message(69, reason.as_bytes(), &mut out),
        }
        to.write_all(&out)?;
        to.flush()
    }

    /// Takes the first whole message off the front of `bytes`; `None` when it is not all there yet.
    ///
    /// # Errors
    /// When the bytes cannot be the start of an answer.
    pub(super) fn take(bytes: &mut Vec<u8>) -> Result<Option<Self>, &'static str> {
        const WRONG: &str = "said something that is no answer";
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let (kind, length) = parse_header(*header).ok_or(WRONG)?;
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let answer = Self::parse(kind, body).ok_or(WRONG)?;
        bytes.drain(..HEADER + length);
        Ok(Some(answer))
    }

    fn parse(kind: u8, body: &[u8]) -> Option<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if kind == 65 {
            return body.is_empty().then_some(Self::Ready);
        }
        if kind == 69 {
            return Some(Self::Broken(text(body)));
        }
        let (id, mut rest) = body.split_first_chunk::<4>()?;
        let id = u32::from_le_bytes(*id);
        match kind {
            66 => {
                let mut stretches = Vec::new();
                while !rest.is_empty() {
                    let (end, more) = rest.split_first_chunk::<4>()?;
                    let (length, more) = more.split_first_chunk::<4>()?;
                    let length = u32::from_le_bytes(*length) as usize;
                    let (words, more) = more.split_at_checked(length)?;
                    stretches.push((u32::from_le_bytes(*end), text(words)));
                    rest = more;
                }
                Some(Self::Words(id, stretches))
            }
            67 => rest.is_empty().then_some(Self::Stopped(id)),
            68 => Some(Self::Failed(id, text(rest))),
            _ => None,
        }
    }
}

fn parse_header(header: [u8; HEADER]) -> Option<(u8, usize)> {
    let [kind, length @ ..] = header;
    let length = u32::from_le_bytes(length) as usize;
    (length <= MAX_BODY).then_some((kind, length))
}

fn message(kind: u8, body: &[u8], out: &mut Vec<u8>) {
    let body = &body[..body.len().min(MAX_BODY)];
    out.push(kind);
    // A body has at most MAX_BODY bytes, which fit.
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_answers_arrive_as_they_were_sent_however_they_are_cut() {
        let job = |samples: Vec<i16>| {
            Order::Job(Job {
                id: 7,
                is_final: true,
                language: "en".to_owned(),
                samples,
            })
        };
        let orders = [
            job(vec![]),
            job(vec![i16::MIN, -1, 0, i16::MAX]),
            Order::Cancel(7),
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

        let answers = [
            Answer::Ready,
            Answer::Words(1, vec![(900, "a table".to_owned()), (1800, String::new())]),
            Answer::Words(2, vec![]),
            Answer::Stopped(3),
            Answer::Failed(4, "no".to_owned()),
            Answer::Broken("no model".to_owned()),
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
    }

    #[test]
    fn half_a_minute_fits_and_more_is_cut() {
        let mut bytes = Vec::new();
        let order = Order::Job(Job {
            id: 1,
            is_final: false,
            language: "en".to_owned(),
            samples: vec![1; 31 * 16_000],
        });
        order.encode(&mut bytes);
        let Some(Order::Job(job)) = Order::read(&mut bytes.as_slice()).unwrap() else {
            panic!("no job");
        };
        assert!(job.samples.len() >= 30 * 16_000);
    }

    #[test]
    fn what_is_no_message_is_an_error_and_never_a_panic() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..20_000 {
            let length = random.usize(..40);
            let mut bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            if let Some(first) = bytes.first_mut() {
                *first = random.u8(..72);
            }
            let _ = Order::read(&mut bytes.as_slice());
            let _ = Answer::take(&mut bytes);
        }
        assert!(Answer::take(&mut vec![66, 255, 255, 255, 255]).is_err());
    }
}
