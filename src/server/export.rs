//! `GET /account/export`: everything that is kept of an account, as one JSON document that is written while it is read.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    Response,
    body::Frame,
    header::{self, HeaderValue},
};
use protocol::{
    ids::{AccountId, CallId},
    rest::Time,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{App, answer::Outcome, billing, keys, privacy, recording};
use crate::{
    driver::clock,
    store::{ListCalls, StoreError},
    supervisor::Caller,
};

/// Pieces of the document that may wait for the client.
const PIECES: usize = 4;
/// Calls or lines that are read at once.
const BATCH: usize = 100;

/// Answers with the document.
pub(super) fn get(app: &App, caller: &Caller) -> Outcome {
    let (to_client, pieces) = mpsc::channel(PIECES);
    let (app, account) = (app.clone(), caller.account.clone());
    tracing::info!(%account, "an account is exported");
    // A task, not a thread: a client that reads slowly holds nothing but its place.
    tokio::spawn(async move {
        let mut writer = Writer {
            to_client,
            first: true,
        };
        if let Err(Stopped::Failed) = write(&app, &account, &mut writer).await {
            // Cut off without its end, the document cannot be taken for a whole one.
            let broken = Err(io::Error::other("the records could not be read"));
            let _ = writer.to_client.send(broken).await;
        }
    });
    let pieces = stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece.map(Frame::data), pieces))
    });
    let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"agentphone-account.json\""),
    );
    Ok(response)
}

/// Why writing stopped before the end.
enum Stopped {
    /// The client is gone.
    Gone,
    /// The records could not be read; the log says why.
    Failed,
}

struct Writer {
    to_client: mpsc::Sender<Result<Bytes, io::Error>>,
    /// Whether the next thing is the first of its list.
    first: bool,
}

impl Writer {
    async fn text(&self, text: impl Into<Bytes>) -> Result<(), Stopped> {
        let sent = self.to_client.send(Ok(text.into())).await;
        sent.map_err(|_| Stopped::Gone)
    }

    async fn list(&mut self, name: &str) -> Result<(), Stopped> {
        self.first = true;
        self.text(format!(",\n\"{name}\": [")).await
    }

    async fn items(&mut self, items: Vec<Value>) -> Result<(), Stopped> {
        for item in items {
            let comma = if self.first { "\n" } else { ",\n" };
            self.first = false;
            self.text(format!("{comma}{item}")).await?;
        }
        Ok(())
    }

    async fn end(&self) -> Result<(), Stopped> {
        self.text("]").await
    }
}

/// Reads from the store on a thread that may wait.
async fn read<T: Send + 'static>(
    app: &App,
    account: &AccountId,
    work: impl FnOnce(&App, &AccountId) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Stopped> {
    let (app, account) = (app.clone(), account.clone());
    let done = super::blocking(move || work(&app, &account)).await;
    done.map_err(|_| Stopped::Failed)
}

async fn write(app: &App, account: &AccountId, writer: &mut Writer) -> Result<(), Stopped> {
    let about = read(app, account, |app, id| {
        let store = app.supervisor.store();
        let account = store.account(id)?;
        Ok(json!({
            "account_id": id,
            "name": account.as_ref().map(|account| account.name.clone()),
            "created_at": account.map(|account| Time::from(account.created_at)),
            "credits_remaining": store.balance(id)?.max(0),
        }))
    });
    let about = about.await?;
    let now = Time::from(clock::wall());
    let head = format!("{{\"exported_at\": \"{now}\",\n\"account\": {about}");
    writer.text(head).await?;
    writer.list("keys").await?;
    let keys = read(app, account, |app, id| {
        let keys = app.supervisor.store().list_keys()?;
        let keys = keys.into_iter().filter(|key| key.account == *id);
        Ok(keys.map(|key| json!(keys::shown(key))).collect::<Vec<_>>())
    });
    writer.items(keys.await?).await?;
    writer.end().await?;
    writer.list("do_not_call").await?;
    let blocked = read(app, account, |app, id| {
        let blocked = app.supervisor.store().blocked(Some(id))?;
        Ok(blocked.iter().map(privacy::shown).collect::<Vec<_>>())
    });
    writer.items(blocked.await?).await?;
    writer.end().await?;
    writer.list("ledger").await?;
    let mut before = None;
    loop {
        let lines = read(app, account, move |app, id| {
            app.supervisor.store().ledger_page(id, before, BATCH)
        });
        let lines = lines.await?;
        let Some(last) = lines.last() else { break };
        before = Some(last.seq);
        let lines = lines.into_iter().map(|line| json!(billing::line(line)));
        writer.items(lines.collect()).await?;
    }
    writer.end().await?;
    writer.list("calls").await?;
    let mut before = None;
    loop {
        let after = before.take();
        let page = read(app, account, move |app, id| page(app, id, after.as_ref()));
        let (calls, next) = page.await?;
        writer.items(calls).await?;
        if next.is_none() {
            break;
        }
        before = next;
    }
    writer.end().await?;
    writer.text("}\n").await
}

/// Returns the next calls, and the last of them if there are more.
fn page(
    app: &App,
    account: &AccountId,
    before: Option<&CallId>,
) -> Result<(Vec<Value>, Option<CallId>), StoreError> {
    let filter = ListCalls {
        status: None,
        before,
        limit: BATCH,
    };
    let page = app.supervisor.store().list_calls(account, &filter)?;
    let last = page.calls.last().filter(|_| page.has_more);
    let last = last.map(|stored| stored.call.call_id.clone());
    let calls = page.calls.into_iter().map(|stored| {
        let call = recording::with_url_now(app, stored.call);
        json!({"call": call, "request": stored.request})
    });
    Ok((calls.collect(), last))
}
