//! The Model Context Protocol: what a model can ask of this program by tools, over HTTP (`server/mcp.rs`) or over standard
//! input and output (`cli/mcp.rs`).
//!
//! The protocol itself, in both its eras, is rmcp's. Here are the tools: what they are called and say of themselves (`tools`),
//! and what each does. Everything goes through a [`Desk`], which is the REST interface by another way, so keys, scopes, limits,
//! credits and errors are those of REST. Decides nothing about calls.

mod desk;
mod tools;
mod transcript;
mod wait;

use std::{borrow::Cow, sync::Arc};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, Implementation,
        ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use serde_json::Value;

pub use self::desk::{Ask, Desk, Reply};
use self::tools::Call;

/// What a model is told about the whole server.
const INSTRUCTIONS: &str = "Makes real phone calls to US and Canadian numbers. A person answers: call only when the user asked \
for it or clearly agreed, tell the number and the objective first, and never call to test something. place_call returns at \
once; wait_for_call until it is done, again and again if need be. When wait_for_call brings a question, answer it with \
answer_question as soon as you can: the person on the phone is waiting.";

/// How long a client may keep the list of tools, in milliseconds. It changes with the program only.
const TOOLS_TTL_MS: u64 = 3_600_000;

/// One client's server: the tools, at the desk that its key opens.
#[derive(Debug)]
pub struct Server<D>(Arc<D>);

impl<D: Desk> Server<D> {
    /// Makes the server of a desk.
    #[must_use]
    pub fn new(desk: Arc<D>) -> Self {
        Self(desk)
    }
}

impl<D: Desk> ServerHandler for Server<D> {
    fn get_info(&self) -> ServerConfig {
        let mut implementation = Implementation::new("agentphone", env!("CARGO_PKG_VERSION"));
        implementation.title = Some("agentphone".into());
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(implementation)
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut list = ListToolsResult::with_all_items(tools::list());
        list.ttl_ms = Some(TOOLS_TTL_MS);
        list.cache_scope = Some(CacheScope::Public);
        Ok(list)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::list().into_iter().find(|tool| tool.name == name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let call = match Call::read(&request.name, arguments) {
            Ok(call) => call,
            Err(tools::Misuse::UnknownTool) => {
                return Err(ErrorData::invalid_params(
                    Cow::from(format!(
                        "There is no tool '{}'. tools/list names them.",
                        request.name.chars().take(64).collect::<String>()
                    )),
                    None,
                ));
            }
            // A model can mend its arguments when it sees the sentence.
            Err(tools::Misuse::Arguments(sentence)) => {
                return Ok(refusal("invalid_arguments", &sentence).into());
            }
        };
        let done = match call {
            Call::Ask(ask) => result(self.0.ask(ask).await),
            Call::Wait { call_id, limit } => {
                let progress = wait::Progress::of(&context);
                // A client that abandons its request drops this future, or cancels the token: both end the wait.
                tokio::select! {
                    () = context.ct.cancelled() => refusal("canceled", "The wait was canceled; the call goes on."),
                    reply = wait::until_news(&*self.0, &call_id, limit, progress) => result(reply),
                }
            }
        };
        Ok(done.into())
    }
}

fn result(reply: Reply) -> CallToolResult {
    if (200..300).contains(&reply.status) {
        CallToolResult::structured(reply.body)
    } else {
        CallToolResult::structured_error(reply.body)
    }
}

fn refusal(code: &str, sentence: &str) -> CallToolResult {
    let body: Value = serde_json::json!({ "error": sentence, "code": code });
    CallToolResult::structured_error(body)
}
