//! Responses that were promised beside the one asked for (RFC 9113, section 8.4).

use crate::url::Url;
use avx_http::client;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

/// Where promises wait until the response that they came with has been printed.
#[derive(Clone, Default)]
pub(super) struct Pushed(Arc<Mutex<Vec<client::Pushed>>>);

impl Pushed {
    pub(super) fn hook(&self) -> impl FnMut(client::Pushed) + Send + 'static {
        let this = self.clone();
        move |pushed| this.0.lock().unwrap_or_else(PoisonError::into_inner).push(pushed)
    }

    /// Those that have come, in their order.
    pub(super) fn take(&self) -> Vec<client::Pushed> {
        mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the promised request would have asked for.
pub(super) fn url(pushed: &client::Pushed, beside: &Url) -> Url {
    Url { target: String::from_utf8_lossy(pushed.target()).into_owned(), ..beside.clone() }
}
