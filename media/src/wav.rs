//! WAV files as bytes: headers that stay true while a file grows, and reading of what people have.
//!
//! Opens no file. A recorder writes [`header`] for an empty file, appends frames, and now and then puts [`header`]
//! for the new length over the first [`HEADER_LEN`] bytes; a file that lost its writer is mended by [`repair_header`].

mod read;

pub use read::{Sound, WavError, read};

/// Length of the header that [`header`] makes.
pub const HEADER_LEN: usize = 44;

/// The most data bytes a header can announce: the size field counts all that follows it, in 32 bits.
const MAX_DATA: u64 = u32::MAX as u64 - (HEADER_LEN as u64 - 8);

/// Shape of sixteen-bit PCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Channels, interleaved.
    pub channels: u16,
    /// Samples per second of each channel.
    pub rate: u32,
}

impl Format {
    /// Bytes of one sample of all channels.
    #[must_use]
    pub const fn block(self) -> u16 {
        self.channels * 2
    }
}

/// Returns the header of a file whose data is `data_len` bytes long so far.
///
/// Lengths beyond what the format can say (4 GiB) are stated as the largest it can.
#[must_use]
pub fn header(format: Format, data_len: u64) -> [u8; HEADER_LEN] {
    let data = data_len.min(MAX_DATA) as u32;
    let mut bytes = [0; HEADER_LEN];
    bytes[..4].copy_from_slice(b"RIFF");
    bytes[4..8].copy_from_slice(&(data + (HEADER_LEN as u32 - 8)).to_le_bytes());
    bytes[8..16].copy_from_slice(b"WAVEfmt ");
    bytes[16..20].copy_from_slice(&16_u32.to_le_bytes());
    bytes[20..22].copy_from_slice(&1_u16.to_le_bytes());
    bytes[22..24].copy_from_slice(&format.channels.to_le_bytes());
    bytes[24..28].copy_from_slice(&format.rate.to_le_bytes());
    bytes[28..32].copy_from_slice(&(format.rate * u32::from(format.block())).to_le_bytes());
    bytes[32..34].copy_from_slice(&format.block().to_le_bytes());
    bytes[34..36].copy_from_slice(&16_u16.to_le_bytes());
    bytes[36..40].copy_from_slice(b"data");
    bytes[40..].copy_from_slice(&data.to_le_bytes());
    bytes
}

/// What to do to a recording whose writer was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// The header to write over the file's first bytes.
    pub header: [u8; HEADER_LEN],
    /// The length to cut the file to, so that it ends with a whole sample of all channels.
    pub file_len: u64,
}

/// Says how to mend a recording of `format` that is `file_len` bytes long, whatever its header says.
///
/// A file cut off within its header becomes an empty recording.
#[must_use]
pub fn repair_header(format: Format, file_len: u64) -> Repair {
    let block = u64::from(format.block()).max(1);
    let data = file_len.saturating_sub(HEADER_LEN as u64).min(MAX_DATA) / block * block;
    Repair {
        header: header(format, data),
        file_len: HEADER_LEN as u64 + data,
    }
}

#[cfg(test)]
mod tests;
