//! The REST server of the stand-in on a socket of this machine.

use std::{convert::Infallible, net::SocketAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{ACCOUNT, StandIn, TOKEN};

impl StandIn {
    /// Serves on a free port until the runtime ends. Returns where.
    pub(crate) async fn serve(&self) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("an address");
        let this = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let this = this.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let this = this.clone();
                        async move { Ok::<_, Infallible>(this.serve_one(request).await) }
                    });
                    let builder =
                        hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // A client that goes away is no fault of the test.
                    let _ = builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        address
    }

    async fn serve_one(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let expected = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
        let given = request
            .headers()
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        if given != Some(expected.as_str()) {
            let body = r#"{"code":20003,"message":"Authenticate","more_info":"","status":401}"#;
            return answer(401, body.to_owned());
        }
        let method = request.method().as_str().to_owned();
        let path = request
            .uri()
            .path_and_query()
            .map_or_else(String::new, ToString::to_string);
        let kind = request
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = request
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        if method == "POST" && kind.as_deref() != Some("application/x-www-form-urlencoded") {
            return answer(415, "{}".to_owned());
        }
        let form = form_urlencoded::parse(&body).into_owned().collect();
        match self.rest(&method, &path, form).await {
            Some((status, body)) => answer(status, body.to_string()),
            None => std::future::pending().await,
        }
    }
}

fn answer(status: u16, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    response
}
