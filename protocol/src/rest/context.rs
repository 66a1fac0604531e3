//! What was read about the callee before the call, in the call object.

use serde::{Deserialize, Serialize};

use super::Time;

/// What the agent knows from the callee's website.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// Where it was read, after redirects; where reading was tried, when nothing was.
    pub url: String,
    /// The site's title.
    pub title: Option<String>,
    /// Opening hours, as they are written.
    pub hours: Vec<String>,
    /// Telephone numbers.
    pub phone: Vec<String>,
    /// Postal addresses.
    pub address: Vec<String>,
    /// What is offered: the menu, services, prices.
    pub offers: Vec<String>,
    /// The rest of the text, shortened.
    pub text: Option<String>,
    /// At most so many tokens of a language model are in all of it together, by a careful estimate.
    pub tokens: u32,
    /// Why nothing, or not everything, was read: a sentence.
    pub problem: Option<String>,
    /// When it was read.
    pub read_at: Time,
}
