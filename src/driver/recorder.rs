//! The file that a recording grows into. Writes in pieces of a second, off the sound path, and leaves a file with a
//! true header after every piece, so that a killed process loses at most the last second.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use media::{recording, wav};

use super::scribe::Frame;

/// Frames that are written together: one second.
const TOGETHER: usize = 50;
/// What they take in the file.
const PIECE: usize = TOGETHER * recording::FRAME_BYTES;

/// A recording under way. All methods that touch the disk block.
#[derive(Debug)]
pub(super) struct Recorder {
    path: PathBuf,
    file: Option<File>,
    written: u64,
    /// As they came: put side by side they would take their memory twice.
    waiting: Vec<Box<[Frame]>>,
}

impl Recorder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            written: 0,
            waiting: Vec::new(),
        }
    }

    /// Takes some frames of both sides and returns whether it is time to [`Recorder::write`].
    pub(super) fn push(&mut self, frames: Box<[Frame]>) -> bool {
        self.waiting.push(frames);
        let frames = self.waiting.iter().flatten();
        frames.map(|frame| frame.gap as usize + 1).sum::<usize>() >= TOGETHER
    }

    /// Writes what waits, then the header that makes it part of the recording.
    ///
    /// # Errors
    /// When the disk does not take it. What was written before stays readable.
    pub(super) fn write(&mut self) -> std::io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = self.append();
        if let (Err(_), Some(file)) = (&written, &self.file) {
            // A piece of a piece is no use to anybody, and its room is of use to others.
            let _ = file.set_len(wav::HEADER_LEN as u64 + self.written);
        }
        written
    }

    fn append(&mut self) -> std::io::Result<()> {
        if self.file.is_none() {
            let mut file = File::create(&self.path)?;
            file.write_all(&wav::header(recording::FORMAT, 0))?;
            self.file = Some(file);
        }
        let mut bytes = Vec::with_capacity(PIECE);
        for frame in std::mem::take(&mut self.waiting).iter().flatten() {
            for _ in 0..frame.gap {
                bytes.extend_from_slice(&recording::frame(&[0; media::FRAME], &[0; media::FRAME]));
                self.append_whole(&mut bytes)?;
            }
            bytes.extend_from_slice(&recording::frame(&frame.agent, &frame.callee));
            self.append_whole(&mut bytes)?;
        }
        self.append_bytes(&bytes)
    }

    /// Writes a whole piece, if there is one.
    fn append_whole(&mut self, bytes: &mut Vec<u8>) -> std::io::Result<()> {
        if bytes.len() >= PIECE {
            self.append_bytes(bytes)?;
            bytes.clear();
        }
        Ok(())
    }

    fn append_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        if !bytes.is_empty() {
            file.write_all_at(bytes, wav::HEADER_LEN as u64 + self.written)?;
            self.written += bytes.len() as u64;
            file.write_all_at(&wav::header(recording::FORMAT, self.written), 0)?;
        }
        Ok(())
    }

    /// Writes the rest and makes it durable.
    ///
    /// # Errors
    /// As [`Recorder::write`].
    pub(super) fn finish(&mut self) -> std::io::Result<()> {
        self.write()?;
        self.file.as_ref().map_or(Ok(()), File::sync_all)
    }
}

/// Mends the header of a recording whose process was killed. A file that does not exist is no fault.
///
/// # Errors
/// When the disk fails.
pub fn mend_recording(path: &Path) -> std::io::Result<()> {
    let mut file = match File::options().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let repair = wav::repair_header(recording::FORMAT, file.metadata()?.len());
    file.set_len(repair.file_len)?;
    file.write_all(&repair.header)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many frames, each after a gap.
    fn frames(count: usize, gap: u32) -> Box<[Frame]> {
        let frame = || Frame {
            gap,
            agent: [1; media::FRAME],
            callee: [-1; media::FRAME],
        };
        (0..count).map(|_| frame()).collect()
    }

    fn frames_in(path: &Path) -> usize {
        let bytes = std::fs::read(path).unwrap();
        let reader = hound::WavReader::new(&bytes[..]).unwrap();
        assert_eq!(reader.spec().channels, 2);
        reader.len() as usize / (2 * media::FRAME)
    }

    #[test]
    fn every_piece_leaves_a_file_that_can_be_played() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("call.wav");
        let mut recorder = Recorder::new(path.clone());
        for second in 1..=3 {
            while !recorder.push(frames(5, 0)) {}
            recorder.write().unwrap();
            assert_eq!(frames_in(&path), second * 50);
        }
        assert!(!recorder.push(frames(1, 0)));
        recorder.finish().unwrap();
        assert_eq!(frames_in(&path), 151);
    }

    #[test]
    fn lost_frames_become_silence_where_they_were_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("call.wav");
        let mut recorder = Recorder::new(path.clone());
        recorder.push(frames(1, 0));
        assert!(recorder.push(frames(2, 70)), "more than a second waits");
        recorder.finish().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let mut reader = hound::WavReader::new(&bytes[..]).unwrap();
        let sound: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        let sounding = |frame: &[i16]| frame.iter().any(|sample| *sample != 0);
        let at = sound.chunks(2 * media::FRAME).map(sounding);
        let at: Vec<_> = at.enumerate().filter(|(_, loud)| *loud).collect();
        assert_eq!(at, [(0, true), (71, true), (142, true)]);
    }

    #[test]
    fn a_file_whose_writer_was_killed_is_mended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("call.wav");
        let mut recorder = Recorder::new(path.clone());
        recorder.push(frames(50, 0));
        recorder.write().unwrap();
        // Killed between the sound and the header, in the middle of a sample.
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&[7; 643]).unwrap();
        mend_recording(&path).unwrap();
        assert_eq!(frames_in(&path), 51);
    }

    #[test]
    fn a_call_without_sound_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("call.wav");
        Recorder::new(path.clone()).finish().unwrap();
        assert!(!path.exists());
        mend_recording(&path).unwrap();
    }
}
