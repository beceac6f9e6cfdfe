//! Many jobs on all threads, their results taken in order.
//!
//! Each thread of the pool plays the next job that nobody has; whoever finds the result that is due
//! takes it, and those ready behind it, while the others play on. So nobody waits for the slowest of a
//! batch, and what is done with results needs no order of its own. How far players may run ahead of
//! what has been taken is bounded, and with it the memory for results that lie ready.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The results that are not yet taken.
struct Line<T> {
    /// What has come of the jobs from `first` on, in order; `None` while one is being played.
    results: VecDeque<Option<T>>,
    /// The job whose result is due.
    first: u64,
    /// Whether somebody is taking results.
    taking: bool,
    /// Whether no more are wanted.
    over: bool,
}

impl<T> Line<T> {
    /// The job that nobody has.
    fn next(&self) -> u64 {
        self.first + self.results.len() as u64
    }
}

struct Shared<T> {
    line: Mutex<Line<T>>,
    /// Told whenever a result has been taken, or no more are wanted.
    moved: Condvar,
}

impl<T> Shared<T> {
    fn line(&self) -> MutexGuard<'_, Line<T>> {
        // What a thread that panics leaves behind is over: `Leaving` sees to it.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends it all when its thread panics, so that the others do not wait for it.
struct Leaving<'a, T>(&'a Shared<T>);

impl<T> Drop for Leaving<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.line().over = true;
            self.0.moved.notify_all();
        }
    }
}

/// Plays the jobs `0..count` on all threads of the current rayon pool and has `take` take their results
/// in order, one at a time, until it says that it wants no more. No job begins more than `ahead` before
/// the one whose result is due.
///
/// # Panics
///
/// If `play` or `take` does, or if `ahead` is 0.
pub(super) fn in_order<T: Send>(
    count: u64,
    ahead: u64,
    play: impl Fn(u64) -> T + Sync,
    take: impl FnMut(T) -> bool + Send,
) {
    assert!(ahead > 0, "nothing can be played");
    let take = Mutex::new(take);
    let shared = Shared {
        line: Mutex::new(Line {
            results: VecDeque::new(),
            first: 0,
            taking: false,
            over: false,
        }),
        moved: Condvar::new(),
    };
    rayon::broadcast(|_| {
        let _leaving = Leaving(&shared);
        let mut line = shared.line();
        while !line.over {
            let is_due = matches!(line.results.front(), Some(Some(_)));
            if is_due && !line.taking {
                line = take_those_ready(&shared, line, &take);
            } else if line.next() < count && line.next() < line.first + ahead {
                let job = line.next();
                line.results.push_back(None);
                drop(line);
                let result = play(job);
                line = shared.line();
                let place = (job - line.first) as usize;
                line.results[place] = Some(result);
            } else if line.next() == count {
                // Whoever plays or takes the last ones takes what is left.
                return;
            } else {
                line = (shared.moved.wait(line)).unwrap_or_else(PoisonError::into_inner);
            }
        }
    });
}

/// Takes the result that is due, and those ready behind it.
fn take_those_ready<'a, T>(
    shared: &'a Shared<T>,
    mut line: MutexGuard<'a, Line<T>>,
    take: &Mutex<impl FnMut(T) -> bool>,
) -> MutexGuard<'a, Line<T>> {
    line.taking = true;
    while !line.over
        && let Some(result) = line.results.front_mut().and_then(Option::take)
    {
        drop(line);
        let more = (take.lock().unwrap_or_else(PoisonError::into_inner))(result);
        line = shared.line();
        line.results.pop_front();
        line.first += 1;
        line.over |= !more;
        shared.moved.notify_all();
    }
    line.taking = false;
    line
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn on<R: Send>(threads: usize, what: impl FnOnce() -> R + Send) -> R {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.build().unwrap().install(what)
    }

    /// Work that takes longer for some jobs than for others.
    fn work(job: u64) -> u64 {
        let turns = if job.is_multiple_of(7) {
            200_000
        } else {
            1_000
        };
        (0..turns).fold(job, |a, i| std::hint::black_box(a ^ i ^ i))
    }

    #[test]
    fn results_are_taken_in_order_and_all_of_them() {
        for threads in [1, 2, 7] {
            for (count, ahead) in [(0, 3), (1, 1), (100, 1), (100, 3), (100, 1_000)] {
                let mut taken = vec![];
                on(threads, || {
                    in_order(count, ahead, work, |result| {
                        taken.push(result);
                        true
                    });
                });
                assert_eq!(
                    taken,
                    Vec::from_iter(0..count),
                    "{threads}, {count}, {ahead}"
                );
            }
        }
    }

    #[test]
    fn others_play_on_but_nobody_runs_too_far_ahead() {
        let begun = AtomicU64::new(0);
        let play = |job| {
            begun.fetch_add(1, Ordering::SeqCst);
            // The first job waits for the four behind it, which do not wait for it.
            while job == 0 && begun.load(Ordering::SeqCst) < 5 {
                std::thread::yield_now();
            }
            if job == 0 {
                std::thread::sleep(std::time::Duration::from_millis(20));
                assert_eq!(begun.load(Ordering::SeqCst), 5);
            }
        };
        on(2, || in_order(200, 5, play, |()| true));
        assert_eq!(begun.into_inner(), 200);
    }

    #[test]
    fn what_is_not_wanted_any_more_is_not_played() {
        for threads in [1, 3] {
            let played = AtomicU64::new(0);
            let mut taken = 0;
            let play = |job| {
                played.fetch_add(1, Ordering::SeqCst);
                work(job)
            };
            let take = |_| {
                taken += 1;
                taken < 10
            };
            on(threads, || in_order(1_000, 4, play, take));
            assert_eq!(taken, 10);
            assert!(played.into_inner() <= 10 + 4);
        }
    }

    #[test]
    fn a_panic_ends_it_all() {
        for at in [0, 5] {
            let play = |job| if job == at { panic!("at {job}") } else { job };
            let result = std::panic::catch_unwind(|| on(3, || in_order(100, 2, play, |_| true)));
            assert!(result.is_err());
        }
    }
}
