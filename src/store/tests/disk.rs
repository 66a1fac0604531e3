//! A disk that is full for a while: the operation that meets it says so, and what was kept before is still there.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use ::redb::{Builder, StorageBackend, backends::FileBackend};

use super::*;

/// A file on a disk that is full while the flag is set.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    full: Arc<AtomicBool>,
}

impl Disk {
    fn room(&self) -> Result<(), std::io::Error> {
        if self.full.load(Ordering::Relaxed) {
            return Err(std::io::Error::from(std::io::ErrorKind::StorageFull));
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.room()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.room()?;
        self.file.write(offset, data)
    }
}

#[test]
fn a_full_disk_is_reported_and_forgotten_when_there_is_room_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agentphone.redb");
    let (full, opened) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let disk = (full.clone(), opened.clone());
    let store = RedbStore::over(move || {
        let (full, opened) = &disk;
        opened.fetch_add(1, Ordering::Relaxed);
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .unwrap();
        let file = FileBackend::new(file).unwrap();
        let disk = Disk {
            file,
            full: full.clone(),
        };
        Builder::new().create_with_backend(disk).unwrap()
    })
    .unwrap();
    let account = account(&store, "nopa");
    let before = created(&store, &account, 1);

    full.store(true, Ordering::Relaxed);
    let refused = store
        .create_call(&call(&account, 2), None, at(2))
        .unwrap_err();
    assert!(refused.is_full(), "{refused}");
    assert!(refused.to_string().contains("Free some space"), "{refused}");
    full.store(false, Ordering::Relaxed);

    assert!(store.call(&before).unwrap().is_some());
    let after = created(&store, &account, 3);
    assert_eq!(opened.load(Ordering::Relaxed), 2);
    assert!(store.call(&after).unwrap().is_some());
    assert_eq!(store.balance(&account.id).unwrap(), 3);
    assert_eq!(store.ledger(&account.id).unwrap().len(), 3);
}
