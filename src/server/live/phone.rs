//! `GET /phone`: a page that is a phone. Texts are passed between the page and the line that rings in pages, which
//! alone knows what they mean.

use hyper::{Request, body::Incoming};
use protocol::error::{ApiError, ErrorCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{
    Session,
    socket::{Gone, Socket},
    upgrade,
};
use crate::{
    line::browser::PhoneSocket,
    server::{App, answer::Outcome},
    supervisor::Caller,
};

/// Opens the socket of a page that is a phone of its account.
pub(in crate::server) async fn open_phone(
    app: &App,
    caller: Caller,
    request: Request<Incoming>,
) -> Outcome {
    let mut lines = app.supervisor.lines().into_iter();
    let Some(phones) = lines.find_map(|line| line.phones()) else {
        return Err(ApiError::new(
            ErrorCode::NotFound,
            "No line of this server rings in pages.",
        ));
    };
    let session = Handset {
        app: app.clone(),
        phone: phones.open(&caller.account),
    };
    upgrade(app, &caller, request, session)
}

struct Handset {
    app: App,
    phone: PhoneSocket,
}

impl Session for Handset {
    fn on_revocation(&self) -> impl FnOnce() + Send + 'static {
        // The sound does not go through the socket.
        let receiver = self.phone.receiver();
        move || receiver.put_down()
    }

    async fn run(mut self, socket: &mut Socket) {
        // Nothing is left to do when the client is gone.
        let _ = self.pass_on(socket).await;
    }
}

impl Handset {
    async fn pass_on(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        loop {
            tokio::select! {
                () = self.app.closing.cancelled() => {
                    socket.close(CloseCode::Away, "the server is shutting down").await;
                    return Err(Gone);
                }
                text = socket.next_text() => self.phone.take(&text?),
                text = self.phone.outgoing.recv() => match text {
                    Some(text) => socket.text(text).await?,
                    None => {
                        socket.close(CloseCode::Policy, "the page took too little").await;
                        return Err(Gone);
                    }
                },
            }
        }
    }
}
