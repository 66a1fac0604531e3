//! One packet of encoded sound, as lines carry it, without anything of its transport.

/// The most bytes a packet carries: 60 ms of G.711, or 20 ms of any codec we speak.
pub const MAX_PAYLOAD: usize = 480;

/// How sound is encoded on the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
}

/// A packet of encoded sound. Fixed size, so that queues of them never allocate.
#[derive(Clone, Copy)]
pub struct Packet {
    /// Rises by one per packet, wraps (RFC 3550).
    pub sequence: u16,
    /// Sampling instant of the first sample in clock ticks of the codec, wraps (RFC 3550).
    pub timestamp: u32,
    len: u16,
    bytes: [u8; MAX_PAYLOAD],
}

impl Packet {
    /// Makes a packet; `None` when `payload` is longer than [`MAX_PAYLOAD`].
    #[must_use]
    pub fn new(sequence: u16, timestamp: u32, payload: &[u8]) -> Option<Self> {
        let mut bytes = [0; MAX_PAYLOAD];
        bytes.get_mut(..payload.len())?.copy_from_slice(payload);
        Some(Self {
            sequence,
            timestamp,
            len: payload.len() as u16,
            bytes,
        })
    }

    /// Returns the encoded sound.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl std::fmt::Debug for Packet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packet")
            .field("sequence", &self.sequence)
            .field("timestamp", &self.timestamp)
            .field("bytes", &self.len)
            .finish()
    }
}
