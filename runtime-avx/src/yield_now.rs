//! Letting others have a turn.

use std::future::poll_fn;
use std::task::Poll;

/// Completes after the tasks that are queued now have run, and lets the kernel be asked for events. For
/// tasks that compute for long.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
