//! Flite: text in, 16-bit sound out as it is made.
//!
//! Flite counts references to values of a voice without atomics, keeps its tables in globals and draws its noise
//! from `rand()`. So one lock is held over everything that it does: registration and each utterance, before which
//! `rand()` starts anew, so that the same text always sounds the same. Synthesis
//! runs at about a hundredth of real time, so the lock is held for tens of milliseconds; a caller's callback runs
//! under it and must not wait for anything.

use std::{
    any::Any,
    ffi::{CStr, CString, c_int, c_void},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr::{self, NonNull},
    slice,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

mod sys;

/// Samples in the smallest piece that a callback gets, except the last: 40 ms at 16 kHz.
const SMALLEST_PIECE: c_int = 640;

/// The state of the library: what was registered so far. Holding the lock is the permission to call into Flite.
static LIBRARY: Mutex<Registered> = Mutex::new(Registered {
    initialised: false,
    voices: [None; Voice::ALL.len()],
});

struct Registered {
    initialised: bool,
    voices: [Option<Handle>; Voice::ALL.len()],
}

/// A registered voice. Registered voices are never unregistered, so the pointer stays valid.
#[derive(Clone, Copy)]
struct Handle(NonNull<sys::cst_voice>);

// SAFETY: the pointer is only used while `LIBRARY` is locked, whichever thread that is.
unsafe impl Send for Handle {}

/// Why a text was not spoken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The voice is not in the installed library.
    #[error("Flite could not set up its voice {0}; reinstall the package libflite1")]
    Voice(&'static str),
    /// The text has a zero byte, which ends a text in C.
    #[error("the text to speak contains a zero byte; remove it")]
    Text,
    /// The library gave up.
    #[error("Flite could not speak a text of {0} bytes; try a shorter one")]
    Synthesis(usize),
}

/// One of the US English voices that Debian builds into Flite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Voice {
    /// A man, statistical; the one that survives a telephone band best.
    Rms,
    /// A woman, statistical.
    Slt,
    /// A man with a Scottish accent, statistical.
    Awb,
    /// A man, joined diphones; robotic and very fast.
    Kal16,
}

impl Voice {
    /// Every voice, the default first.
    pub const ALL: [Self; 4] = [Self::Rms, Self::Slt, Self::Awb, Self::Kal16];

    /// Returns the voice of this name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|voice| voice.name() == name)
    }

    /// Returns the name by which Flite's own program knows the voice.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rms => "rms",
            Self::Slt => "slt",
            Self::Awb => "awb",
            Self::Kal16 => "kal16",
        }
    }

    /// Speaks `text`, giving the sound to `hear` piece by piece as it is made.
    ///
    /// Returns `false` when `hear` stopped it. `hear` runs on the calling thread under a lock that every other
    /// utterance of the process waits for, so it must not wait; a panic of it comes out of this function.
    ///
    /// # Errors
    /// When the voice cannot be set up, the text has a zero byte, or Flite gives up.
    pub fn speak(self, text: &str, mut hear: impl FnMut(Piece<'_>) -> Next) -> Result<bool, Error> {
        let text_c = CString::new(text).map_err(|_| Error::Text)?;
        let mut library = lock();
        let voice = library.voice(self)?;
        let mut listener = Listener {
            hear: &mut hear,
            stopped: false,
            first: true,
            panic: None,
        };
        let spoken = synthesize(&library, voice, &text_c, &mut listener);
        drop(library);
        if let Some(panic) = listener.panic {
            resume_unwind(panic);
        }
        match (spoken, listener.stopped) {
            (_, true) => Ok(false),
            (true, false) => Ok(true),
            (false, false) => Err(Error::Synthesis(text.len())),
        }
    }
}

/// A piece of sound, in order.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Mono samples.
    pub samples: &'a [i16],
    /// Samples per second.
    pub rate: u32,
    /// With the first piece: when each token (what stands between white space) of the text ends, from the start
    /// of the sound. Empty with later pieces.
    pub token_ends: Vec<Duration>,
}

/// What a listener wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on.
    More,
    /// No more sound of this text; stops within one piece.
    Stop,
}

