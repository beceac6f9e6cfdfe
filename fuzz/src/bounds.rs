//! What an input may take: memory, counted by the allocator, and time, watched by a thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The most that reading one input may hold besides what was held before \[bytes\].
pub const MOST_BYTES: usize = 256 << 20;
/// The longest that reading one input may take.
pub const LONGEST: Duration = Duration::from_secs(10);

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counted.
pub struct Counted;

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory of its.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `at` came from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(at, layout) }
    }
}

/// The most bytes held while `work` ran, besides those held before.
pub fn peak_of(work: impl FnOnce()) -> usize {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed).saturating_sub(before)
}

/// What is being read, and since when.
static CURRENT: Mutex<Option<(Instant, Vec<u8>)>> = Mutex::new(None);

/// Notes that an input is being read.
pub fn begin(input: &[u8]) {
    if let Ok(mut current) = CURRENT.lock() {
        match &mut *current {
            Some((since, bytes)) => {
                *since = Instant::now();
                bytes.clear();
                bytes.extend_from_slice(input);
            }
            None => *current = Some((Instant::now(), input.to_vec())),
        }
    }
}

/// Ends the process with the input in question if one takes too long.
pub fn watch() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let Ok(current) = CURRENT.lock() else { return };
            if let Some((since, bytes)) = &*current
                && since.elapsed() > LONGEST
            {
                eprintln!("HANG: {}", String::from_utf8_lossy(bytes));
                std::process::exit(1);
            }
        }
    });
}
