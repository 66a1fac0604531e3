//! What the program tells the model beside the conversation: the texts of [`crate::Speaker::Note`] entries.
//!
//! Plain sentences that any model can follow; constants, so that a model made of rules can tell them apart.

/// The callee has said nothing for a while.
pub const SILENCE: &str =
    "The callee has been silent for a while. Ask whether they are still there.";
/// The agent gave way to a sound that turned out to hold no words.
pub const CUT_OFF: &str =
    "You were cut off by a sound without words. Go on from where you were cut off.";
/// The callee spoke several times, and no word was recognised.
pub const NOT_UNDERSTOOD: &str =
    "The callee said something that could not be understood. Ask them to repeat it.";
/// Begins the note that keys were pressed; the keys follow.
pub const KEYS_PRESSED: &str = "Keys were pressed: ";
