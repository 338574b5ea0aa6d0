//! Timers: an interval, a timeout, and a deadline that is pushed back.
//!
//! ```text
//! cargo run -p runtime-avx --example timer
//! ```

use std::future::pending;
use std::io;
use std::time::{Duration, Instant};

use runtime_avx::{Builder, interval, sleep, timeout};

fn main() -> io::Result<()> {
    let runtime = Builder::current_thread().build()?;
    runtime.block_on(async {
        let start = Instant::now();
        let mut ticks = interval(Duration::from_millis(100));
        for _ in 0..3 {
            ticks.tick().await;
            println!("{:>4} ms: tick", start.elapsed().as_millis());
        }

        let late = timeout(Duration::from_millis(50), pending::<()>()).await;
        println!("{:>4} ms: {}", start.elapsed().as_millis(), late.unwrap_err());

        let mut deadline = sleep(Duration::from_millis(10));
        deadline.reset(Instant::now() + Duration::from_millis(100));
        deadline.await;
        println!("{:>4} ms: the deadline that was pushed back", start.elapsed().as_millis());
    });
    Ok(())
}
