//! What a person sees while runs go on, and how they stop them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::experiment::Progress;

use super::terminal;

static STOP: AtomicBool = AtomicBool::new(false);
static HANDLER: OnceLock<bool> = OnceLock::new();

/// A bar on stderr if a person watches, and Ctrl-C.
pub struct Watch {
    bar: ProgressBar,
}

impl Watch {
    /// Begins to watch for Ctrl-C, and draws unless `quiet`.
    pub fn new(quiet: bool) -> Watch {
        // Where no handler can be set, Ctrl-C ends the process at once: nothing is half-written
        // then either, because files are put in place whole.
        HANDLER.get_or_init(|| {
            ctrlc::set_handler(|| {
                if STOP.swap(true, Ordering::Relaxed) {
                    // The second time somebody is in a hurry.
                    std::process::exit(super::Exit::Interrupted as i32);
                }
            })
            .is_ok()
        });
        let bar = ProgressBar::new(0);
        let style =
            ProgressStyle::with_template("{bar:32} {pos}/{len} runs, {elapsed} gone, {eta} left");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        if quiet || !terminal::is_watched() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            // What is left grows while a run takes longer than those before it.
            bar.enable_steady_tick(Duration::from_secs(1));
        }
        Watch { bar }
    }

    /// Whether Ctrl-C was pressed.
    pub fn stopped() -> bool {
        STOP.load(Ordering::Relaxed)
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Watch {
    fn runs(&self, done: u64, all: u64) {
        self.bar.set_length(all);
        self.bar.set_position(done.max(self.bar.position()));
    }

    fn stop(&self) -> bool {
        Watch::stopped()
    }
}