/// What the callback needs, reached through the library's `userdata`.
struct Listener<'a> {
    hear: &'a mut dyn FnMut(Piece<'_>) -> Next,
    stopped: bool,
    first: bool,
    panic: Option<Box<dyn Any + Send>>,
}

fn lock() -> MutexGuard<'static, Registered> {
    // Nothing panics while the library is inside a call, so a poisoned lock still guards a sound state.
    LIBRARY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registered {
    /// Returns the voice, registered at its first use.
    fn voice(&mut self, voice: Voice) -> Result<NonNull<sys::cst_voice>, Error> {
        if !self.initialised {
            // SAFETY: takes nothing; `&mut self` comes from the lock, so no other call into Flite is running.
            unsafe { sys::flite_init() };
            self.initialised = true;
        }
        let slot = &mut self.voices[voice as usize];
        if let Some(handle) = *slot {
            return Ok(handle.0);
        }
        // SAFETY: the functions accept a null directory for voices that are compiled in; the lock is held.
        let registered = unsafe {
            match voice {
                Voice::Rms => sys::register_cmu_us_rms(ptr::null()),
                Voice::Slt => sys::register_cmu_us_slt(ptr::null()),
                Voice::Awb => sys::register_cmu_us_awb(ptr::null()),
                Voice::Kal16 => sys::register_cmu_us_kal16(ptr::null()),
            }
        };
        let pointer = NonNull::new(registered).ok_or(Error::Voice(voice.name()))?;
        *slot = Some(Handle(pointer));
        Ok(pointer)
    }
}

/// Runs one utterance. Returns whether the library completed it. The guard proves that the lock is held.
fn synthesize(
    _library: &MutexGuard<'_, Registered>,
    voice: NonNull<sys::cst_voice>,
    text: &CStr,
    listener: &mut Listener<'_>,
) -> bool {
    // SAFETY: the lock is held and `voice` is registered. `new_utterance` and `new_audio_streaming_info` abort the
    // process rather than return null (cst_safe_alloc). The streaming info is owned by the utterance's features
    // from `feat_set` on and freed with them; its userdata points to `listener`, which outlives the utterance.
    // Setting it on the utterance, not on the voice, keeps the voice free of pointers to this stack frame:
    // `utt_init` copies the voice's features over it and no voice has one of that name.
    // Nothing else here uses `rand()`, which the C standard lets any thread call.
    unsafe {
        sys::srand(1);
        let utterance = sys::new_utterance();
        let info = sys::new_audio_streaming_info();
        (*info).min_buffsize = SMALLEST_PIECE;
        (*info).asc = Some(on_piece);
        (*info).userdata = ptr::from_mut(listener).cast::<c_void>();
        sys::feat_set_string((*utterance).features, c"input_text".as_ptr(), text.as_ptr());
        sys::feat_set(
            (*utterance).features,
            c"streaming_info".as_ptr(),
            sys::audio_streaming_info_val(info),
        );
        // `flite_do_synth` deletes the utterance itself when it fails.
        let made = sys::flite_do_synth(utterance, voice.as_ptr(), sys::utt_synth);
        if made.is_null() {
            return false;
        }
        sys::delete_utterance(made);
    }
    true
}

