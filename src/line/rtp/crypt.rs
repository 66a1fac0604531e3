//! SRTP (RFC 3711) with keys from descriptions (RFC 4568), by rtc-srtp with its protection against replays turned on.
//!
//! Streams that are not believed yet are opened apart from the one that is heard, so that strangers who make up
//! streams can neither fill the memory nor touch the state of the real one.

use bytes::BytesMut;
use protocol::sdp::{Crypto, Suite};
use rtc_srtp::{
    context::Context,
    option::{srtcp_replay_protection, srtp_replay_protection},
    protection_profile::ProtectionProfile,
};

/// Packets that may come late and still count: 1.28 s.
const WINDOW: usize = 64;
/// Packets of streams that are not believed before what is known of them is forgotten.
const MOST_DOUBTED: u32 = 64;

/// Both directions of an encrypted session.
pub(super) struct Crypt {
    ours: Crypto,
    theirs: Crypto,
    outgoing: Context,
    incoming: Context,
    doubted: Context,
    doubts: u32,
}

impl std::fmt::Debug for Crypt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Crypt")
            .field("ours", &self.ours)
            .field("theirs", &self.theirs)
            .finish_non_exhaustive()
    }
}

impl Crypt {
    /// Makes the contexts for these keys; `None` when the library refuses them.
    pub(super) fn new(ours: &Crypto, theirs: &Crypto) -> Option<Self> {
        Some(Self {
            outgoing: context(ours)?,
            incoming: context(theirs)?,
            doubted: context(theirs)?,
            doubts: 0,
            ours: ours.clone(),
            theirs: theirs.clone(),
        })
    }

    /// Whether it was made of these keys, so that its counters have to go on.
    pub(super) fn is_of(&self, ours: &Crypto, theirs: &Crypto) -> bool {
        let same =
            |a: &Crypto, b: &Crypto| (a.suite, a.key(), a.salt()) == (b.suite, b.key(), b.salt());
        same(&self.ours, ours) && same(&self.theirs, theirs)
    }

    pub(super) fn protect(&mut self, rtp: &[u8]) -> Option<BytesMut> {
        self.outgoing.encrypt_rtp(rtp).ok()
    }

    pub(super) fn protect_report(&mut self, rtcp: &[u8]) -> Option<BytesMut> {
        self.outgoing.encrypt_rtcp(rtcp).ok()
    }

    /// Opens a packet of the stream that is heard; `None` when it is forged, damaged or a replay.
    pub(super) fn open(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.incoming.decrypt_rtp(packet).ok()
    }

    /// Opens a packet of a stream that is not believed yet.
    pub(super) fn open_doubted(&mut self, packet: &[u8]) -> Option<BytesMut> {
        if self.doubts == MOST_DOUBTED {
            self.forget_doubted();
        }
        self.doubts += 1;
        self.doubted.decrypt_rtp(packet).ok()
    }

    /// The stream that was opened as doubted is heard from now on.
    pub(super) fn believe(&mut self) {
        std::mem::swap(&mut self.incoming, &mut self.doubted);
        self.forget_doubted();
    }

    /// Opens a report.
    pub(super) fn open_report(&mut self, packet: &[u8]) -> Option<BytesMut> {
        self.incoming.decrypt_rtcp(packet).ok()
    }

    fn forget_doubted(&mut self) {
        self.doubts = 0;
        if let Some(fresh) = context(&self.theirs) {
            self.doubted = fresh;
        }
    }
}

fn context(crypto: &Crypto) -> Option<Context> {
    let profile = match crypto.suite {
        Suite::Aes128Sha1Tag80 => ProtectionProfile::Aes128CmHmacSha1_80,
        Suite::Aes128Sha1Tag32 => ProtectionProfile::Aes128CmHmacSha1_32,
        Suite::Aes256Sha1Tag80 => ProtectionProfile::Aes256CmHmacSha1_80,
    };
    let provider = rtc_crypto::default_provider().ok()?;
    Context::new(
        crypto.key(),
        crypto.salt(),
        profile,
        Some(srtp_replay_protection(WINDOW)),
        Some(srtcp_replay_protection(WINDOW)),
        provider.crypto(),
    )
    .ok()
}
