//! One WebRTC connection to a page, as little of it as a call needs: an offer answered, addresses exchanged, packets
//! both ways. The only file that knows the library for it.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use media::Packet;
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::configuration::media_engine::MIME_TYPE_OPUS,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
        RtpCodecKind,
    },
};
use serde_json::Value;
use tokio::sync::mpsc;
use webrtc::{
    error::Error,
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
        RTCConfigurationBuilder, RTCIceCandidateInit, RTCIceServer, RTCPeerConnectionIceEvent,
        RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
        register_default_interceptors,
    },
    runtime::TokioRuntime,
};

use super::signal::IceServer;

/// The codec that is offered and sent.
pub(super) const CODEC: media::Codec = media::Codec::Opus;
/// Its name in session descriptions, its clock, its channels there whatever is sent (RFC 7587, 7), and the payload type that
/// we would give it; the page's counts.
const NAME: &str = "opus/48000/2";
const CLOCK: u32 = 48_000;
const CHANNELS: u16 = 2;
const PAYLOAD_TYPE: u8 = 111;
/// What we ask of the page's packets: one voice, with copies of the packet before in each, by which single losses are mended.
const WISHES: &str = "minptime=10;useinbandfec=1;stereo=0";

/// Packets that were sent before are not taken again within this window (RFC 3711, 3.3.2).
const REPLAY_WINDOW: usize = 128;

/// How connections are made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerOptions {
    /// Where to bind for the sound: address and port, port 0 for any. The address 0.0.0.0 stands for every one of the
    /// machine's except loopback.
    pub bind: Vec<String>,
    /// By which servers a way is found past routers.
    pub ice_servers: Vec<IceServer>,
}

/// What happens on a connection.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "packets are of fixed size, so that queues of them never allocate"
)]
pub(super) enum PeerEvent {
    /// An address of ours for the page.
    Candidate(Value),
    /// Sound can flow.
    Connected,
    /// It flows no more, for now.
    Broken,
    /// Sound.
    Packet(Packet),
}

/// See the module's documentation.
pub(super) struct Peer {
    connection: Box<dyn PeerConnection>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    payload_type: Arc<AtomicU8>,
}

impl Peer {
    /// Makes a connection that waits for an offer. When `events` is full, packets are dropped and the rest waits.
    pub(super) async fn new(
        options: &PeerOptions,
        ssrc: u32,
        events: mpsc::Sender<PeerEvent>,
    ) -> Result<Self, Error> {
        let codec = RTCRtpCodec {
            mime_type: MIME_TYPE_OPUS.to_owned(),
            clock_rate: CLOCK,
            channels: CHANNELS,
            sdp_fmtp_line: WISHES.to_owned(),
            ..Default::default()
        };
        let mut media = MediaEngine::default();
        let parameters = RTCRtpCodecParameters {
            rtp_codec: codec.clone(),
            payload_type: PAYLOAD_TYPE,
        };
        media.register_codec(parameters, RtpCodecKind::Audio)?;
        let registry = register_default_interceptors(Registry::new(), &mut media)?;
        let settings = SettingEngineBuilder::new()
            .with_srtp_replay_protection_window(REPLAY_WINDOW)
            .with_include_loopback_candidate(true)
            .build();
        let servers = options.ice_servers.iter().map(|server| RTCIceServer {
            urls: server.urls.clone(),
            username: server.username.clone(),
            credential: server.credential.clone(),
        });
        let payload_type = Arc::new(AtomicU8::new(PAYLOAD_TYPE));
        let connection = PeerConnectionBuilder::new()
            .with_configuration(
                RTCConfigurationBuilder::new()
                    .with_ice_servers(servers.collect())
                    .build(),
            )
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .with_setting_engine(settings)
            .with_handler(Arc::new(Handler {
                events,
                payload_type: payload_type.clone(),
            }))
            .with_runtime(Arc::new(TokioRuntime))
            .with_udp_addrs(options.bind.clone())
            .build()
            .await?;
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..Default::default()
            },
            codec,
            ..Default::default()
        };
        let track = Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
            "agent".into(),
            "voice".into(),
            "the agent's voice".into(),
            RtpCodecKind::Audio,
            vec![encoding],
        )));
        connection.add_track(track.clone()).await?;
        Ok(Self {
            connection: Box::new(connection),
            track,
            ssrc,
            payload_type,
        })
    }

    /// Answers an offer, the first one or one that looks for a new way; addresses follow as events.
    pub(super) async fn answer(&self, offer: String) -> Result<String, Error> {
        let offer = RTCSessionDescription::offer(offer)?;
        self.connection.set_remote_description(offer).await?;
        let answer = self.connection.create_answer(None).await?;
        self.connection.set_local_description(answer).await?;
        let local = self.connection.local_description().await;
        let answer = local.ok_or_else(|| Error::Other("no local description".into()))?;
        let agreed = payload_type(&answer.sdp).unwrap_or(PAYLOAD_TYPE);
        self.payload_type.store(agreed, Ordering::Relaxed);
        Ok(answer.sdp)
    }

    /// Takes an address of the page. One that cannot be used (an mDNS name, a family that we have not) is left out:
    /// the page finds ours.
    pub(super) async fn candidate(&self, candidate: Value) {
        let Ok(candidate) = serde_json::from_value::<RTCIceCandidateInit>(candidate) else {
            return;
        };
        if let Err(error) = self.connection.add_ice_candidate(candidate).await {
            tracing::debug!(%error, "an address of a page is not used");
        }
    }

    /// Sends a packet. Before the connection stands, it is dropped.
    pub(super) async fn send(&self, packet: &Packet) {
        let packet = rtc_rtp::Packet {
            header: rtc_rtp::Header {
                version: 2,
                payload_type: self.payload_type.load(Ordering::Relaxed),
                sequence_number: packet.sequence,
                timestamp: packet.timestamp,
                ssrc: self.ssrc,
                ..Default::default()
            },
            payload: bytes::Bytes::copy_from_slice(packet.payload()),
        };
        let _ = self.track.write_rtp(packet).await;
    }

    /// Closes it.
    pub(super) async fn close(&self) {
        let _ = self.connection.close().await;
    }
}

