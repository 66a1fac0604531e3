//! Keys of the telephone as RTP payloads (RFC 4733): bytes to events and back.
//!
//! Which packets make up one press is decided by those who send and receive them.

/// The length of a payload.
pub const LEN: usize = 4;

/// The level of what we send, in dBm0 below zero.
const VOLUME: u8 = 10;

/// One report of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TelephoneEvent {
    /// The event: 0 to 15 are keys.
    pub code: u8,
    /// Whether the event is over.
    pub end: bool,
    /// For how long it has lasted, in ticks of the payload's clock.
    pub duration: u16,
}

impl TelephoneEvent {
    /// Reads a payload; `None` when it is too short. Of several events in a payload, the first counts.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low, ..] = *payload else {
            return None;
        };
        Some(Self {
            code,
            end: flags & 0x80 != 0,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// Returns the payload.
    #[must_use]
    pub fn write(self) -> [u8; LEN] {
        let end = if self.end { 0x80 } else { 0 };
        let [high, low] = self.duration.to_be_bytes();
        [self.code, end | VOLUME, high, low]
    }

    /// Returns the key; `None` for events that are none.
    #[must_use]
    pub fn key(self) -> Option<char> {
        KEYS.chars().nth(usize::from(self.code))
    }
}

/// The keys in the order of their codes.
const KEYS: &str = "0123456789*#ABCD";

/// Returns the code of a key.
#[must_use]
pub fn code(key: char) -> Option<u8> {
    let key = key.to_ascii_uppercase();
    let found = KEYS.chars().zip(0..).find(|(known, _)| *known == key);
    found.map(|(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_code() {
        for (key, expected) in "0123456789*#ABCD".chars().zip(0..) {
            assert_eq!(code(key), Some(expected));
            let event = TelephoneEvent {
                code: expected,
                end: true,
                duration: 1_280,
            };
            assert_eq!(TelephoneEvent::read(&event.write()), Some(event));
            assert_eq!(event.key(), Some(key));
        }
        assert_eq!(code('d'), Some(15));
        assert_eq!(code('w'), None);
    }

    #[test]
    fn the_bytes_are_those_of_the_rfc() {
        let event = TelephoneEvent {
            code: 9,
            end: true,
            duration: 400,
        };
        assert_eq!(event.write(), [9, 0x8A, 0x01, 0x90]);
        assert_eq!(TelephoneEvent::read(&[9, 0x8A, 0x01]), None);
        let hook_flash = TelephoneEvent::read(&[16, 0, 0, 0, 7]);
        assert_eq!(hook_flash.and_then(TelephoneEvent::key), None);
    }
}
