//! The power goes while something is being written: of what was not yet on the disk some sectors are there and some are
//! not. What was acknowledged is there, and the store opens.

use std::sync::{Arc, Mutex};

use ::redb::{Builder, StorageBackend};

use super::*;

/// What a disk writes in one piece.
const SECTOR: usize = 512;

/// A disk that forgets.
#[derive(Debug)]
struct Disk {
    /// What is there after a loss of power.
    durable: Vec<u8>,
    /// What is read.
    now: Vec<u8>,
    /// What may be there or not.
    pending: Vec<(usize, Vec<u8>)>,
    random: fastrand::Rng,
    /// After so many more writes the power goes.
    fuse: Option<u32>,
    /// What was there then.
    lost: Option<Vec<u8>>,
}

impl Disk {
    fn new(durable: Vec<u8>, seed: u64) -> Self {
        Self {
            now: durable.clone(),
            durable,
            pending: Vec::new(),
            random: fastrand::Rng::with_seed(seed),
            fuse: None,
            lost: None,
        }
    }

    fn lose(&mut self) -> Vec<u8> {
        let mut image = self.durable.clone();
        image.resize(self.now.len(), 0);
        for (offset, data) in &self.pending {
            for (n, sector) in data.chunks(SECTOR).enumerate() {
                let place = offset + n * SECTOR;
                if self.random.bool() && place + sector.len() <= image.len() {
                    image[place..place + sector.len()].copy_from_slice(sector);
                }
            }
        }
        image
    }
}

#[derive(Debug, Clone)]
struct Shared(Arc<Mutex<Disk>>);

impl StorageBackend for Shared {
    fn len(&self) -> Result<u64, std::io::Error> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let offset = usize::try_from(offset).unwrap();
        out.copy_from_slice(&self.0.lock().unwrap().now[offset..offset + out.len()]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        let mut disk = self.0.lock().unwrap();
        disk.now.resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        let mut disk = self.0.lock().unwrap();
        disk.durable = disk.now.clone();
        disk.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        let mut disk = self.0.lock().unwrap();
        let offset = usize::try_from(offset).unwrap();
        disk.now[offset..offset + data.len()].copy_from_slice(data);
        disk.pending.push((offset, data.to_vec()));
        disk.fuse = disk.fuse.map(|left| left.saturating_sub(1));
        if disk.fuse == Some(0) && disk.lost.is_none() {
            disk.lost = Some(disk.lose());
        }
        Ok(())
    }
}

fn open(disk: &Shared) -> RedbStore {
    let disk = disk.clone();
    RedbStore::over(move || Builder::new().create_with_backend(disk.clone()).unwrap()).unwrap()
}

#[test]
fn what_was_acknowledged_survives_a_loss_of_power_in_the_middle_of_a_write() {
    let mut torn = 0;
    for seed in 0..40 {
        let disk = Shared(Arc::new(Mutex::new(Disk::new(Vec::new(), seed))));
        let store = open(&disk);
        let rich = account(&store, "rich");
        store.grant(&rich.id, "start", "", 100, at(0)).unwrap();
        disk.0.lock().unwrap().fuse = Some(5 + 3 * u32::try_from(seed).unwrap());
        let mut acknowledged = Vec::new();
        for n in 0..60 {
            let id = created(&store, &rich, n);
            if disk.0.lock().unwrap().lost.is_some() {
                break;
            }
            acknowledged.push(id);
        }
        let balance_was = store.balance(&rich.id).unwrap();
        let Some(image) = disk.0.lock().unwrap().lost.take() else {
            continue;
        };
        torn += 1;
        let after = Shared(Arc::new(Mutex::new(Disk::new(image, seed))));
        let store = open(&after);
        for id in &acknowledged {
            assert!(store.call(id).unwrap().is_some(), "{seed}: {id} is lost");
        }
        // The one that was being written is there as a whole, or not at all.
        let calls = store.unfinished_calls().unwrap().len();
        assert!(
            calls == acknowledged.len() || calls == acknowledged.len() + 1,
            "{seed}"
        );
        let ledger = store.ledger(&rich.id).unwrap();
        let reserved = ledger
            .iter()
            .filter(|line| matches!(line.entry, Entry::Reserve { .. }));
        assert_eq!(reserved.count(), calls, "{seed}");
        let balance = store.balance(&rich.id).unwrap();
        assert!((balance_was..=balance_was + 1).contains(&balance), "{seed}");
    }
    assert!(torn > 30, "the power went in {torn} runs only");
}
