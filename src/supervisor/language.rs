//! What a call in some language can and cannot do on this server, told before it is made.
//!
//! A language without a voice is refused. One that is not understood, or in which the agent cannot converse, is
//! accepted with a warning: a message can still be said in it, and its answer recorded.

use protocol::{
    error::{ApiError, ErrorCode},
    language,
};

use super::Equipment;
use crate::{
    agent::phrases::Sentences,
    provider::{TextToSpeech, TtsOptions},
};

/// Refuses a language that cannot be spoken now. May wait for a program.
///
/// # Errors
/// `invalid_field`, with what the voice service says about it.
pub(super) fn check(tts: &dyn TextToSpeech, tag: &str) -> Result<(), ApiError> {
    let options = TtsOptions {
        language: tag.to_owned(),
        voice: String::new(),
    };
    tts.check(&options).map_err(|error| {
        let name = language::name(tag);
        ApiError::new(
            ErrorCode::InvalidField,
            format!("'language' cannot be {name} on this server: {error}."),
        )
    })
}

/// Returns sentences on what will not work in this language.
pub(super) fn warnings(equipment: &Equipment, tag: &str) -> Vec<String> {
    let name = language::name(tag);
    let mut warnings = Vec::new();
    if !equipment.stt.understands(tag) {
        warnings.push(format!(
            "Speech recognition on this server ({}) does not understand {name}: the agent will say its message, understand no word of the answer, and end. The recording keeps the answer.",
            equipment.stt.name()
        ));
    }
    if !equipment.llm.converses_in(tag) {
        warnings.push(format!(
            "The agent on this server ({}) does not converse in {name}: it will say the objective word for word as it is written, so write it in {name}, or have the operator configure a language model.",
            equipment.llm.name()
        ));
    }
    if Sentences::find(tag).is_none() {
        warnings.push(format!(
            "The agent's own sentences (its introduction, its goodbye) do not exist in {name} and will be said in English."
        ));
    }
    warnings
}
