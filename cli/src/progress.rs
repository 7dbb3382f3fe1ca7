//! How far a download is.

use indicatif::{ProgressBar, ProgressStyle};

const WITH_END: &str =
    "{decimal_bytes} of {decimal_total_bytes} {wide_bar} {decimal_bytes_per_sec}";

/// A bar on standard error, where that is a terminal. It is gone when this is.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self {
            bar: ProgressBar::no_length(),
        }
    }

    /// What a download calls with the bytes that are there, and with how many there will be.
    pub(crate) fn shown(&self) -> impl FnMut(u64, Option<u64>) + Send + use<> {
        let bar = self.bar.clone();
        // Of an unknown end only what is there is told.
        style(&bar, "{decimal_bytes} {decimal_bytes_per_sec}");
        move |done, of| {
            if let Some(of) = of
                && bar.length() != Some(of)
            {
                style(&bar, WITH_END);
                bar.set_length(of);
            }
            bar.set_position(done);
        }
    }
}

fn style(bar: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
