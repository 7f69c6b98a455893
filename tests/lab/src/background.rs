//! A runtime that outlives single tests, for what a shared server needs done as long as the process lives.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};

use crate::LabError;

/// The process's one such runtime. Each `#[tokio::test]` has a runtime of its own, and its tasks end with it.
pub(crate) fn runtime() -> Result<&'static Runtime, LabError> {
    static RUNTIME: Mutex<Option<&'static Runtime>> = Mutex::new(None);
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = *runtime {
        return Ok(runtime);
    }
    let made = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("lab")
        .enable_all()
        .build()
        .map_err(LabError::io("starting a runtime"))?;
    Ok(runtime.insert(Box::leak(Box::new(made))))
}
