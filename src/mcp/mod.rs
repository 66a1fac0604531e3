//! The Model Context Protocol: what a model can ask of this program by tools, over HTTP (`server/mcp.rs`) or over standard
//! input and output (`cli/mcp.rs`).
//!
//! The protocol itself, in both its eras, is rmcp's. Here are the tools: what they are called and say of themselves (`tools`),
//! and what each does. Everything goes through a [`Desk`], which is the REST interface by another way, so keys, scopes, limits,
//! credits and errors are those of REST. Decides nothing about calls.

mod desk;
mod retries;
mod tools;
mod transcript;
mod wait;

use std::{borrow::Cow, sync::Arc, time::Duration};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, Implementation,
        ListToolsResult, PaginatedRequestParams, ServerCapabilities, ServerConfig, Tool,
    },
    service::RequestContext,
};
use serde_json::Value;

use self::tools::Call;
pub use self::{
    desk::{Ask, Desk, Reply},
    retries::Retries,
};
use crate::driver::clock;

/// What a model is told about the whole server.
const INSTRUCTIONS: &str = "Makes real phone calls to US and Canadian numbers. A person answers: call only when the user asked \
for it or clearly agreed, tell the number and the objective first, and never call to test something. place_call returns at \
once; wait_for_call until it is done, again and again if need be. When wait_for_call brings a question, answer it with \
answer_question as soon as you can: the person on the phone is waiting.";

/// How long a client may keep the list of tools, in milliseconds. It changes with the program only.
const TOOLS_TTL_MS: u64 = 3_600_000;

/// How long the same wish places no second call, though the first is over: clients that lost an answer ask again within this.
const ONCE_WITHIN: Duration = Duration::from_secs(60);

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

impl<D: Desk> Server<D> {
    /// Places a call, or returns the one that the same wish placed and that is not over, or was placed a moment ago.
    async fn place(&self, body: Value, own_key: Option<String>) -> Reply {
        let desk = &*self.0;
        let retries = desk.retries();
        let key = match &own_key {
            Some(key) => key.clone(),
            None => {
                let wish = Retries::wish(&desk.owner(), &body);
                let now = clock::now();
                let over = match retries.find(&wish) {
                    Some(earlier)
                        if now.saturating_duration_since(earlier.at) >= ONCE_WITHIN
                            && self.is_over(earlier.call_id.as_deref()).await =>
                    {
                        Some(earlier.key)
                    }
                    _ => None,
                };
                retries.key(wish, over.as_deref(), now)
            }
        };
        let ask = Ask::Create {
            body,
            idempotency_key: Some(key.clone()),
        };
        let mut reply = desk.ask(ask).await;
        retries.note(&key, reply.body["data"]["call_id"].as_str());
        if reply.replayed
            && reply.status < 300
            && let Some(fields) = reply.body.as_object_mut()
        {
            fields.insert("placed_earlier".into(), true.into());
        }
        reply
    }

    /// Returns whether a call is over; one of which nothing is known yet is not.
    async fn is_over(&self, call_id: Option<&str>) -> bool {
        let Some(id) = call_id else {
            return false;
        };
        let found = self.0.ask(Ask::Get(id.to_owned())).await;
        let status = found.body["data"]["status"].as_str();
        found.status == 404 || matches!(status, Some("completed" | "canceled" | "failed"))
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
            Call::Place {
                body,
                idempotency_key,
            } => result(self.place(body, idempotency_key).await),
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use protocol::control::Numbered;
    use serde_json::json;
    use tokio::sync::mpsc;

    use super::*;
    use crate::provider::BoxFuture;

    /// Makes a call for every new key, and says of each how it stands.
    #[derive(Debug, Default)]
    struct Phone {
        retries: Retries,
        keys: Mutex<Vec<String>>,
        status: Mutex<&'static str>,
    }

    impl Desk for Phone {
        fn ask(&self, ask: Ask) -> BoxFuture<'_, Reply> {
            let mut keys = self.keys.lock().unwrap();
            let (number, replayed) = match ask {
                Ask::Create {
                    idempotency_key: Some(key),
                    ..
                } => match keys.iter().position(|known| *known == key) {
                    Some(at) => (at, true),
                    None => {
                        keys.push(key);
                        (keys.len() - 1, false)
                    }
                },
                _ => (0, false),
            };
            let status = *self.status.lock().unwrap();
            let body = json!({ "data": { "call_id": format!("cl_{number}"), "status": status } });
            let reply = Reply {
                status: 200,
                body,
                replayed,
            };
            Box::pin(async move { reply })
        }

        fn owner(&self) -> String {
            String::new()
        }

        fn retries(&self) -> &Retries {
            &self.retries
        }

        fn follow<'a>(
            &'a self,
            _id: &'a str,
        ) -> BoxFuture<'a, Result<mpsc::Receiver<Numbered>, Reply>> {
            Box::pin(async { Ok(mpsc::channel(1).1) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_wish_rings_again_only_when_its_call_is_over_and_a_minute_has_passed() {
        let phone = Arc::new(Phone::default());
        let server = Server::new(phone.clone());
        let place = || async {
            let reply = server.place(json!({ "objective": "o" }), None).await;
            let earlier = reply.body["placed_earlier"] == true;
            (
                reply.body["data"]["call_id"].as_str().unwrap().to_owned(),
                earlier,
            )
        };
        let first = || ("cl_0".to_owned(), true);
        assert_eq!(place().await, ("cl_0".to_owned(), false));
        *phone.status.lock().unwrap() = "completed";
        clock::sleep(ONCE_WITHIN / 2).await;
        assert_eq!(place().await, first(), "its answer may have been lost");
        *phone.status.lock().unwrap() = "in_progress";
        clock::sleep(ONCE_WITHIN * 20).await;
        assert_eq!(place().await, first(), "it is not over");
        *phone.status.lock().unwrap() = "completed";
        assert_eq!(place().await, ("cl_1".to_owned(), false));
        assert_eq!(place().await, ("cl_1".to_owned(), true));
    }
}
