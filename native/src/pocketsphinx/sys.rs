//! The part of PocketSphinx 5prealpha that is used: declarations from `pocketsphinx.h`, `ps_search.h` and
//! sphinxbase's `cmd_ln.h`, `err.h`, `feat.h`, `cmn.h`, `ngram_model.h`, `prim_type.h`.
#![allow(non_camel_case_types, reason = "the names are the library's")]

use std::ffi::{c_char, c_double, c_int, c_long, c_void};

/// Declares types of which only pointers are used.
macro_rules! opaque {
    ($($name:ident)*) => { $(
        #[repr(C)]
        pub(super) struct $name { _opaque: [u8; 0] }
    )* };
}
opaque!(ps_decoder_t ps_seg_t cmd_ln_t arg_t logmath_t ngram_model_t cmn_t);

/// `feat_t` up to the field that is used. Debian builds for floating point: `mfcc_t` is `float`.
#[repr(C)]
pub(super) struct feat_t {
    refcount: c_int,
    name: *mut c_char,
    cepsize: i32,
    n_stream: i32,
    stream_len: *mut u32,
    window_size: i32,
    n_sv: i32,
    sv_len: *mut u32,
    subvecs: *mut *mut i32,
    sv_buf: *mut f32,
    sv_dim: i32,
    cmn: c_int,
    varnorm: i32,
    agc: c_int,
    compute_feat: *const c_void,
    pub(super) cmn_struct: *mut cmn_t,
}

pub(super) const NGRAM_AUTO: c_int = 0;

unsafe extern "C" {
    pub(super) fn err_set_logfp(stream: *mut c_void);

    pub(super) fn ps_args() -> *const arg_t;
    pub(super) fn cmd_ln_init(
        config: *mut cmd_ln_t,
        definitions: *const arg_t,
        strict: i32,
        ...
    ) -> *mut cmd_ln_t;
    pub(super) fn cmd_ln_exists_r(config: *mut cmd_ln_t, name: *const c_char) -> c_int;
    pub(super) fn cmd_ln_set_str_r(
        config: *mut cmd_ln_t,
        name: *const c_char,
        value: *const c_char,
    );
    pub(super) fn cmd_ln_set_int_r(config: *mut cmd_ln_t, name: *const c_char, value: c_long);
    pub(super) fn cmd_ln_set_float_r(config: *mut cmd_ln_t, name: *const c_char, value: c_double);
    pub(super) fn cmd_ln_free_r(config: *mut cmd_ln_t) -> c_int;

    pub(super) fn ps_init(config: *mut cmd_ln_t) -> *mut ps_decoder_t;
    pub(super) fn ps_free(decoder: *mut ps_decoder_t) -> c_int;
    pub(super) fn ps_get_config(decoder: *mut ps_decoder_t) -> *mut cmd_ln_t;
    pub(super) fn ps_get_logmath(decoder: *mut ps_decoder_t) -> *mut logmath_t;
    pub(super) fn ps_get_feat(decoder: *mut ps_decoder_t) -> *mut feat_t;
    pub(super) fn ps_add_word(
        decoder: *mut ps_decoder_t,
        word: *const c_char,
        phones: *const c_char,
        update: c_int,
    ) -> c_int;
    pub(super) fn ps_lookup_word(decoder: *mut ps_decoder_t, word: *const c_char) -> *mut c_char;
    pub(super) fn ps_start_utt(decoder: *mut ps_decoder_t) -> c_int;
    pub(super) fn ps_process_raw(
        decoder: *mut ps_decoder_t,
        data: *const i16,
        samples: usize,
        no_search: c_int,
        full_utterance: c_int,
    ) -> c_int;
    pub(super) fn ps_process_cep(
        decoder: *mut ps_decoder_t,
        data: *mut *mut f32,
        frames: c_int,
        no_search: c_int,
        full_utterance: c_int,
    ) -> c_int;
    pub(super) fn ps_end_utt(decoder: *mut ps_decoder_t) -> c_int;
    pub(super) fn ps_get_n_frames(decoder: *mut ps_decoder_t) -> c_int;
    pub(super) fn ps_get_hyp(decoder: *mut ps_decoder_t, score: *mut i32) -> *const c_char;
    pub(super) fn ps_set_lm(
        decoder: *mut ps_decoder_t,
        name: *const c_char,
        model: *mut ngram_model_t,
    ) -> c_int;
    pub(super) fn ps_set_search(decoder: *mut ps_decoder_t, name: *const c_char) -> c_int;
    pub(super) fn ps_seg_iter(decoder: *mut ps_decoder_t) -> *mut ps_seg_t;
    pub(super) fn ps_seg_next(segment: *mut ps_seg_t) -> *mut ps_seg_t;
    pub(super) fn ps_seg_word(segment: *mut ps_seg_t) -> *const c_char;
    pub(super) fn ps_seg_frames(segment: *mut ps_seg_t, first: *mut c_int, last: *mut c_int);
    pub(super) fn ps_seg_prob(
        segment: *mut ps_seg_t,
        acoustic: *mut i32,
        language: *mut i32,
        backoff: *mut i32,
    ) -> i32;

    pub(super) fn ngram_model_read(
        config: *mut cmd_ln_t,
        file: *const c_char,
        kind: c_int,
        logmath: *mut logmath_t,
    ) -> *mut ngram_model_t;
    pub(super) fn ngram_model_free(model: *mut ngram_model_t) -> c_int;
    pub(super) fn ngram_model_get_counts(model: *mut ngram_model_t) -> *const u32;
    pub(super) fn ngram_word(model: *mut ngram_model_t, word: i32) -> *const c_char;
    pub(super) fn ngram_ng_score(
        model: *mut ngram_model_t,
        word: i32,
        history: *mut i32,
        count: i32,
        used: *mut i32,
    ) -> i32;
    pub(super) fn logmath_init(base: c_double, shift: c_int, use_table: c_int) -> *mut logmath_t;
    pub(super) fn logmath_free(logmath: *mut logmath_t) -> c_int;
    pub(super) fn ngram_model_set_init(
        config: *mut cmd_ln_t,
        models: *mut *mut ngram_model_t,
        names: *mut *mut c_char,
        weights: *const f32,
        count: i32,
    ) -> *mut ngram_model_t;
    pub(super) fn ngram_model_set_interp(
        set: *mut ngram_model_t,
        names: *mut *const c_char,
        weights: *const f32,
    ) -> *mut ngram_model_t;

    pub(super) fn cmn_live_set(cmn: *mut cmn_t, mean: *const f32);
    pub(super) fn cmn_live_get(cmn: *mut cmn_t, mean: *mut f32);
}
