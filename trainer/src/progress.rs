//! Progress on stderr: a bar where stderr is a terminal, lines everywhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Tells how far a run is.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    silent: bool,
}

impl Progress {
    /// On stderr.
    pub fn visible() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg:32} {wide_bar} {pos}/{len} {elapsed}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self { bar, silent: false }
    }

    /// Nowhere, for tests.
    pub fn silent() -> Self {
        Self {
            bar: ProgressBar::hidden(),
            silent: true,
        }
    }

    /// Begins a stage of so many steps.
    pub fn stage(&self, name: &str, steps: usize) -> &ProgressBar {
        self.bar.reset();
        self.bar.set_length(steps as u64);
        self.bar.set_message(name.to_owned());
        &self.bar
    }

    /// Prints a line above the bar.
    pub fn line(&self, text: &str) {
        if self.silent {
            return;
        }
        if self.bar.is_hidden() {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
