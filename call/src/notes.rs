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
/// A service broke off in the middle of the agent's sentence.
pub const BROKEN_OFF: &str = "Your last sentence broke off. Go on with it; do not begin it again.";
/// The requester did not answer a question in time.
pub const UNANSWERED: &str = "The customer did not answer in time. Go on with what you know, or say that you will call back.";
/// Begins the note that the requester was asked; the question follows.
pub const ASKED: &str = "The customer is being asked: ";
/// Begins the note that a fact was kept; the fact follows.
pub const NOTED: &str = "Noted: ";
/// Begins the note that a tool was not used; its name and the reason follow.
pub const REFUSED: &str = "Not done: ";
/// Begins the note that keys were pressed; the keys follow.
pub const KEYS_PRESSED: &str = "Keys were pressed: ";
