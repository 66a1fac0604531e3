//! The desk of the tools that asks a server by HTTP.

use protocol::control::Numbered;
use serde_json::json;
use tokio::sync::mpsc;

use super::{Client, live::News};
use crate::{
    mcp::{Ask, Desk, Reply, Retries},
    provider::BoxFuture,
};

/// Events on their way to a wait: more than come in the time in which a line of progress is sent. What does not fit is left
/// out of the progress; the end is never missed, because the channel is closed then.
const EVENTS: usize = 1024;

/// See the module's documentation.
#[derive(Debug)]
pub(in crate::cli) struct Remote(Client, Retries);

impl Remote {
    pub(in crate::cli) fn new(client: Client) -> Self {
        Self(client, Retries::default())
    }
}

/// An answer of ours, in the shape of REST.
fn failed(sentence: &str) -> Reply {
    Reply {
        status: 503,
        body: json!({ "error": sentence, "code": "unreachable" }),
        replayed: false,
    }
}

impl Desk for Remote {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let client = &self.0;
            let request = (|| {
                Ok::<_, super::Failure>(match ask {
                    Ask::Create {
                        body,
                        idempotency_key,
                    } => {
                        let request = client.http.post(client.url("calls")?).json(&body);
                        match idempotency_key {
                            Some(key) => request.header("idempotency-key", key),
                            None => request,
                        }
                    }
                    Ask::Get(id) => client.http.get(client.url(&format!("calls/{id}"))?),
                    Ask::List(query) => client.http.get(client.url(&format!("calls?{query}"))?),
                    Ask::Cancel { id, now } => {
                        let mode = if now { "now" } else { "polite" };
                        let path = format!("calls/{id}/cancel?mode={mode}");
                        client.http.post(client.url(&path)?)
                    }
                    Ask::Answer { id, body } => {
                        let path = format!("calls/{id}/answers");
                        client.http.post(client.url(&path)?).json(&body)
                    }
                    Ask::Account => client.http.get(client.url("account")?),
                })
            })();
            let request = match request {
                Ok(request) => request,
                Err(failure) => return failed(&failure.sentence),
            };
            match client.exchange(request).await {
                Ok((status, body, replayed)) => Reply {
                    status: status.as_u16(),
                    body,
                    replayed,
                },
                Err(failure) => failed(&failure.sentence),
            }
        })
    }

    fn owner(&self) -> String {
        String::new()
    }

    fn retries(&self) -> &Retries {
        &self.1
    }

    fn follow<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<mpsc::Receiver<Numbered>, Reply>> {
        Box::pin(async move {
            let found = self.ask(Ask::Get(id.to_owned())).await;
            if found.status != 200 {
                return Err(found);
            }
            let (sender, events) = mpsc::channel(EVENTS);
            let (client, id) = (self.0.clone(), id.to_owned());
            let over = matches!(
                found.body["data"]["status"].as_str(),
                Some("completed" | "canceled" | "failed")
            );
            if !over {
                tokio::spawn(async move {
                    let show = |news: News<'_>| {
                        if let News::Message(_, Some(event)) = news {
                            drop(sender.try_send(event.clone()));
                        }
                    };
                    tokio::select! {
                        _ = client.follow(&id, show) => {}
                        () = sender.closed() => {}
                    }
                });
            }
            Ok(events)
        })
    }
}
