//! Which paths exist and what each method does there. The whole map of the HTTP interface is the table in [`find`].

use std::sync::LazyLock;

use hyper::Method;
use matchit::Router;
use protocol::{
    error::{ApiError, ErrorCode},
    rest::Scope,
};

/// One thing that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Needs no key.
    Health,
    /// Needs no key.
    Ready,
    /// Needs no key.
    OpenApi,
    /// What programs that read should know. Needs no key.
    Llms,
    /// A document. Needs no key.
    Document,
    /// For this machine, or needs a key.
    Metrics,
    /// Needs a key or a signed link.
    Recording,
    /// Told by the payment service, which signs what it says.
    Payment,
    /// Asked for by the carrier of a line, which decides who may.
    Line,
    /// A web page; which one is found out in the browser.
    Page,
    /// A file of the web pages.
    Asset,
    /// Whom a browser is signed in as.
    Session,
    /// Signs a browser in.
    SignIn,
    /// Signs a browser out.
    SignOut,
    /// The tools of the Model Context Protocol. Needs a key, in the ways of that protocol.
    Mcp,
    /// Needs a key.
    Keyed(Keyed),
}

/// What only the owner of a key can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyed {
    CreateCall,
    ListCalls,
    GetCall,
    CancelCall,
    AnswerQuestion,
    LiveCall,
    LiveAccount,
    LiveToken,
    Account,
    Ledger,
    Checkout,
    Export,
    DeleteData,
    ListBlocked,
    Block,
    Unblock,
    ListKeys,
    CreateKey,
    GetKey,
    RenameKey,
    RevokeKey,
    GetWebhooks,
    SetWebhooks,
    RotateWebhooks,
    ListWebhooks,
    ResendWebhook,
    Lines,
    Phone,
    Settings,
}

impl Keyed {
    /// Returns what a key must be allowed to do for this.
    pub(super) fn scope(self) -> Scope {
        match self {
            Self::ListCalls
            | Self::GetCall
            | Self::LiveCall
            | Self::LiveAccount
            | Self::LiveToken
            | Self::Account
            | Self::Lines
            | Self::Ledger => Scope::CallsRead,
            Self::Phone => Scope::Control,
            Self::CreateCall | Self::CancelCall | Self::DeleteData | Self::Checkout => {
                Scope::CallsWrite
            }
            Self::AnswerQuestion => Scope::Control,
            Self::ListKeys
            | Self::CreateKey
            | Self::GetKey
            | Self::RenameKey
            | Self::RevokeKey
            | Self::Export
            | Self::ListBlocked
            | Self::Block
            | Self::Unblock
            | Self::GetWebhooks
            | Self::SetWebhooks
            | Self::RotateWebhooks
            | Self::ListWebhooks
            | Self::ResendWebhook
            | Self::Settings => Scope::Admin,
        }
    }

    /// Returns whether the request has a body that means something.
    pub(super) fn has_body(self) -> bool {
        matches!(
            self,
            Self::CreateCall
                | Self::AnswerQuestion
                | Self::LiveToken
                | Self::CreateKey
                | Self::RenameKey
                | Self::Block
                | Self::SetWebhooks
        )
    }
}

/// What a path allows: methods in the order in which `Allow` names them.
type Methods = &'static [(Method, Route)];

const PAGE: Methods = &[(Method::GET, Route::Page)];
const ASSET: Methods = &[(Method::GET, Route::Asset)];

