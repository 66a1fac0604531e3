//! Changes what a running program works with, as its configuration changed. Calls that run keep what they began with.
//!
//! Everything that can fail comes first; when something does, nothing has changed. Which keys never change here is
//! decided by `config::NEED_RESTART`.

use std::sync::{PoisonError, atomic::Ordering};

use tokio::sync::watch as latest;

use super::{App, StartError, copy, line_names, parts, spawn};
use crate::config::Config;

impl App {
    /// Works by this configuration from now on, as far as that goes without a restart.
    ///
    /// # Errors
    /// When something that it chooses cannot be made; a sentence says what. Nothing has changed then.
    pub async fn reload(&self, config: &Config) -> Result<(), StartError> {
        let _mine = self.changing.lock().await;
        let old = copy(&self.config);
        let store = self.supervisor.store();
        let settings = parts::settings(config, &self.folder, &self.public_url)?;
        let reader = parts::reader(config, &self.cache)?;
        let billing = parts::shop(config, store.clone(), &self.public_url)?;
        let webhooks = parts::webhook_settings(config, &self.folder);
        let route = self.courier.route(webhooks);
        let route = route
            .map_err(|error| StartError(format!("No client for webhooks can be made: {error}.")))?;
        let current = self.services().clone();
        let renewal = current.renew((&old, config), &self.cache, &self.public_url);
        let renewal = renewal.map_err(|error| StartError(error.to_string()))?;
        // An account may have to be made for a line that takes calls from now on.
        for line in self.supervisor.lines() {
            parts::reception(config, store, line.name()).await?;
        }

        let services = renewal.apply();
        let lines = line_names(&services);
        self.supervisor
            .equip(parts::equipment(&services, reader, settings));
        *self.services() = services;
        self.interface.set(parts::interface(
            config,
            lines,
            &self.public_url,
            billing,
            None,
        ));
        self.courier.follow(route);
        self.free_credits
            .store(config.billing.free_credits, Ordering::Relaxed);
        if old.retention != config.retention {
            let rules = config.retention.rules();
            let retention = rules.run(store.clone(), self.folder.recordings());
            let mut task = self
                .retention
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *task = spawn(retention);
        }
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config.clone();
        self.receive(config).await
    }

    fn services(&self) -> std::sync::MutexGuard<'_, crate::config::Services> {
        // Nothing panics while it is held.
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the calls that come in on the lines, as the configuration says.
    pub(super) async fn receive(&self, config: &Config) -> Result<(), StartError> {
        for line in self.supervisor.lines() {
            let reception = parts::reception(config, self.supervisor.store(), line.name()).await?;
            let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(desk) = desks.get(line.name()) {
                desk.send_replace(reception);
                continue;
            }
            // A line gives its calls away once, so it is asked only when somebody is there for them.
            if reception.is_none() {
                continue;
            }
            let Some(calls) = line.incoming() else {
                continue;
            };
            let (desk, told) = latest::channel(reception);
            desks.insert(line.name(), desk);
            let supervisor = self.supervisor.clone();
            let receive = async move { supervisor.receive(line, calls, told).await };
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.push(spawn(receive));
        }
        Ok(())
    }
}
