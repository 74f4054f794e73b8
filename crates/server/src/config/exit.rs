//! Why the program ends before it has begun: help that was asked for, or one line about what is wrong.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::CommandLine;

/// The exit status of a wrong configuration (`EX_CONFIG` of sysexits.h).
const WRONG_CONFIGURATION: u8 = 78;

/// An early end.
#[derive(Debug)]
pub(crate) enum Exit {
    /// Help or the version was asked for.
    Told(String),
    /// Something is wrong, a line.
    Wrong(String),
}

impl Exit {
    /// The variable `name` is wrong.
    pub(crate) fn wrong(name: &str, what: &str) -> Self {
        Self::Wrong(format!("{name}: {what}"))
    }

    /// What the command line's reader says, by the names of variables.
    pub(crate) fn from_clap(error: &clap::Error) -> Self {
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            return Self::Told(error.render().to_string());
        }
        if error.kind() == ErrorKind::ValueValidation
            && let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        {
            let reason =
                std::error::Error::source(error).map_or("not a valid value".to_owned(), ToString::to_string);
            return Self::wrong(&variable_of(argument), &reason);
        }
        let text = error.render().to_string();
        let first = text.lines().next().unwrap_or_default();
        Self::Wrong(first.strip_prefix("error: ").unwrap_or(first).to_owned())
    }

    /// What is said.
    pub(crate) fn message(&self) -> &str {
        match self {
            Self::Told(text) | Self::Wrong(text) => text,
        }
    }

    /// Says it, and gives the program's exit status.
    pub(crate) fn report(&self) -> ExitCode {
        // Where nobody listens there is nobody to tell.
        match self {
            Self::Told(text) => {
                let _ = write!(std::io::stdout(), "{text}");
                ExitCode::SUCCESS
            }
            Self::Wrong(line) => {
                let _ = writeln!(std::io::stderr(), "brainmessenger: {line}");
                ExitCode::from(WRONG_CONFIGURATION)
            }
        }
    }
}

/// The variable of an argument that clap shows as `--listen <ADDRESS:PORT>`.
fn variable_of(shown: &str) -> String {
    let flag = shown.split_whitespace().next().unwrap_or(shown);
    let command = CommandLine::command();
    let argument = command.get_arguments().find(|argument| argument.get_long() == flag.strip_prefix("--"));
    let variable = argument.and_then(|argument| argument.get_env()).and_then(|name| name.to_str());
    variable.unwrap_or(flag).to_owned()
}
