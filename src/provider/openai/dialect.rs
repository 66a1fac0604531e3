//! Which optional parts of a request a server understands, found out from its complaints.
//!
//! Servers that speak chat completions differ in what they accept: the name of the token limit, a temperature, JSON
//! Schemas for answers, tools. Nothing has to be configured: whatever a server calls bad is left out from then on.

use std::sync::atomic::{AtomicU8, Ordering};

/// How often one request may be sent in other words.
pub(super) const TRIES: usize = 5;

const TEMPERATURE: u8 = 1;
const LIMIT: u8 = 2;
const NEW_LIMIT: u8 = 4;
const SCHEMA: u8 = 8;
const JSON: u8 = 16;
const TOOLS: u8 = 32;
/// What is left out when a complaint names nothing.
const OPTIONAL: u8 = TEMPERATURE | LIMIT | SCHEMA | JSON;

/// What a server is known to understand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known(u8);

impl Known {
    /// Whether it takes `temperature`.
    pub(super) fn temperature(self) -> bool {
        self.0 & TEMPERATURE != 0
    }

    /// The name of its token limit, if it takes one.
    pub(super) fn limit(self) -> Option<&'static str> {
        match (self.0 & LIMIT != 0, self.0 & NEW_LIMIT != 0) {
            (false, _) => None,
            (true, true) => Some("max_completion_tokens"),
            (true, false) => Some("max_tokens"),
        }
    }

    /// Whether answers can be held to a JSON Schema.
    pub(super) fn schema(self) -> bool {
        self.0 & SCHEMA != 0
    }

    /// Whether answers can be held to JSON.
    pub(super) fn json(self) -> bool {
        self.0 & JSON != 0
    }

    /// Whether it takes tools.
    pub(super) fn tools(self) -> bool {
        self.0 & TOOLS != 0
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Dialect(AtomicU8);

impl Dialect {
    /// Begins with everything; `own`: the vendor's own service, whose newer models know the token limit by its new name.
    pub(super) fn new(own: bool) -> Self {
        let limit = if own { NEW_LIMIT } else { 0 };
        Self(AtomicU8::new(
            TEMPERATURE | LIMIT | SCHEMA | JSON | TOOLS | limit,
        ))
    }

    /// Returns what it is known to understand.
    pub(super) fn known(&self) -> Known {
        Known(self.0.load(Ordering::Relaxed))
    }

    /// Learns from a complaint about a request that was made with `used`; returns whether another try makes sense.
    pub(super) fn learn(&self, used: Known, complaint: &str) -> bool {
        let complaint = complaint.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
        let now = used.0;
        let next = if says(&["tool_use_failed", "context_length", "content_filter"]) {
            // About this one request, not about what the server understands.
            return false;
        } else if says(&["max_completion_tokens"]) && now & (LIMIT | NEW_LIMIT) == LIMIT {
            now | NEW_LIMIT
        } else if says(&["max_completion_tokens"]) && now & NEW_LIMIT != 0 {
            now & !NEW_LIMIT
        } else if says(&["max_tokens"]) && now & LIMIT != 0 {
            now & !LIMIT
        } else if says(&["temperature"]) && now & TEMPERATURE != 0 {
            now & !TEMPERATURE
        } else if says(&["response_format", "json_schema", "structured output"]) && now & JSON != 0
        {
            if now & SCHEMA != 0 {
                now & !SCHEMA
            } else {
                now & !JSON
            }
        } else if says(&["tool", "function", "jinja"]) && now & TOOLS != 0 {
            now & !TOOLS
        } else {
            now & !OPTIONAL
        };
        self.0.store(next, Ordering::Relaxed);
        next != now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(own: bool, complaints: &[&str]) -> Known {
        let dialect = Dialect::new(own);
        for complaint in complaints {
            assert!(dialect.learn(dialect.known(), complaint), "{complaint}");
        }
        dialect.known()
    }

    #[test]
    fn complaints_take_away_what_they_name() {
        let known = learned(false, &["Unsupported parameter: 'temperature'"]);
        assert!(!known.temperature() && known.tools() && known.schema());
        // OpenAI's reasoning models, behind another address.
        let known = learned(
            false,
            &["Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."],
        );
        assert_eq!(known.limit(), Some("max_completion_tokens"));
        let known = learned(true, &["unknown field max_completion_tokens"]);
        assert_eq!(known.limit(), Some("max_tokens"));
        let schema = "This model does not support response format `json_schema`";
        let known = learned(false, &[schema]);
        assert!(!known.schema() && known.json());
        let known = learned(false, &[schema, "response_format is not supported"]);
        assert!(!known.json());
        let known = learned(false, &["registry.ollama.ai/x does not support tools"]);
        assert!(!known.tools() && known.temperature());
        let known = learned(false, &["bad request"]);
        assert!(known.tools() && !known.temperature() && !known.json() && known.limit().is_none());
    }

    #[test]
    fn complaints_about_one_request_change_nothing() {
        let dialect = Dialect::new(false);
        let before = dialect.known();
        assert!(!dialect.learn(before, "tool_use_failed"));
        assert_eq!(dialect.known(), before);
        assert!(dialect.learn(before, "bad"));
        assert!(!dialect.learn(dialect.known(), "bad"), "nothing is left");
    }
}
