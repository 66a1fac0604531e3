//! Lays one tick of both directions side by side: left the agent as sent, right the callee as heard.
//!
//! Both channels advance by one frame per tick of the wire clock, whatever arrived, so a position in the file is a
//! time on the line. Writes nothing: the owner of the file puts [`crate::wav`]'s header before these bytes.

use crate::{FRAME, wav::Format};

/// How recordings are stored: two channels of sixteen bits at 8 kHz.
pub const FORMAT: Format = Format {
    channels: 2,
    rate: 8000,
};

/// Bytes that one tick adds to a recording.
pub const FRAME_BYTES: usize = FRAME * 4;

/// Returns 20 ms of both channels as the bytes of a WAV file's data.
#[must_use]
pub fn frame(agent: &[i16; FRAME], callee: &[i16; FRAME]) -> [u8; FRAME_BYTES] {
    let mut bytes = [0; FRAME_BYTES];
    for ((slot, left), right) in bytes.chunks_exact_mut(4).zip(agent).zip(callee) {
        slot[..2].copy_from_slice(&left.to_le_bytes());
        slot[2..].copy_from_slice(&right.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_left_and_the_callee_right() {
        let bytes = frame(&[0x0102; FRAME], &[-2; FRAME]);
        assert_eq!(bytes[..4], [0x02, 0x01, 0xFE, 0xFF]);
        assert_eq!(bytes[FRAME_BYTES - 4..], [0x02, 0x01, 0xFE, 0xFF]);
    }
}