/// The table of the whole interface.
const TABLE: &[(&str, Methods)] = &[
    (
        "/api/v1/calls",
        &[
            (Method::GET, Route::Keyed(Keyed::ListCalls)),
            (Method::POST, Route::Keyed(Keyed::CreateCall)),
        ],
    ),
    (
        "/api/v1/calls/{id}",
        &[
            (Method::GET, Route::Keyed(Keyed::GetCall)),
            (Method::DELETE, Route::Keyed(Keyed::CancelCall)),
        ],
    ),
    (
        "/api/v1/calls/{id}/cancel",
        &[(Method::POST, Route::Keyed(Keyed::CancelCall))],
    ),
    (
        "/api/v1/calls/{id}/answers",
        &[(Method::POST, Route::Keyed(Keyed::AnswerQuestion))],
    ),
    (
        "/api/v1/calls/{id}/recording",
        &[(Method::GET, Route::Recording)],
    ),
    (
        "/api/v1/calls/{id}/live",
        &[(Method::GET, Route::Keyed(Keyed::LiveCall))],
    ),
    (
        "/api/v1/live",
        &[(Method::GET, Route::Keyed(Keyed::LiveAccount))],
    ),
    (
        "/api/v1/live/token",
        &[(Method::POST, Route::Keyed(Keyed::LiveToken))],
    ),
    (
        "/api/v1/keys",
        &[
            (Method::GET, Route::Keyed(Keyed::ListKeys)),
            (Method::POST, Route::Keyed(Keyed::CreateKey)),
        ],
    ),
    (
        "/api/v1/keys/{id}",
        &[
            (Method::GET, Route::Keyed(Keyed::GetKey)),
            (Method::PATCH, Route::Keyed(Keyed::RenameKey)),
            (Method::DELETE, Route::Keyed(Keyed::RevokeKey)),
        ],
    ),
    (
        "/api/v1/webhooks",
        &[
            (Method::GET, Route::Keyed(Keyed::GetWebhooks)),
            (Method::PUT, Route::Keyed(Keyed::SetWebhooks)),
        ],
    ),
    (
        "/api/v1/webhooks/rotate",
        &[(Method::POST, Route::Keyed(Keyed::RotateWebhooks))],
    ),
    (
        "/api/v1/webhooks/events",
        &[(Method::GET, Route::Keyed(Keyed::ListWebhooks))],
    ),
    (
        "/api/v1/webhooks/events/{id}/resend",
        &[(Method::POST, Route::Keyed(Keyed::ResendWebhook))],
    ),
    (
        "/api/v1/account",
        &[(Method::GET, Route::Keyed(Keyed::Account))],
    ),
    (
        "/api/v1/account/ledger",
        &[(Method::GET, Route::Keyed(Keyed::Ledger))],
    ),
    (
        "/api/v1/account/export",
        &[(Method::GET, Route::Keyed(Keyed::Export))],
    ),
    (
        "/api/v1/do-not-call",
        &[
            (Method::GET, Route::Keyed(Keyed::ListBlocked)),
            (Method::POST, Route::Keyed(Keyed::Block)),
        ],
    ),
    (
        "/api/v1/do-not-call/{id}",
        &[(Method::DELETE, Route::Keyed(Keyed::Unblock))],
    ),
    (
        "/api/v1/calls/{id}/data",
        &[(Method::DELETE, Route::Keyed(Keyed::DeleteData))],
    ),
    (
        "/api/v1/billing/checkout",
        &[(Method::POST, Route::Keyed(Keyed::Checkout))],
    ),
    ("/api/v1/stripe/webhook", &[(Method::POST, Route::Payment)]),
    ("/stripe/webhook", &[(Method::POST, Route::Payment)]),
    (
        "/api/v1/lines",
        &[(Method::GET, Route::Keyed(Keyed::Lines))],
    ),
    (
        "/api/v1/phone",
        &[(Method::GET, Route::Keyed(Keyed::Phone))],
    ),
    (
        "/api/v1/settings",
        &[(Method::GET, Route::Keyed(Keyed::Settings))],
    ),
    (
        "/session",
        &[
            (Method::GET, Route::Session),
            (Method::POST, Route::SignIn),
            (Method::DELETE, Route::SignOut),
        ],
    ),
    ("/", PAGE),
    ("/sign-in", PAGE),
    ("/call/{id}", PAGE),
    ("/phone", PAGE),
    ("/keys", PAGE),
    ("/billing", PAGE),
    ("/settings", PAGE),
    ("/favicon.svg", ASSET),
    ("/assets/{*id}", ASSET),
    (
        "/lines/{*id}",
        &[(Method::GET, Route::Line), (Method::POST, Route::Line)],
    ),
    (
        "/mcp",
        &[
            (Method::POST, Route::Mcp),
            (Method::GET, Route::Mcp),
            (Method::DELETE, Route::Mcp),
        ],
    ),
    ("/healthz", &[(Method::GET, Route::Health)]),
    ("/readyz", &[(Method::GET, Route::Ready)]),
    ("/metrics", &[(Method::GET, Route::Metrics)]),
    ("/openapi.json", &[(Method::GET, Route::OpenApi)]),
    ("/llms.txt", &[(Method::GET, Route::Llms)]),
    ("/docs/{*id}", &[(Method::GET, Route::Document)]),
];

