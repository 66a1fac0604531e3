//! Files of sound as samples: WAV and FLAC, told apart by their first bytes.
//!
//! WAV is read by our own reader, which the recordings of calls need anyway; FLAC by Symphonia, which is written in
//! Rust alone and kept up (`claxon`, smaller, had no release since 2020). Decides nothing about loudness or rate.

use std::io::Cursor;

use media::wav::{self, Sound};
use symphonia::{
    core::{
        audio::GenericAudioBufferRef,
        codecs::audio::AudioDecoderOptions,
        errors::Error,
        formats::{FormatOptions, TrackType, probe::Hint},
        io::MediaSourceStream,
        meta::MetadataOptions,
    },
    default::{get_codecs, get_probe},
};

/// Reads a file as one channel of sixteen bits; several channels are averaged.
///
/// # Errors
/// Says what is wrong with the bytes, as a part of a sentence.
pub(super) fn decode(bytes: Vec<u8>) -> Result<Sound, String> {
    if bytes.starts_with(b"fLaC") {
        return flac(bytes).map_err(|error| format!("the FLAC file cannot be read: {error}"));
    }
    wav::read(&bytes).map_err(|error| error.to_string())
}

fn flac(bytes: Vec<u8>) -> Result<Sound, Error> {
    let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let mut reader = get_probe().probe(
        Hint::new().with_extension("flac"),
        stream,
        FormatOptions::default(),
        MetadataOptions::default(),
    )?;
    let parameters = reader
        .default_track(TrackType::Audio)
        .and_then(|track| track.codec_params.as_ref()?.audio())
        .ok_or(Error::Unsupported("no sound in it"))?;
    let mut decoder =
        get_codecs().make_audio_decoder(parameters, &AudioDecoderOptions::default())?;
    let (mut samples, mut rate) = (Vec::new(), 0);
    while let Some(packet) = reader.next_packet()? {
        let sound = decoder.decode(&packet)?;
        rate = sound.spec().rate();
        mix(&sound, &mut samples);
    }
    if samples.is_empty() {
        return Err(Error::Unsupported("no sound in it"));
    }
    Ok(Sound { samples, rate })
}

/// Appends the mean of all channels.
fn mix(sound: &GenericAudioBufferRef<'_>, samples: &mut Vec<i16>) {
    let channels = sound.num_planes().max(1);
    let mut all: Vec<i16> = Vec::new();
    sound.copy_to_vec_interleaved(&mut all);
    samples.extend(all.chunks_exact(channels).map(|block| {
        let sum: i32 = block.iter().map(|&sample| i32::from(sample)).sum();
        (sum / channels as i32) as i16
    }));
}