/// Called by Flite whenever at least [`SMALLEST_PIECE`] new samples are there, and at the end.
unsafe extern "C" fn on_piece(
    wave: *const sys::cst_wave,
    start: c_int,
    size: c_int,
    _last: c_int,
    info: *mut sys::cst_audio_streaming_info,
) -> c_int {
    // SAFETY: Flite passes the info that `synthesize` made; its userdata is the `Listener` of that frame, which
    // is alive and not otherwise borrowed while Flite runs.
    let listener = unsafe { &mut *(*info).userdata.cast::<Listener<'_>>() };
    if listener.stopped {
        return sys::CST_AUDIO_STREAM_STOP;
    }
    // SAFETY: `wave` is valid during the callback and `start..start + size` lies within its samples; mono voices.
    let (samples, rate) = unsafe {
        let wave = &*wave;
        let (Ok(start), Ok(size)) = (usize::try_from(start), usize::try_from(size)) else {
            return sys::CST_AUDIO_STREAM_CONT;
        };
        if wave.samples.is_null() {
            return sys::CST_AUDIO_STREAM_CONT;
        }
        (
            slice::from_raw_parts(wave.samples.add(start), size),
            u32::try_from(wave.sample_rate).unwrap_or(16_000),
        )
    };
    let token_ends = if std::mem::take(&mut listener.first) {
        // SAFETY: `info.utt`, when set, is the utterance under way, complete up to its segment times.
        unsafe { token_ends((*info).utt) }
    } else {
        Vec::new()
    };
    let piece = Piece {
        samples,
        rate,
        token_ends,
    };
    // A panic must not unwind into C: it is kept and goes on when Flite has returned.
    match catch_unwind(AssertUnwindSafe(|| (listener.hear)(piece))) {
        Ok(Next::More) => sys::CST_AUDIO_STREAM_CONT,
        Ok(Next::Stop) => {
            listener.stopped = true;
            sys::CST_AUDIO_STREAM_STOP
        }
        Err(panic) => {
            listener.stopped = true;
            listener.panic = Some(panic);
            sys::CST_AUDIO_STREAM_STOP
        }
    }
}

/// Returns when each token ends; a token without sound ends with the one before it.
///
/// # Safety
/// `utterance` is null or a valid utterance, and the lock is held.
unsafe fn token_ends(utterance: *const sys::cst_utterance) -> Vec<Duration> {
    let mut ends = Vec::new();
    // SAFETY: relations and items belong to the utterance; `utt_relation_present` guards `utt_relation`, which
    // would end the process on an unknown name; `relation_head` and `item_next` return null at the end;
    // `flite_ffeature_float` returns 0 for a path that leads nowhere.
    unsafe {
        if utterance.is_null() || sys::utt_relation_present(utterance, c"Token".as_ptr()) == 0 {
            return ends;
        }
        let mut token = sys::relation_head(sys::utt_relation(utterance, c"Token".as_ptr()));
        let mut latest = 0.0_f32;
        while !token.is_null() {
            let path = c"daughtern.R:SylStructure.daughtern.daughtern.R:Segment.end";
            latest = latest.max(sys::flite_ffeature_float(token, path.as_ptr()));
            ends.push(Duration::try_from_secs_f32(latest).unwrap_or_default());
            token = sys::item_next(token);
        }
    }
    ends
}

/// Returns how Flite would pronounce `word`, as ARPAbet phones without stress, or `None` when the word has
/// characters other than ASCII letters and apostrophes.
#[must_use]
pub fn pronounce(word: &str) -> Option<Vec<String>> {
    let letters = word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'\'');
    if word.is_empty() || word.len() > 40 || !letters {
        return None;
    }
    let word = CString::new(word.to_ascii_lowercase()).ok()?;
    let library = lock();
    // SAFETY: the lock is held. `cmu_lex_init` returns the one static lexicon; `lex_lookup` copes with any lower
    // case ASCII word and returns a list that is ours, of string values that live as long as the list.
    let phones = unsafe {
        let lexicon = sys::cmu_lex_init();
        let list = sys::lex_lookup(lexicon, word.as_ptr(), ptr::null(), ptr::null());
        let mut phones = Vec::new();
        let mut rest: *const sys::cst_val = list;
        while !rest.is_null() {
            let phone = CStr::from_ptr(sys::val_string(sys::val_car(rest)));
            phones.push(phone.to_string_lossy().into_owned());
            rest = sys::val_cdr(rest);
        }
        sys::delete_val(list);
        phones
    };
    drop(library);
    let phones: Vec<String> = phones.iter().map(|phone| arpabet(phone)).collect();
    (!phones.is_empty()).then_some(phones)
}

/// Returns a phone of Flite's lexicon in the alphabet of the acoustic model: upper case, no stress mark, and the
/// reduced vowel `ax` as the `AH` that it is in the CMU dictionary.
fn arpabet(phone: &str) -> String {
    match phone.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "ax" => "AH".to_owned(),
        other => other.to_ascii_uppercase(),
    }
}

#[cfg(test)]
mod tests;
