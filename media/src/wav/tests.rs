use std::io::Cursor;

use super::*;

/// A file as another program writes it, sixteen bits and more.
fn foreign(
    spec: hound::WavSpec,
    write: impl Fn(&mut hound::WavWriter<&mut Cursor<Vec<u8>>>),
) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
    write(&mut writer);
    writer.finalize().unwrap();
    bytes.into_inner()
}

fn spec(channels: u16, bits: u16, float: bool) -> hound::WavSpec {
    hound::WavSpec {
        channels,
        sample_rate: 16_000,
        bits_per_sample: bits,
        sample_format: if float {
            hound::SampleFormat::Float
        } else {
            hound::SampleFormat::Int
        },
    }
}

/// A file of one channel at 8 kHz, by hand.
fn by_hand(tag: u16, bits: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = header(
        Format {
            channels: 1,
            rate: 8_000,
        },
        data.len() as u64,
    )
    .to_vec();
    bytes[20..22].copy_from_slice(&tag.to_le_bytes());
    bytes[34..36].copy_from_slice(&bits.to_le_bytes());
    bytes.extend_from_slice(data);
    bytes
}

#[test]
fn a_recording_is_valid_after_every_flush() {
    let mut file = header(crate::recording::FORMAT, 0).to_vec();
    for count in 1..=5_u64 {
        file.extend(crate::recording::frame(&[100; 160], &[-100; 160]));
        let len = crate::recording::FRAME_BYTES as u64 * count;
        file[..HEADER_LEN].copy_from_slice(&header(crate::recording::FORMAT, len));
        let reader = hound::WavReader::new(Cursor::new(&file)).unwrap();
        assert_eq!(u64::from(reader.duration()), 160 * count);
        let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
        assert!(samples.chunks(2).all(|pair| pair == [100, -100]));
    }
}

#[test]
fn a_file_cut_anywhere_is_mended() {
    let mut file = header(crate::recording::FORMAT, 0).to_vec();
    file.extend(crate::recording::frame(&[7; 160], &[-7; 160]));
    for len in 0..=file.len() {
        let repair = repair_header(crate::recording::FORMAT, len as u64);
        let mut cut = file[..len].to_vec();
        cut.resize(repair.file_len as usize, 0);
        cut[..HEADER_LEN].copy_from_slice(&repair.header);
        let reader = hound::WavReader::new(Cursor::new(&cut)).unwrap();
        assert_eq!(
            reader.duration() as usize,
            len.saturating_sub(HEADER_LEN) / 4
        );
        let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
        assert!(
            samples.chunks(2).all(|pair| pair == [7, -7]),
            "cut at {len}"
        );
    }
}

#[test]
fn a_header_never_announces_more_than_it_can() {
    let bytes = header(crate::recording::FORMAT, u64::MAX);
    assert_eq!(bytes[4..8], [0xFF; 4]);
    assert_eq!(
        repair_header(crate::recording::FORMAT, u64::MAX).file_len % 4,
        0
    );
}

#[test]
fn other_programs_files_are_read() {
    let mono16 = foreign(spec(1, 16, false), |w| {
        [0_i16, 1000, -1000]
            .iter()
            .for_each(|s| w.write_sample(*s).unwrap());
    });
    let stereo24 = foreign(spec(2, 24, false), |w| {
        [0_i32, 0, 512_000, 0, -512_000, 0]
            .iter()
            .for_each(|s| w.write_sample(*s).unwrap());
    });
    let float = foreign(spec(1, 32, true), |w| {
        [0.0_f32, 1000.0 / 32_768.0, -1000.0 / 32_768.0]
            .iter()
            .for_each(|s| w.write_sample(*s).unwrap());
    });
    for bytes in [mono16, stereo24, float] {
        let sound = read(&bytes).unwrap();
        assert_eq!(sound.rate, 16_000);
        assert_eq!(sound.samples, [0, 1000, -1000]);
    }
    let mono8 = foreign(spec(1, 8, false), |w| w.write_sample(64_i8).unwrap());
    assert_eq!(read(&mono8).unwrap().samples, [64 << 8]);
}

#[test]
fn telephone_encodings_are_read() {
    assert_eq!(
        read(&by_hand(7, 8, &[0xFF, 0xCE])).unwrap().samples,
        [0, 988]
    );
    assert_eq!(
        read(&by_hand(6, 8, &[0xD5, 0x7A])).unwrap().samples,
        [8, -1008]
    );
}

#[test]
fn what_cannot_be_used_is_named() {
    assert_eq!(read(b"OggS"), Err(WavError::NotWav));
    assert_eq!(read(&by_hand(1, 16, &[])), Err(WavError::Empty));
    assert_eq!(
        read(&by_hand(85, 16, &[0; 8])),
        Err(WavError::Encoding { tag: 85, bits: 16 })
    );
    let mut no_channels = by_hand(1, 16, &[0; 8]);
    no_channels[22] = 0;
    assert_eq!(read(&no_channels), Err(WavError::Channels(0)));
    let mut no_rate = by_hand(1, 16, &[0; 8]);
    no_rate[24..28].fill(0);
    assert_eq!(read(&no_rate), Err(WavError::Rate(0)));
    assert_eq!(
        read(&by_hand(1, 16, &[0; 8])[..40]),
        Err(WavError::Truncated)
    );
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    let seed = by_hand(1, 16, &[1; 64]);
    for _ in 0..20_000 {
        let mut bytes = seed.clone();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        bytes.truncate(random.usize(..=bytes.len()));
        // Either outcome is right; that there is one is what counts.
        if let Ok(sound) = read(&bytes) {
            assert!(!sound.samples.is_empty());
        }
    }
}
