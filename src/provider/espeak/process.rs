//! One process of espeak-ng: text in, a WAV stream out, passed on as it comes. Ends with whoever listens.

use std::{
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::mpsc,
};

use crate::provider::{ProviderError, ProviderErrorKind, clauses::Sound};

/// Pieces of sound on their way out. When they are not fetched, the program waits.
const PIECES: usize = 64;
/// The longest piece: 50 ms at espeak-ng's 22,050 Hz.
const PIECE_BYTES: usize = 2 * 1_102;
/// The header that the program writes before the samples.
const HEADER_BYTES: usize = 44;
/// How much of what it complains about is read.
const COMPLAINT_BYTES: u64 = 1_024;
/// How much later than everybody else it gets the processor, as `nice` counts.
const NICENESS: i32 = 5;

/// Makes one text sound. Dropping the receiver kills the process.
pub(super) fn synthesize(program: PathBuf, voice: String, text: &str) -> mpsc::Receiver<Sound> {
    let (out, sound) = mpsc::channel(PIECES);
    let text = plain(text);
    tokio::spawn(async move {
        tokio::select! {
            biased;
            () = out.closed() => {}
            spoken = speak(&program, &voice, &text, &out) => if let Err(error) = spoken {
                // Nobody listens any more when this is not taken.
                let _ = out.send(Sound::Failed(error)).await;
            }
        }
    });
    sound
}

/// Replaces what the program would take for an order: control characters are its embedded commands, double brackets
/// enclose phonemes. Mark-up goes with them, because it would be read out.
fn plain(text: &str) -> String {
    let order = |c: char| c.is_control() || "[]{}<>*_`|~^\\".contains(c);
    text.replace(order, " ")
}

async fn speak(
    program: &Path,
    voice: &str,
    text: &str,
    out: &mpsc::Sender<Sound>,
) -> Result<(), ProviderError> {
    let mut child = start(program, voice)?;
    let missing = || protocol("espeak-ng was started without its pipes");
    let mut stdin = child.stdin.take().ok_or_else(missing)?;
    let mut stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    // It reads everything before it says anything, so this cannot wait for its sound. A program that ends before
    // it has read tells why below.
    let _ = stdin.write_all(text.as_bytes()).await;
    drop(stdin);
    let gone = |error: io::Error| {
        let message = format!("the sound of espeak-ng cannot be read: {error}");
        ProviderError::new(ProviderErrorKind::Unavailable, message)
    };
    pass_on(&mut stdout, out).await?;
    let mut complaint = Vec::new();
    let mut limited = stderr.take(COMPLAINT_BYTES);
    limited.read_to_end(&mut complaint).await.map_err(gone)?;
    drop(limited);
    let status = child.wait().await.map_err(gone)?;
    if !status.success() {
        return Err(ended(voice, status, &complaint));
    }
    Ok(())
}

fn start(program: &Path, voice: &str) -> Result<Child, ProviderError> {
    let child = Command::new(program)
        // UTF-8 in; a WAV stream out. Everything else is in the text.
        .args(["-b", "1", "--stdin", "--stdout", "-v", voice])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| not_started(program, &error))?;
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        // A kernel that refuses leaves it where it is; it needs a hundredth of the time that it speaks.
        let _ = rustix::process::setpriority_process(Some(pid), NICENESS);
    }
    Ok(child)
}

/// Passes the samples of a WAV stream on until it ends. A stream without a single byte is silence: the program makes
/// that of a text in which there is nothing to say.
async fn pass_on(
    stream: &mut (impl AsyncRead + Unpin),
    out: &mpsc::Sender<Sound>,
) -> Result<(), ProviderError> {
    let broken = |_: io::Error| protocol("espeak-ng broke off its sound");
    let mut bytes = Vec::with_capacity(PIECE_BYTES);
    let mut header = (&mut *stream).take(HEADER_BYTES as u64);
    header.read_to_end(&mut bytes).await.map_err(broken)?;
    if bytes.is_empty() {
        return Ok(());
    }
    let rate = rate(&bytes)
        .ok_or_else(|| protocol("espeak-ng did not answer with 16-bit mono WAV sound"))?;
    bytes.clear();
    loop {
        let had = bytes.len();
        bytes.resize(PIECE_BYTES, 0);
        let count = stream.read(&mut bytes[had..]).await.map_err(broken)?;
        bytes.truncate(had + count);
        let (samples, rest) = bytes.as_chunks::<2>();
        let samples: Vec<i16> = samples.iter().map(|s| i16::from_le_bytes(*s)).collect();
        let odd = rest.first().copied();
        if !samples.is_empty() && out.send(Sound::Samples(samples, rate)).await.is_err() {
            return Ok(());
        }
        if count == 0 {
            return Ok(());
        }
        bytes.clear();
        bytes.extend(odd);
    }
}

/// Returns the sampling rate of a header of 16-bit mono PCM whose samples follow at once.
fn rate(header: &[u8]) -> Option<u32> {
    let header: &[u8; HEADER_BYTES] = header.try_into().ok()?;
    let is = |at: usize, text: &[u8]| header[at..].starts_with(text);
    let number = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let fits = is(0, b"RIFF") && is(8, b"WAVEfmt ") && is(36, b"data");
    let mono_16_bit = number(20) == 1 && number(22) == 1 && number(34) == 16;
    let rate = u32::from_le_bytes([header[24], header[25], header[26], header[27]]);
    (fits && mono_16_bit).then_some(rate)
}

fn protocol(message: &str) -> ProviderError {
    let message = format!("{message}; reinstall the package espeak-ng");
    ProviderError::new(ProviderErrorKind::Protocol, message)
}

/// Why the program did not start.
pub(super) fn not_started(program: &Path, error: &io::Error) -> ProviderError {
    let program = program.display();
    let message = if error.kind() == io::ErrorKind::NotFound {
        format!(
            "the program {program} is missing; install the package espeak-ng (apt-get install espeak-ng)"
        )
    } else {
        format!("the program {program} cannot be started: {error}")
    };
    ProviderError::new(ProviderErrorKind::Unavailable, message)
}

/// Why the program ended without success.
pub(super) fn ended(voice: &str, status: ExitStatus, complaint: &[u8]) -> ProviderError {
    let complaint = String::from_utf8_lossy(complaint);
    if complaint.contains("voice does not exist") {
        return ProviderError::new(
            ProviderErrorKind::Unsupported,
            format!("espeak-ng has no voice \"{voice}\"; `espeak-ng --voices` lists those it has"),
        );
    }
    let first = complaint.lines().next().unwrap_or_default().trim();
    let message = format!("espeak-ng ended with {status}: {first}");
    ProviderError::new(ProviderErrorKind::Unavailable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_to_the_program_are_taken_out_of_the_text() {
        assert_eq!(
            plain("Sí, [[h@l'oU]] a \u{1}50P las 7"),
            "Sí,   h@l'oU   a  50P las 7"
        );
    }

    #[tokio::test]
    async fn only_sound_is_taken_for_sound() {
        let (out, _sound) = mpsc::channel(8);
        for bad in [&b"RIFF"[..], b"<html>", &[0; 44]] {
            let error = pass_on(&mut &*bad, &out).await.unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Protocol);
        }
        assert_eq!(pass_on(&mut &b""[..], &out).await, Ok(()));
    }
}
