//! The binary `brainmessenger`: reads the configuration, wires the parts together, serves, and stops in order.
//!
//! `config` alone reads the environment; `start` alone knows all parts; everything else is a route or a command.

mod assets;
mod beside;
mod config;
mod cors;
mod engine_alone;
mod files;
mod graphiql;
mod health;
mod keys;
mod listener;
mod metrics;
mod people;
mod project_files;
mod routes;
mod schema_file;
mod serve;
mod storage;

use std::io::Write;
use std::process::ExitCode;

use config::{Command, CommandLine};

/// Half of what a request costs beside the system's own calls is small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let command_line = match CommandLine::read() {
        Ok(command_line) => command_line,
        Err(exit) => return exit.report(),
    };
    match run(command_line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The whole chain in one line: what failed, and why.
            let _ = writeln!(std::io::stderr(), "brainmessenger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command_line: CommandLine) -> anyhow::Result<()> {
    match command_line.command.unwrap_or(Command::Serve) {
        Command::Serve => runtime()?.block_on(Box::pin(serve::serve(command_line.config))),
        Command::Engine(engine) => {
            let log = engine.log_level.as_ref().unwrap_or(&command_line.config.server.log);
            serve::prepare_process(log)?;
            runtime()?.block_on(Box::pin(engine_alone::serve(*engine)))
        }
        Command::Keys { command } => keys::run(&command_line.config, &command),
        Command::People { command } => {
            serve::prepare_process(&command_line.config.server.log)?;
            runtime()?.block_on(Box::pin(people::run(&command_line.config, &command)))
        }
        Command::Storage { command } => {
            serve::prepare_process(&command_line.config.server.log)?;
            runtime()?.block_on(Box::pin(storage::run(&command_line.config, &command)))
        }
        Command::Schema => Ok(std::io::stdout().write_all(schema_file::text()?.as_bytes())?),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
