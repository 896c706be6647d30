//! Where the progress of a run goes: drawn in place on a terminal, else a line a second.

use super::frame::Frame;
use std::{
    io::{self, IsTerminal as _, Write},
    time::Duration,
};

/// Without line wrap a narrow terminal cuts lines instead of breaking the drawing.
const BEGIN: &str = "\x1b[?25l\x1b[?7l";
const END: &str = "\x1b[?7h\x1b[?25h";
const CLEAR_LINE_END: &str = "\x1b[K";
const CLEAR_BELOW: &str = "\x1b[J";
/// Rows of a terminal that does not tell.
const ROWS: usize = 24;

/// Shows a run while it goes on.
pub(super) enum View {
    /// Redrawn in place.
    Screen(Screen<io::Stdout>),
    /// One line after the other.
    Lines(Box<dyn Write>),
}

impl View {
    /// A drawing when standard output is a terminal, else lines; lines to standard error when
    /// standard output is for `json`.
    pub(super) fn new(json: bool) -> io::Result<Self> {
        Ok(match json {
            true => Self::Lines(Box::new(io::stderr())),
            false if io::stdout().is_terminal() => Self::Screen(Screen::begin(io::stdout())?),
            false => Self::Lines(Box::new(io::stdout())),
        })
    }

    /// Time between two frames.
    pub(super) fn period(&self) -> Duration {
        match self {
            Self::Screen(_) => Duration::from_millis(500),
            Self::Lines(_) => Duration::from_secs(1),
        }
    }

    /// Shows a frame.
    ///
    /// # Errors
    /// When the output is closed.
    pub(super) fn show(&mut self, frame: &Frame) -> io::Result<()> {
        match self {
            Self::Screen(screen) => screen.draw(&frame.lines(), terminal_rows()),
            Self::Lines(out) => writeln!(out, "{}", frame.line()),
        }
    }

    /// Tells of something that happened.
    ///
    /// # Errors
    /// When the output is closed.
    pub(super) fn tell(&mut self, at: Duration, text: &str) -> io::Result<()> {
        let text = format!("{:>5.1} s  {text}", at.as_secs_f64());
        match self {
            Self::Screen(screen) => {
                screen.notes.push(text);
                Ok(())
            }
            Self::Lines(out) => writeln!(out, "{text}"),
        }
    }
}

/// A drawing at the end of what a terminal shows. Dropping it gives the terminal back.
pub(super) struct Screen<W: Write> {
    out: W,
    /// Shown below every frame; one for each scene.
    notes: Vec<String>,
    /// Lines drawn last time.
    drawn: usize,
}

impl<W: Write> Screen<W> {
    fn begin(mut out: W) -> io::Result<Self> {
        write!(out, "{BEGIN}")?;
        Ok(Self {
            out,
            notes: Vec::new(),
            drawn: 0,
        })
    }

    /// Draws over what was drawn before, at most as many lines as the cursor can go up again.
    fn draw(&mut self, lines: &[String], rows: usize) -> io::Result<()> {
        let mut text = match self.drawn {
            0 => String::new(),
            drawn => format!("\x1b[{drawn}A\r"),
        };
        let blank = String::new();
        let notes = self.notes.iter().map(|note| note.replace('\n', " "));
        let lines = lines.iter().chain([&blank]).cloned().chain(notes);
        self.drawn = 0;
        for line in lines.take(rows.saturating_sub(1)) {
            text.extend([line.as_str(), CLEAR_LINE_END, "\n"]);
            self.drawn += 1;
        }
        text.push_str(CLEAR_BELOW);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Screen<W> {
    fn drop(&mut self) {
        // A closed terminal needs nothing back.
        write!(self.out, "{END}")
            .and_then(|()| self.out.flush())
            .ok();
    }
}

fn terminal_rows() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout());
    size.map_or(ROWS, |size| usize::from(size.ws_row)).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(act: impl FnOnce(&mut Screen<&mut Vec<u8>>)) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::begin(&mut out).unwrap();
        act(&mut screen);
        drop(screen);
        String::from_utf8(out).unwrap()
    }

    fn lines(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("line {number}")).collect()
    }

    #[test]
    fn the_terminal_is_given_back_even_before_the_first_frame() {
        assert_eq!(drawn(|_| ()), format!("{BEGIN}{END}"));
    }

    #[test]
    fn a_frame_is_drawn_over_the_one_before() {
        let text = drawn(|screen| {
            screen.draw(&lines(3), 24).unwrap();
            screen.draw(&lines(3), 24).unwrap();
        });
        assert!(
            text.contains("\x1b[4A\r"),
            "three lines and the blank one: {text:?}"
        );
        assert!(text.ends_with(END));
    }

    #[test]
    fn a_low_terminal_gets_no_more_lines_than_it_has() {
        let text = drawn(|screen| screen.draw(&lines(50), 10).unwrap());
        assert_eq!(text.matches('\n').count(), 9);
    }

    #[test]
    fn notes_stay_below_the_frames() {
        let text = drawn(|screen| {
            screen.notes.push("model\nreloaded".to_owned());
            screen.draw(&lines(1), 24).unwrap();
        });
        assert!(text.contains("model reloaded"), "{text:?}");
    }
}
