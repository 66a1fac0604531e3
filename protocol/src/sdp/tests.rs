use super::*;

fn secrets() -> [u8; Local::SECRETS] {
    std::array::from_fn(|n| n as u8)
}

fn local(codecs: &[Codec], srtp: Srtp) -> Local {
    Local {
        session: 3_910_000_000,
        version: 1,
        address: "203.0.113.5".parse().unwrap(),
        port: 40_000,
        codecs: codecs.to_vec(),
        srtp,
        crypto: Local::keyed(&secrets()),
        direction: Direction::SendRecv,
    }
}

fn read(text: &str) -> Description {
    Description::read(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn audio(description: &Description) -> &Audio {
    let found = description.streams.iter().find_map(|stream| match stream {
        Stream::Audio(audio) if audio.port != 0 => Some(audio),
        _ => None,
    });
    found.expect("there is sound")
}

/// A description with these lines for its sound.
fn peer(lines: &str) -> String {
    let lines = lines.trim().replace('\n', "\r\n");
    format!("v=0\r\no=- 5 6 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n{lines}\r\n")
}

#[test]
fn an_offer_reads_as_a_trunk_expects_it() {
    let offer = offer(&local(&[Codec::Pcmu, Codec::Pcma], Srtp::Disabled));
    let expected = "v=0\r\n\
        o=- 3910000000 1 IN IP4 203.0.113.5\r\n\
        s=-\r\n\
        c=IN IP4 203.0.113.5\r\n\
        t=0 0\r\n\
        m=audio 40000 RTP/AVP 0 8 101 13\r\n\
        a=rtpmap:0 PCMU/8000\r\n\
        a=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\n\
        a=fmtp:101 0-15\r\n\
        a=rtpmap:13 CN/8000\r\n\
        a=ptime:20\r\n\
        a=rtcp-mux\r\n\
        a=sendrecv\r\n";
    assert_eq!(offer.write(), expected);
    assert_eq!(
        Description {
            origin: offer.origin,
            ..read(expected)
        }
        .write(),
        expected
    );
}

#[test]
fn what_is_written_is_read_again() {
    let all = [Codec::Opus, Codec::G722, Codec::Pcma, Codec::Pcmu];
    for srtp in [Srtp::Disabled, Srtp::Allowed, Srtp::Required] {
        let offer = offer(&local(&all, srtp));
        let mut again = read(&offer.write());
        for stream in &mut again.streams {
            if let Stream::Audio(audio) = stream {
                audio.address = Some(offer.origin);
            }
        }
        assert_eq!(again, offer);
    }
}

#[test]
fn the_first_sound_of_an_answer_counts_whatever_stands_before_it() {
    let local = local(&[Codec::Pcmu, Codec::Pcma], Srtp::Disabled);
    let offered = offer(&local);
    let answer = read(&peer(
        "m=audio 4000 RTP/AVP 101 13 8 0\na=rtpmap:101 telephone-event/8000\na=rtpmap:8 PCMA/8000",
    ));
    let agreed = accept(&local, &offered, &answer).unwrap();
    assert_eq!((agreed.codec, agreed.payload), (Codec::Pcma, 8));
    assert_eq!(agreed.events.unwrap().payload, 101);
    assert_eq!(agreed.comfort_noise, [13]);
    assert_eq!(agreed.remote, "192.0.2.7:4000".parse().ok());
    assert_eq!(agreed.remote_rtcp, "192.0.2.7:4001".parse().ok());
    assert!(!agreed.mux);
}

#[test]
fn keys_are_sent_by_the_peers_number_and_may_come_by_both() {
    let local = local(&[Codec::Pcmu], Srtp::Disabled);
    let answer = read(&peer(
        "m=audio 4000 RTP/AVP 0 96\na=rtpmap:96 telephone-event/8000\na=rtcp-mux",
    ));
    let agreed = accept(&local, &offer(&local), &answer).unwrap();
    let events = agreed.events.unwrap();
    assert_eq!((events.payload, events.receive), (96, vec![96, 101]));
    assert!(agreed.comfort_noise.is_empty());
    assert_eq!(agreed.remote_rtcp, agreed.remote);
}

#[test]
fn our_order_decides_what_is_taken_of_an_offer() {
    let offer = read(&peer(
        "m=audio 4000 RTP/AVP 0 8 9 96 97 98\na=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/8000\n\
         a=rtpmap:98 telephone-event/48000\na=fmtp:97 0-16",
    ));
    let narrow = local(&[Codec::G722, Codec::Pcma], Srtp::Disabled);
    let (description, agreed) = answer(&narrow, &offer).unwrap();
    assert_eq!(agreed.codec, Codec::G722);
    assert_eq!(agreed.events.unwrap().payload, 97);
    let payloads: Vec<u8> = audio(&description)
        .formats
        .iter()
        .map(|f| f.payload)
        .collect();
    assert_eq!(payloads, [9, 97]);
    let wide = local(&[Codec::Opus, Codec::Pcma], Srtp::Disabled);
    let (_, agreed) = answer(&wide, &offer).unwrap();
    assert_eq!((agreed.codec, agreed.payload), (Codec::Opus, 96));
    let events = agreed.events.unwrap();
    assert_eq!((events.payload, events.clock), (98, 48_000));
    let none = local(&[Codec::Opus], Srtp::Disabled);
    let plain = read(&peer("m=audio 4000 RTP/AVP 0 8"));
    assert_eq!(answer(&none, &plain), Err(Refused::NoCodec));
}

#[test]
fn hold_is_understood_in_every_form() {
    let local = local(&[Codec::Pcmu], Srtp::Disabled);
    for (line, ours, agreed) in [
        ("a=sendonly", Direction::RecvOnly, Direction::RecvOnly),
        ("a=inactive", Direction::Inactive, Direction::Inactive),
        ("a=recvonly", Direction::SendOnly, Direction::SendOnly),
        ("a=sendrecv", Direction::SendRecv, Direction::SendRecv),
        ("c=IN IP4 0.0.0.0", Direction::RecvOnly, Direction::RecvOnly),
        (
            "c=IN IP4 0.0.0.0\na=inactive",
            Direction::Inactive,
            Direction::Inactive,
        ),
    ] {
        let offer = read(&peer(&format!("m=audio 4000 RTP/AVP 0\n{line}")));
        let (description, made) = answer(&local, &offer).unwrap();
        assert_eq!(audio(&description).direction, ours, "{line}");
        assert_eq!(made.direction, agreed, "{line}");
    }
    let session = "v=0\r\no=- 5 6 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\na=sendonly\r\n\
                   m=audio 4000 RTP/AVP 0\r\n";
    let (_, agreed) = answer(&local, &read(session)).unwrap();
    assert_eq!(
        agreed.direction,
        Direction::RecvOnly,
        "said for the session"
    );
}

const SDES: &str = "a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20\n\
                    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR";

#[test]
fn each_side_encrypts_with_its_own_key() {
    for (mine, profile) in [
        (Srtp::Allowed, "RTP/AVP"),
        (Srtp::Allowed, "RTP/SAVP"),
        (Srtp::Required, "RTP/SAVP"),
        (Srtp::Required, "RTP/AVP"),
    ] {
        let local = local(&[Codec::Pcmu], mine);
        let offer = read(&peer(&format!("m=audio 4000 {profile} 0\n{SDES}")));
        let (description, agreed) = answer(&local, &offer).unwrap();
        let (ours, theirs) = agreed.keys.unwrap();
        assert_eq!((ours.tag, theirs.tag), (2, 2), "the peer's first is taken");
        assert_eq!(ours.suite, Suite::Aes128Sha1Tag32);
        assert_eq!(theirs.key(), b"YS___semctl () {");
        assert_eq!(theirs.salt(), b"\t220;}\n}\nunles");
        let audio = audio(&description);
        assert_eq!(audio.crypto, [ours]);
        assert_eq!(audio.secure, profile == "RTP/SAVP");
    }
}

#[test]
fn encryption_is_refused_or_demanded_as_configured() {
    let secure = read(&peer(&format!("m=audio 4000 RTP/SAVP 0\n{SDES}")));
    let plain = read(&peer("m=audio 4000 RTP/AVP 0"));
    let keyless = read(&peer("m=audio 4000 RTP/SAVP 0"));
    let best_effort = read(&peer(&format!("m=audio 4000 RTP/AVP 0\n{SDES}")));
    let try_it = |srtp, offer| {
        let made = answer(&local(&[Codec::Pcmu], srtp), offer);
        made.map(|(_, agreed)| agreed.keys.is_some())
    };
    assert_eq!(
        try_it(Srtp::Disabled, &secure),
        Err(Refused::EncryptionUnwanted)
    );
    assert_eq!(
        try_it(Srtp::Required, &plain),
        Err(Refused::EncryptionMissing)
    );
    assert_eq!(try_it(Srtp::Allowed, &keyless), Err(Refused::NoKey));
    assert_eq!(try_it(Srtp::Allowed, &plain), Ok(false));
    assert_eq!(try_it(Srtp::Disabled, &best_effort), Ok(false));
    let local = local(&[Codec::Pcmu], Srtp::Required);
    let offered = offer(&local);
    assert!(audio(&offered).secure);
    assert_eq!(
        accept(&local, &offered, &plain),
        Err(Refused::EncryptionMissing)
    );
    let other_tag = SDES.replace("a=crypto:2", "a=crypto:9");
    let mismatch = read(&peer(&format!("m=audio 4000 RTP/SAVP 0\n{other_tag}")));
    assert_eq!(accept(&local, &offered, &mismatch), Err(Refused::Mismatch));
}

#[test]
fn of_two_streams_the_encrypted_one_is_taken_and_the_other_refused() {
    let offer = read(&peer(&format!(
        "m=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/SAVP 0\n{SDES}\nm=video 4004 RTP/AVP 31\nm=image 0 udptl t38"
    )));
    assert_eq!(offer.streams.len(), 4);
    let (description, agreed) = answer(&local(&[Codec::Pcmu], Srtp::Allowed), &offer).unwrap();
    assert_eq!(agreed.remote, "192.0.2.7:4002".parse().ok());
    let text = description.write();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("m=")).collect();
    assert_eq!(
        lines,
        [
            "m=audio 0 RTP/AVP 0",
            "m=audio 40000 RTP/SAVP 0",
            "m=video 0 RTP/AVP 31",
            "m=image 0 udptl t38"
        ]
    );
}

#[test]
fn old_exchanges_are_understood() {
    for text in [
        // Names where numbers belong.
        "v=0\no=CiscoSystemsSIP-GW-UserAgent abc def IN IP4 10.0.0.1\ns=SIP Call\nc=IN IP4 10.0.0.1\nt=0 0\nm=audio 4000 RTP/AVP 0\n",
        // A user name with blanks, no subject, no time.
        "v=0\r\no=Old PBX 77 1 2 IN IP4 10.0.0.1\r\nc=IN IP4 10.0.0.1\r\nm=audio 4000 RTP/AVP 0 \r\n",
        // Lines out of order, a bandwidth and a phone number that nobody can read.
        "v=0\r\ns=\r\nt=0 0\r\no=- 18446744073709551616999 1 IN IP4 10.0.0.1\r\nb=AS:lots\r\np=call me\r\nm=audio 4000/1 rtp/avp 0\r\nc=IN IP4 10.0.0.1\r\n",
        // Attributes without values, and empty lines.
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\na=\r\n\r\nm=audio 4000 RTP/AVP 0\r\na=rtpmap:\r\na=fmtp:0\r\na=X-vendor stuff\r\n\r\n",
    ] {
        let description = read(text);
        let audio = audio(&description);
        assert_eq!(audio.remote(), "10.0.0.1:4000".parse().ok(), "{text}");
        assert_eq!(audio.formats[0].encoding, Encoding::Sound(Codec::Pcmu));
    }
    let renamed = |name: &str| {
        read(&format!(
            "v=0\no={name} IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 0\n"
        ))
    };
    assert_eq!(renamed("- abc d").session, renamed("- abc e").session);
    assert_ne!(renamed("- abc d").version, renamed("- abc e").version);
}

#[test]
fn what_is_no_description_is_refused() {
    for text in [
        "",
        "hello",
        "m=audio 4000 RTP/AVP 0",
        &"v=0\n".repeat(10_000),
    ] {
        assert!(Description::read(text).is_err());
    }
    let none = read("v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nt=0 0\r\n");
    assert_eq!(
        answer(&local(&[Codec::Pcmu], Srtp::Disabled), &none),
        Err(Refused::NoAudio)
    );
}

#[test]
fn secrets_are_not_shown() {
    let shown = format!("{:?}", Local::keyed(&secrets()));
    assert!(!shown.contains("secret"), "{shown}");
}

/// Takes real descriptions apart and puts them together again at random.
#[test]
fn no_text_makes_it_panic() {
    let mut random = fastrand::Rng::with_seed(11);
    let local = local(&[Codec::Opus, Codec::Pcmu], Srtp::Allowed);
    let offered = offer(&local);
    let seeds = [
        offered.write(),
        peer(&format!(
            "m=audio 4000 RTP/SAVP 0 8 101 13\n{SDES}\na=rtpmap:101 telephone-event/8000\na=rtcp:4001 IN IP4 10.0.0.1\nm=video 1 RTP/AVP 31"
        )),
    ];
    for _ in 0..20_000 {
        let mut bytes = seeds[random.usize(..seeds.len())].clone().into_bytes();
        for _ in 0..random.usize(1..8) {
            let at = random.usize(..bytes.len());
            match random.u8(..4) {
                0 => bytes[at] = random.u8(..),
                1 => drop(bytes.drain(at..(at + random.usize(..20)).min(bytes.len()))),
                2 => {
                    let piece: Vec<u8> =
                        bytes[at..(at + random.usize(..40)).min(bytes.len())].to_vec();
                    let to = random.usize(..bytes.len());
                    bytes.splice(to..to, piece);
                }
                _ => bytes.insert(at, b"\r\n=: /0"[random.usize(..7)]),
            }
            if bytes.is_empty() {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(description) = Description::read(&text) {
            let _ = accept(&local, &offered, &description);
            if let Ok((answer, _)) = answer(&local, &description) {
                read(&answer.write());
            }
        }
    }
}
