//! What the program is made of, each built from its section of the configuration: at the start, and again when the
//! configuration changes. In which order is decided by `src/app.rs`.

use std::{path::Path, sync::Arc};

use call::CallConfig;
use protocol::{phone::PhoneRules, rest::Offer};

use super::StartError;
use crate::{
    billing::Billing,
    config::{self, Config},
    context::Reader,
    doctor,
    driver::clock,
    links::Links,
    server,
    store::{Cache, DataFolder, Secret, Store},
    supervisor::{Equipment, Reception, Settings},
    watch::{self, Watch, room::Room, trace::Tracer},
    webhooks::{self, Courier},
};

/// The longest conversation with somebody who calls, in seconds, as it is for calls that do not say.
const INCOMING_SECONDS: u32 = 600;

/// Limits and defaults of calls.
pub(super) fn settings(
    config: &Config,
    folder: &DataFolder,
    public_url: &str,
) -> Result<Settings, StartError> {
    Ok(Settings {
        max_concurrent: config.calls.max_concurrent,
        policy: config.policy().map_err(StartError)?,
        ring_timeout: config.calls.ring_timeout(),
        drain: config.calls.drain(),
        call: config.llm.patience.apply(CallConfig {
            patience: config.calls.patience,
            max_duration: config.calls.max_duration(),
            ..CallConfig::default()
        }),
        recordings: folder.recordings(),
        buy_credits_url: config.buy_credits_url(public_url),
    })
}

/// What calls are made with.
pub(super) fn equipment(
    services: &config::Services,
    reader: Option<Reader>,
    settings: Settings,
) -> Equipment {
    Equipment {
        lines: services.lines.clone(),
        stt: services.stt.clone(),
        llm: services.llm.clone(),
        tts: services.tts.clone(),
        reader,
        settings,
    }
}

/// Reads websites.
pub(super) fn reader(config: &Config, cache: &Cache) -> Result<Option<Reader>, StartError> {
    config.reader(cache.clone()).map_err(StartError)
}

/// Watches calls and the disk.
pub(super) fn watch_calls(config: &Config, folder: &DataFolder) -> Result<Watch, StartError> {
    let trace = &config.trace;
    let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let authorization = set(&trace.authorization.0);
    let tracer = set(&trace.otlp_endpoint)
        .map(|endpoint| Tracer::start(&endpoint, authorization.as_deref()))
        .transpose()
        .map_err(|error| StartError(format!("Traces cannot be sent as configured: {error}.")))?;
    Ok(Watch {
        room: Room::of(folder.path(), config.data.reserve()),
        tracer,
    })
}

/// How webhooks are sent.
pub(super) fn webhook_settings(config: &Config, folder: &DataFolder) -> webhooks::Settings {
    webhooks::Settings {
        timeout: config.webhooks.timeout(),
        pauses: config.webhooks.pauses().collect(),
        guard: config.net.guard(),
        recordings: folder.recordings(),
    }
}

/// Sends webhooks.
pub(super) fn courier(
    config: &Config,
    folder: &DataFolder,
    store: &Arc<dyn Store>,
    secret: &Secret,
    public_url: &str,
) -> Result<Courier, StartError> {
    let settings = webhook_settings(config, folder);
    let links = Links::new(secret.clone(), public_url.to_owned());
    Courier::new(store.clone(), secret.clone(), links, settings)
        .map_err(|error| StartError(format!("No client for webhooks can be made: {error}.")))
}

/// Gathers what was counted, again and again.
pub(super) async fn upkeep() {
    loop {
        clock::sleep(watch::UPKEEP).await;
        watch::upkeep();
    }
}

/// What is done for those who call on a line, with the account that sees it made when there is none; nothing when no calls
/// are taken there.
pub(super) async fn reception(
    config: &Config,
    store: &Arc<dyn Store>,
    line: &str,
) -> Result<Option<Reception>, StartError> {
    let Some(inbound) = config.reception(line) else {
        return Ok(None);
    };
    let (store, name) = (store.clone(), inbound.account.clone());
    let credits = config.billing.free_credits;
    let account = tokio::task::spawn_blocking(move || match store.account_named(&name)? {
        Some(account) => Ok(account),
        None => store.create_account(&name, credits, clock::wall()),
    });
    let account = account
        .await
        .map_err(|error| StartError(error.to_string()))??;
    let set = |text: &str| (!text.trim().is_empty()).then(|| text.to_owned());
    Ok(Some(Reception {
        account: account.id,
        objective: inbound.objective.clone(),
        instructions: set(&inbound.instructions),
        first_message: set(&inbound.first_message),
        language: protocol::language::DEFAULT.to_owned(),
        max_duration_seconds: config.calls.max_duration_seconds.min(INCOMING_SECONDS),
    }))
}

/// Finds out what is in use and whether it works, as the command `doctor` does.
pub(super) async fn inspect(
    config: Config,
    folder: &DataFolder,
    file: Option<&Path>,
) -> Vec<server::Finding> {
    let running = doctor::server(folder.path()).await;
    let found = doctor::find(&config, folder.path(), file, &running).await;
    let finding = |(role, state): doctor::Finding| {
        let (state, text) = match state {
            doctor::State::Good(text) => (server::State::Good, text),
            doctor::State::Note(text) => (server::State::Note, text),
            doctor::State::Bad(text) => (server::State::Bad, text),
        };
        server::Finding {
            role: role.to_owned(),
            state,
            text,
        }
    };
    found.into_iter().map(finding).collect()
}

/// Sells credits.
pub(super) fn shop(
    config: &Config,
    store: Arc<dyn Store>,
    public_url: &str,
) -> Result<Billing, StartError> {
    let service = config.billing.stripe.service(public_url);
    let service = service.map_err(StartError)?;
    Ok(Billing::new(
        store,
        config.buy_credits_url(public_url),
        service,
    ))
}

/// Encryption of the HTTP interface, if it is wanted.
pub(super) fn tls(config: &Config) -> Result<Option<server::Tls>, StartError> {
    let tls = &config.server.tls;
    let opened = tls
        .is_set()
        .then(|| server::Tls::open(&tls.cert, &tls.key))
        .transpose();
    opened.map_err(|error| StartError(error.to_string()))
}

/// The HTTP interface.
pub(super) fn interface(
    config: &Config,
    lines: Vec<String>,
    public_url: &str,
    billing: Billing,
    tls: Option<server::Tls>,
) -> server::Settings {
    server::Settings {
        guard: config.net.guard(),
        doors: server::Doors {
            max_connections: config.server.max_connections,
            max_per_address: config.server.max_connections_per_address,
            tls,
        },
        public_url: public_url.to_owned(),
        creations_per_minute: config.server.creations_per_minute,
        reads_per_minute: config.server.reads_per_minute,
        max_body_bytes: config.server.max_body_bytes,
        offer: Offer {
            lines,
            phone: PhoneRules {
                allow_premium: config.calls.allow_premium,
            },
            max_duration_seconds: config.calls.max_duration_seconds,
            from_numbers: config.from_numbers(),
        },
        billing,
    }
}