static ROUTER: LazyLock<Router<Methods>> = LazyLock::new(|| {
    let mut router = Router::new();
    for (path, methods) in TABLE {
        router
            .insert(*path, *methods)
            .expect("a test looks up every path of the table");
    }
    router
});

/// What was found for a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A route, and the part of the path that names a call or a line's path (empty where there is none).
    Route(Route, String),
    /// The path exists; the method asks what can be done there.
    Options(String),
    /// The path exists, but not for this method; the value of `Allow`.
    WrongMethod(String),
}

/// Finds what a request asks for. `HEAD` is allowed wherever `GET` is, and `OPTIONS` everywhere.
///
/// # Errors
/// `not_found` when there is no such path.
pub(super) fn find(method: &Method, path: &str) -> Result<Found, ApiError> {
    let matched = ROUTER.at(path).map_err(|_| {
        ApiError::new(
            ErrorCode::NotFound,
            "There is nothing at this path. The API is under /api/v1, for example /api/v1/calls.",
        )
    })?;
    let wanted = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let route = matched.value.iter().find(|(allowed, _)| allowed == wanted);
    Ok(match route {
        Some((_, route)) => Found::Route(
            *route,
            matched.params.get("id").unwrap_or_default().to_owned(),
        ),
        None if method == Method::OPTIONS => Found::Options(allow(matched.value)),
        None => Found::WrongMethod(allow(matched.value)),
    })
}

fn allow(methods: Methods) -> String {
    let mut names = Vec::new();
    for (method, _) in methods {
        names.push(method.as_str());
        if method == Method::GET {
            names.push("HEAD");
        }
    }
    names.push("OPTIONS");
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_table_is_found() {
        for (path, methods) in TABLE {
            let path = path.replace("{id}", "cl_x").replace("{*id}", "cl_x");
            for (method, route) in *methods {
                let id = if path.contains("cl_x") { "cl_x" } else { "" };
                assert_eq!(find(method, &path), Ok(Found::Route(*route, id.to_owned())));
            }
        }
    }

    /// Returns whether a path is part of the interface for programs: no page, and not asked for by carriers and payment
    /// services.
    fn is_described(path: &str) -> bool {
        let operator = ["/healthz", "/readyz", "/metrics", "/openapi.json"];
        operator.contains(&path) || path.starts_with("/api/") && path != "/api/v1/stripe/webhook"
    }

    #[test]
    fn the_description_has_every_route_and_no_other() {
        let described: serde_json::Value =
            serde_json::from_str(super::super::operator::OPENAPI).unwrap();
        let mut said = Vec::new();
        for (path, item) in described["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                said.push(format!("{} {path}", method.to_uppercase()));
            }
        }
        let routes = TABLE.iter().filter(|(path, _)| is_described(path));
        let mut there: Vec<_> = routes
            .flat_map(|(path, methods)| methods.iter().map(move |(m, _)| format!("{m} {path}")))
            .collect();
        said.sort();
        there.sort();
        let of = |one: &[String], other: &[String]| -> Vec<String> {
            one.iter().filter(|r| !other.contains(r)).cloned().collect()
        };
        let (missing, surplus) = (of(&there, &said), of(&said, &there));
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "docs/openapi.json does not agree with the table of routes.\n\
             Describe there (under \"paths\", with every status it can answer): {missing:?}\n\
             Take out of it: {surplus:?}"
        );
    }

    #[test]
    fn other_methods_and_paths_are_told_apart() {
        let calls = "/api/v1/calls";
        assert_eq!(
            find(&Method::PUT, calls),
            Ok(Found::WrongMethod("GET, HEAD, POST, OPTIONS".to_owned()))
        );
        assert_eq!(
            find(&Method::OPTIONS, "/api/v1/calls/x/cancel"),
            Ok(Found::Options("POST, OPTIONS".to_owned()))
        );
        assert_eq!(
            find(&Method::HEAD, calls),
            Ok(Found::Route(Route::Keyed(Keyed::ListCalls), String::new()))
        );
        for path in [
            "",
            "*",
            "/api",
            "/calls",
            "/api/v1/calls/",
            "/api/v1/calls/a/b/c",
            "/API/V1/calls",
        ] {
            let error = find(&Method::GET, path).unwrap_err();
            assert_eq!(error.code, ErrorCode::NotFound, "{path}");
        }
    }
}