/// Returns the number that a session description gives our codec (RFC 8866, 6.6).
fn payload_type(sdp: &str) -> Option<u8> {
    sdp.lines()
        .filter_map(|line| line.strip_prefix("a=rtpmap:"))
        .filter_map(|map| map.trim_end().split_once(' '))
        .find(|(_, name)| name.eq_ignore_ascii_case(NAME))
        .and_then(|(number, _)| number.parse().ok())
}

/// Turns the library's callbacks into events.
struct Handler {
    events: mpsc::Sender<PeerEvent>,
    payload_type: Arc<AtomicU8>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let candidate = event.candidate.to_json().ok();
        if let Some(candidate) =
            candidate.and_then(|candidate| serde_json::to_value(candidate).ok())
        {
            let _ = self.events.send(PeerEvent::Candidate(candidate)).await;
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let event = match state {
            RTCPeerConnectionState::Connected => PeerEvent::Connected,
            RTCPeerConnectionState::Disconnected | RTCPeerConnectionState::Failed => {
                PeerEvent::Broken
            }
            _ => return,
        };
        let _ = self.events.send(event).await;
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let events = self.events.clone();
        let payload_type = self.payload_type.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if events.is_closed() {
                    return;
                }
                let TrackRemoteEvent::OnRtpPacket(packet) = event else {
                    continue;
                };
                let header = &packet.header;
                if header.payload_type != payload_type.load(Ordering::Relaxed) {
                    continue;
                }
                let packet = Packet::new(header.sequence_number, header.timestamp, &packet.payload);
                if let Some(packet) = packet {
                    // A call that does not keep up loses sound, as on any line.
                    let _ = events.try_send(PeerEvent::Packet(packet));
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_codec_is_the_one_that_was_agreed_on() {
        let sdp = format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 13 7\r\na=rtpmap:13 CN/8000\r\na=rtpmap:7 {NAME}\r\n"
        );
        assert_eq!(payload_type(&sdp), Some(7));
        assert_eq!(payload_type("a=rtpmap:x PCMU\r\na=rtpmap:\r\n"), None);
    }

    /// A page of ours, without a page: offers, and answers to addresses.
    #[tokio::test]
    async fn two_ends_find_each_other_and_packets_go_both_ways() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let options = PeerOptions {
            bind: vec!["127.0.0.1:0".into()],
            ice_servers: Vec::new(),
        };
        let (sender, mut page_events) = mpsc::channel(256);
        let page = Peer::new(&options, 1, sender).await.unwrap();
        let (sender, mut events) = mpsc::channel(256);
        let peer = Peer::new(&options, 2, sender).await.unwrap();
        let offer = page.connection.create_offer(None).await.unwrap();
        page.connection.set_local_description(offer).await.unwrap();
        let offer = page.connection.local_description().await.unwrap();
        let answer = peer.answer(offer.sdp).await.unwrap();
        let answer = RTCSessionDescription::answer(answer).unwrap();
        page.connection
            .set_remote_description(answer)
            .await
            .unwrap();
        let packet = Packet::new(7, 160, &[0x7f; 160]).unwrap();
        let (mut here, mut there) = (false, false);
        while !(here && there) {
            tokio::select! {
                event = events.recv() => match event.unwrap() {
                    PeerEvent::Candidate(candidate) => page.candidate(candidate).await,
                    PeerEvent::Connected => {}
                    PeerEvent::Broken => panic!("the way broke"),
                    PeerEvent::Packet(packet) => here = packet.payload() == [0x7f; 160],
                },
                event = page_events.recv() => match event.unwrap() {
                    PeerEvent::Candidate(candidate) => peer.candidate(candidate).await,
                    PeerEvent::Packet(packet) => there = packet.payload() == [0x7f; 160],
                    PeerEvent::Connected | PeerEvent::Broken => {}
                },
                () = crate::driver::clock::sleep(std::time::Duration::from_millis(20)) => {
                    // Whatever is sent before the way stands is lost.
                    peer.send(&packet).await;
                    page.send(&packet).await;
                }
            }
        }
        peer.close().await;
        page.close().await;
    }
}
