//! Stand-ins for the services of language models.

#[path = "anthropic.rs"]
pub(crate) mod anthropic;
#[path = "openai.rs"]
pub(crate) mod openai;
#[path = "service.rs"]
pub(crate) mod service;
