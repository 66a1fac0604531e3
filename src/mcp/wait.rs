//! Waiting for a call: until it is over, until the agent asks something, or until the time is up; with progress meanwhile.

use std::time::Duration;

use protocol::control::{Event, Numbered};
use rmcp::{
    Peer, RoleServer,
    model::{ProgressNotificationParam, ProgressToken},
    service::RequestContext,
};
use serde_json::{Value, json};

use super::{Ask, Desk, Reply, transcript::Transcript};
use crate::driver::clock;

/// Tells a client that asked for it how a call goes on.
#[derive(Debug)]
pub(super) struct Progress {
    peer: Peer<RoleServer>,
    token: Option<ProgressToken>,
    told: f64,
}

impl Progress {
    pub(super) fn of(context: &RequestContext<RoleServer>) -> Self {
        Self {
            peer: context.peer.clone(),
            token: context.meta.get_progress_token(),
            told: 0.0,
        }
    }

    async fn tell(&mut self, message: String) {
        let Some(token) = self.token.clone() else {
            return;
        };
        self.told += 1.0;
        let progress = ProgressNotificationParam::new(token, self.told).with_message(message);
        // A client that has gone away does not need to know.
        let _ = self.peer.notify_progress(progress).await;
    }
}

/// What has become of a call.
#[derive(Debug, Default)]
struct News {
    transcript: Transcript,
    question: Option<Value>,
    over: bool,
}

impl News {
    /// Takes an event and returns what to tell of it.
    fn take(&mut self, event: &Event) -> Option<String> {
        match event {
            Event::CallStatus { status } => Some(format!("The call is {}.", status.as_str())),
            Event::Question { question, text, .. } => {
                self.question = Some(json!({ "question": question, "text": text }));
                Some(format!("The agent asks: {text}"))
            }
            Event::QuestionClosed { .. } => {
                self.question = None;
                None
            }
            Event::CallEnded { .. } => {
                self.over = true;
                None
            }
            event => self.transcript.take(event),
        }
    }
}

/// Waits for news of a call, at most for `limit`, and returns the call object with what was said so far.
pub(super) async fn until_news(
    desk: &impl Desk,
    id: &str,
    limit: Duration,
    mut progress: Progress,
) -> Reply {
    let mut news = News::default();
    match desk.follow(id).await {
        Ok(mut events) => {
            let watch = async {
                while let Some(Numbered { event, .. }) = events.recv().await {
                    if let Some(message) = news.take(&event) {
                        progress.tell(message).await;
                    }
                    // What was asked before this request may have been answered since: look at what is there first.
                    if news.over || news.question.is_some() && events.is_empty() {
                        return;
                    }
                }
                news.over = true;
            };
            clock::timeout(limit, watch).await;
        }
        Err(reply) if reply.status == 404 => return reply,
        // It may be over already, so that there is nothing to follow.
        Err(_) => news.over = true,
    }
    let mut reply = desk.ask(Ask::Get(id.to_owned())).await;
    if let (200, Some(body)) = (reply.status, reply.body.as_object_mut()) {
        body.insert("done".into(), news.over.into());
        body.insert("question".into(), news.question.unwrap_or(Value::Null));
        if !news.over {
            body.insert("transcript_so_far".into(), news.transcript.text().into());
        }
    }
    reply
}
