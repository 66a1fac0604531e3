//! The words of a language model and how likely each is by itself.

use std::{ffi::CStr, path::Path, ptr};

use super::{Error, Language, c_string, path_text, sys};

/// Returns a model's words, the likeliest first; equally likely ones by their letters.
///
/// # Errors
/// When the model cannot be read.
pub fn likeliest_words(model: &Path) -> Result<Vec<String>, Error> {
    let file = c_string(&path_text(model))?;
    // SAFETY: the model takes its own reference to the table of logarithms; the file name ends with a zero. The
    // unigrams of a model are numbered from zero, and its spellings live as long as it does.
    // A null stream turns the library's log off.
    unsafe {
        sys::err_set_logfp(ptr::null_mut());
        let logmath = sys::logmath_init(1.0001, 0, 0);
        let read = sys::ngram_model_read(ptr::null_mut(), file.as_ptr(), sys::NGRAM_AUTO, logmath);
        sys::logmath_free(logmath);
        let read = ptr::NonNull::new(read).map(Language);
        let model = read.ok_or_else(|| Error::LanguageModel(model.to_owned()))?;
        let count = *sys::ngram_model_get_counts(model.0.as_ptr());
        let mut words: Vec<(i32, String)> = (0..i32::try_from(count).unwrap_or(i32::MAX))
            .map(|word| {
                let mut used = 0;
                let history = ptr::null_mut();
                let score = sys::ngram_ng_score(model.0.as_ptr(), word, history, 0, &raw mut used);
                let spelling = CStr::from_ptr(sys::ngram_word(model.0.as_ptr(), word));
                (-score, spelling.to_string_lossy().into_owned())
            })
            .collect();
        words.sort_unstable();
        Ok(words.into_iter().map(|(_, word)| word).collect())
    }
}
