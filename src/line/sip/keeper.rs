//! What is done about a trunk as long as it is configured: its registration, and the question whether it is there. And
//! what happens to trunks when the operator changes them while calls run.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::task::AbortOnDropHandle;

use super::{
    Options, Settings, Shared, SipLine, Sound,
    register::{self, Standing},
    trunk::Lane,
};

/// The tasks of one trunk, which end with it.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) lane: Arc<Lane>,
    standing: Option<Arc<Mutex<Standing>>>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

impl Keeper {
    /// Starts what a trunk needs.
    pub(super) fn of(shared: &Arc<Shared>, lane: Arc<Lane>) -> Self {
        let (trunk, weak) = (&lane.trunk, Arc::downgrade(shared));
        let mut tasks = Vec::new();
        let standing = trunk.register.map(|wanted| {
            let standing = Arc::new(Mutex::new(Standing::Asking));
            let keep = register::keep(weak.clone(), lane.clone(), wanted, standing.clone());
            tasks.push(AbortOnDropHandle::new(tokio::spawn(keep)));
            standing
        });
        if let Some(period) = trunk.keep_alive {
            let keep = register::keep_alive(weak, lane.clone(), period);
            tasks.push(AbortOnDropHandle::new(tokio::spawn(keep)));
        } else if shared.options().takes_calls {
            // So that it is known whose calls are a trunk's.
            let (shared, lane) = (shared.clone(), lane.clone());
            tasks.push(AbortOnDropHandle::new(tokio::spawn(async move {
                let _: Result<_, _> = shared.addresses(&lane).await;
            })));
        }
        Self {
            lane,
            standing,
            _tasks: tasks,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        let standing = self.standing.as_ref();
        standing.map_or(Standing::None, |standing| {
            let standing = standing.lock().unwrap_or_else(PoisonError::into_inner);
            standing.clone()
        })
    }
}

impl SipLine {
    /// Lets other trunks, peers, numbers and codecs hold for calls that begin from now on. A trunk that is as it was keeps
    /// its registration and its count of calls. Where SIP is listened for, certificates and the ports of sound stay as they
    /// were.
    pub fn adjust(&self, options: Options) {
        let shared = &self.shared;
        let before = shared.settings();
        let lanes: Arc<[Arc<Lane>]> = options
            .trunks
            .iter()
            .map(|trunk| {
                let same = before.lanes.iter().find(|lane| lane.trunk == *trunk);
                same.map_or_else(|| Lane::new(trunk.clone()), Arc::clone)
            })
            .collect();
        let old = &before.options;
        shared.registry.set_peers(options.peers.clone());
        let options = Options {
            listen: old.listen,
            public_address: old.public_address,
            name_servers: old.name_servers.clone(),
            tls: old.tls.clone(),
            t1: old.t1,
            sound: Sound {
                ports: old.sound.ports.clone(),
                ..options.sound
            },
            ..options
        };
        let settings = Settings {
            options: Arc::new(options),
            lanes: lanes.clone(),
        };
        let mut current = shared
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = settings;
        drop(current);
        let is_kept = |lane: &Arc<Lane>| lanes.iter().any(|kept| Arc::ptr_eq(kept, lane));
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.retain(|keeper| is_kept(&keeper.lane));
        for lane in lanes.iter() {
            if !keepers.iter().any(|keeper| Arc::ptr_eq(&keeper.lane, lane)) {
                keepers.push(Keeper::of(shared, lane.clone()));
            }
        }
        drop(keepers);
        // A trunk whose password changed, say, is the same place to register at, and is registered anew.
        let is_same_place = |a: &Lane, b: &Lane| {
            let user = |lane: &Lane| lane.trunk.login.as_ref().map(|login| login.user.clone());
            a.trunk.domain == b.trunk.domain && user(a) == user(b)
        };
        let gone = before.lanes.iter().filter(|lane| !is_kept(lane));
        let left: Vec<_> = gone
            .filter(|lane| !lanes.iter().any(|kept| is_same_place(kept, lane)))
            .cloned()
            .collect();
        let shared = shared.clone();
        tokio::spawn(async move {
            register::leave(&shared, &left).await;
            shared.forget_others(&lanes).await;
        });
    }
}

impl Shared {
    /// Lets in no trunk any more but these. When one cannot be found now, nothing is forgotten.
    async fn forget_others(&self, lanes: &[Arc<Lane>]) {
        let mut known = HashSet::new();
        for lane in lanes {
            let Ok(addresses) = self.addresses(lane).await else {
                return;
            };
            known.extend(addresses.iter().map(|address| address.ip().to_canonical()));
        }
        self.registry.keep_trunks(&known);
    }
}
