//! How the supervisor asks the store: on threads that may wait, and with failures as clients are told of them.

use protocol::error::ApiError;

use crate::{disk::Disk, store::StoreError, watch::store_failed};

/// Returns what a client is told about a failure of the store: that it is a fault of ours, or that the disk is full.
pub(crate) fn refusal(error: &StoreError) -> ApiError {
    if error.is_full() {
        ApiError::unavailable(
            "The disk of the server is full, so nothing new can be kept. Try again later.",
            30,
        )
    } else {
        ApiError::internal()
    }
}

/// Runs a store operation on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    disk: &Disk,
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    match disk.records(work).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            store_failed();
            tracing::error!(%error, "the store failed");
            Err(refusal(&error))
        }
        Err(_) => Err(ApiError::internal()),
    }
}
