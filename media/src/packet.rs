//! One packet of encoded sound, as lines carry it, without anything of its transport.

/// The most bytes a packet carries: 60 ms of G.711, or 20 ms of any codec we speak.
pub const MAX_PAYLOAD: usize = 480;

/// A packet of encoded sound. Fixed size, so that queues of them never allocate.
#[derive(Clone, Copy)]
pub struct Packet {
    /// Rises by one per packet, wraps (RFC 3550).
    pub sequence: u16,
    /// Sampling instant of the first sample in clock ticks of the codec, wraps (RFC 3550).
    pub timestamp: u32,
    len: u16,
    /// The level of comfort noise, in dB below full scale, in place of sound.
    noise: Option<u8>,
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
            noise: None,
            bytes,
        })
    }

    /// Makes a packet that says that nothing follows but noise (RFC 3389) of `level` dB below full scale.
    #[must_use]
    pub const fn comfort_noise(sequence: u16, timestamp: u32, level: u8) -> Self {
        Self {
            sequence,
            timestamp,
            len: 0,
            noise: Some(level),
            bytes: [0; MAX_PAYLOAD],
        }
    }

    /// Returns the level of comfort noise in dB below full scale, when the packet stands for that.
    #[must_use]
    pub const fn noise(&self) -> Option<u8> {
        self.noise
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
