//! What the agent is told before a call and what it brings back after it.

/// What the agent knows of its task. Fixed when the call is created; nothing said on the line changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brief {
    /// What to accomplish, in the requester's words.
    pub objective: String,
    /// Who is called.
    pub business_name: Option<String>,
    /// What was read on the callee's website, already shortened.
    pub website_context: Option<String>,
    /// BCP 47 language tag of the conversation.
    pub language: String,
    /// More context for the agent, from the requester.
    pub instructions: Option<String>,
    /// What to say first, word for word.
    pub first_message: Option<String>,
    /// JSON Schema of what to bring back.
    pub result_schema: Option<serde_json::Value>,
    /// Where the agent may transfer the callee to.
    pub transfer_to: Option<String>,
    /// The date on which the call is made, `YYYY-MM-DD`, for words like "tonight".
    pub today: String,
}
