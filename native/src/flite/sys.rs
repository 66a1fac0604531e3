//! The part of Flite 2.x that is used: declarations from `flite.h`, `cst_wave.h`, `cst_audio.h`, `cst_voice.h`,
//! `cst_utterance.h`, `cst_item.h`, `cst_relation.h`, `cst_lexicon.h`. Fields behind the last one used are left out
//! of structures that only the library allocates.
#![allow(non_camel_case_types, reason = "the names are the library's")]

use std::ffi::{c_char, c_float, c_int, c_uint, c_void};

pub(super) const CST_AUDIO_STREAM_STOP: c_int = -1;
pub(super) const CST_AUDIO_STREAM_CONT: c_int = 0;

/// Declares types of which only pointers are used.
macro_rules! opaque {
    ($($name:ident)*) => { $(
        #[repr(C)]
        pub(super) struct $name { _opaque: [u8; 0] }
    )* };
}
opaque!(cst_voice cst_features cst_val cst_relation cst_item cst_lexicon);

#[repr(C)]
pub(super) struct cst_utterance {
    pub(super) features: *mut cst_features,
}

#[repr(C)]
pub(super) struct cst_wave {
    pub(super) kind: *const c_char,
    pub(super) sample_rate: c_int,
    pub(super) num_samples: c_int,
    pub(super) num_channels: c_int,
    pub(super) samples: *const i16,
}

pub(super) type Callback = unsafe extern "C" fn(
    wave: *const cst_wave,
    start: c_int,
    size: c_int,
    last: c_int,
    info: *mut cst_audio_streaming_info,
) -> c_int;

#[repr(C)]
pub(super) struct cst_audio_streaming_info {
    pub(super) min_buffsize: c_int,
    pub(super) asc: Option<Callback>,
    pub(super) utt: *const cst_utterance,
    pub(super) item: *const cst_item,
    pub(super) userdata: *mut c_void,
}

pub(super) type UttFunc = unsafe extern "C" fn(*mut cst_utterance) -> *mut cst_utterance;

unsafe extern "C" {
    /// Of the C library.
    pub(super) fn srand(seed: c_uint);
    pub(super) fn flite_init() -> c_int;
    pub(super) fn register_cmu_us_rms(directory: *const c_char) -> *mut cst_voice;
    pub(super) fn register_cmu_us_slt(directory: *const c_char) -> *mut cst_voice;
    pub(super) fn register_cmu_us_awb(directory: *const c_char) -> *mut cst_voice;
    pub(super) fn register_cmu_us_kal16(directory: *const c_char) -> *mut cst_voice;
    pub(super) fn new_utterance() -> *mut cst_utterance;
    pub(super) fn delete_utterance(utterance: *mut cst_utterance);
    pub(super) fn new_audio_streaming_info() -> *mut cst_audio_streaming_info;
    pub(super) fn audio_streaming_info_val(info: *const cst_audio_streaming_info) -> *mut cst_val;
    pub(super) fn feat_set(features: *mut cst_features, name: *const c_char, value: *const cst_val);
    pub(super) fn feat_set_string(
        features: *mut cst_features,
        name: *const c_char,
        value: *const c_char,
    );
    pub(super) fn flite_do_synth(
        utterance: *mut cst_utterance,
        voice: *mut cst_voice,
        synth: UttFunc,
    ) -> *mut cst_utterance;
    pub(super) fn utt_synth(utterance: *mut cst_utterance) -> *mut cst_utterance;
    pub(super) fn utt_relation_present(
        utterance: *const cst_utterance,
        name: *const c_char,
    ) -> c_int;
    pub(super) fn utt_relation(
        utterance: *const cst_utterance,
        name: *const c_char,
    ) -> *mut cst_relation;
    pub(super) fn relation_head(relation: *mut cst_relation) -> *mut cst_item;
    pub(super) fn item_next(item: *const cst_item) -> *mut cst_item;
    pub(super) fn flite_ffeature_float(item: *const cst_item, path: *const c_char) -> c_float;
    pub(super) fn cmu_lex_init() -> *mut cst_lexicon;
    pub(super) fn lex_lookup(
        lexicon: *const cst_lexicon,
        word: *const c_char,
        part_of_speech: *const c_char,
        features: *const cst_features,
    ) -> *mut cst_val;
    pub(super) fn val_car(list: *const cst_val) -> *const cst_val;
    pub(super) fn val_cdr(list: *const cst_val) -> *const cst_val;
    pub(super) fn val_string(value: *const cst_val) -> *const c_char;
    pub(super) fn delete_val(value: *mut cst_val);
}
