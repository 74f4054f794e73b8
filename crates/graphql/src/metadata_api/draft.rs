//! A draft of the metadata in which commands are carried out, and the way from there to the API that is served.
//! A list of commands is one draft: all of it comes into force, or nothing, save for SQL that was run.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::http::StatusCode;
use futures::future::BoxFuture;
use serde_json::{Value as Json, json};

use super::{ApiError, Command, functions, lists, permissions, relationships, run_sql, tables};
use crate::catalog::Catalog;
use crate::engine::{Api, Keeper};
use crate::metadata::{Document, list_in, name_in};

/// How many commands a list may hold, lists in lists included.
const MAX_COMMANDS: usize = 2_000;

/// How deep lists of commands may nest.
const MAX_NESTING: usize = 4;

/// How often what depends on something that went is looked for: dependents have dependents.
const MAX_CASCADES: usize = 8;

/// A draft.
pub(crate) struct Draft<'a> {
    keeper: &'a mut Keeper,
    /// The metadata as the commands have left it.
    document: Document,
    before: Document,
    /// What is in the database after the SQL that has run.
    catalog: Option<Arc<Catalog>>,
    /// Whether SQL has run that may have changed the schema.
    sql_ran: bool,
    terms: Terms,
    commands: usize,
}

/// How what the commands have changed comes into force.
#[derive(Default)]
struct Terms {
    /// Whether everything is made anew, changed or not.
    reload: bool,
    /// Whether the metadata may name what the database does not have.
    lenient: bool,
    /// Whether what depends on something that is taken away goes, too.
    cascade: bool,
}

impl<'a> Draft<'a> {
    /// A draft of the metadata as it is.
    pub(crate) fn new(keeper: &'a mut Keeper) -> Self {
        let document = keeper.current().metadata.document.clone();
        Self {
            keeper,
            before: document.clone(),
            document,
            catalog: None,
            sql_ran: false,
            terms: Terms::default(),
            commands: 0,
        }
    }

    /// Carries out a command and puts what it has changed into force.
    pub(crate) async fn obey(mut self, command: Command) -> Result<Json, ApiError> {
        let version = self.keeper.current().resource_version;
        if command.resource_version.is_some_and(|meant| meant != version) {
            let error = format!(
                "metadata resource version referenced ({}) did not match current version",
                command.resource_version.unwrap_or_default()
            );
            return Err(ApiError::at("$", "conflict", error).with_status(StatusCode::CONFLICT));
        }
        let result = self.run(&command, 0).await;
        if result.is_err() {
            // What SQL has done stays done.
            self.document = self.before.clone();
            self.terms.lenient = true;
        }
        let changed = self.document != self.before;
        if changed || self.terms.reload || self.sql_ran {
            let finished = Box::pin(self.finish(changed, version)).await;
            metrics::counter!("graphql_reloads_total", "cause" => "command",
                "outcome" => if finished.is_ok() { "ok" } else { "failed" })
            .increment(1);
            return result.and_then(|answer| finished.map(|()| self.answered(&command, answer)));
        }
        result
    }

    /// Carries out one command in the draft, and gives its answer.
    fn run<'b>(&'b mut self, command: &'b Command, nesting: usize) -> BoxFuture<'b, Result<Json, ApiError>> {
        Box::pin(async move {
            self.commands += 1;
            if self.commands > MAX_COMMANDS || nesting > MAX_NESTING {
                let error = format!("more than {MAX_COMMANDS} commands, or lists nested too deep");
                return Err(ApiError::new("bad-request", error));
            }
            match command.name() {
                "bulk" | "bulk_atomic" => self.bulk(command, nesting).await,
                "bulk_keep_going" => self.bulk_keep_going(command, nesting).await,
                "run_sql" => {
                    // Commands after it count on what it does.
                    self.catalog = None;
                    self.sql_ran |= !command.is_on("read_only");
                    run_sql::run(self.keeper.pool(), command).await
                }
                "track_table" | "add_existing_table_or_view" => {
                    let catalog = self.catalog().await?;
                    tables::track(&mut self.document, &catalog, command)
                }
                "track_function" => {
                    let catalog = self.catalog().await?;
                    functions::track(&mut self.document, &catalog, command)
                }
                _ => self.edit(command),
            }
        })
    }

    /// Commands that need neither the database nor other commands.
    fn edit(&mut self, command: &Command) -> Result<Json, ApiError> {
        match command.name() {
            "export_metadata" => Ok(self.export(command.version)),
            "get_inconsistent_metadata" => Ok(report(&self.keeper.current().inconsistencies)),
            "replace_metadata" => self.replace(command),
            "clear_metadata" => {
                self.document = Document::default();
                self.terms.lenient = true;
                Ok(success())
            }
            "reload_metadata" => {
                self.terms.reload = true;
                self.terms.lenient = true;
                Ok(success())
            }
            "drop_inconsistent_metadata" => {
                let sentences = self.keeper.current().inconsistencies.clone();
                drop_named(&mut self.document, &sentences);
                self.terms.lenient = true;
                Ok(success())
            }
            "untrack_table" | "untrack_function" | "drop_relationship" => {
                self.terms.cascade |= command.is_on("cascade");
                tables::edit(&mut self.document, command)
                    .or_else(|| functions::edit(&mut self.document, command))
                    .or_else(|| relationships::edit(&mut self.document, command))
                    .unwrap_or_else(|| Err(unknown(command)))
            }
            _ => tables::edit(&mut self.document, command)
                .or_else(|| relationships::edit(&mut self.document, command))
                .or_else(|| permissions::edit(&mut self.document, command))
                .or_else(|| functions::edit(&mut self.document, command))
                .or_else(|| lists::edit(&mut self.document, command))
                .unwrap_or_else(|| Err(unknown(command))),
        }
    }

    async fn bulk(&mut self, command: &Command, nesting: usize) -> Result<Json, ApiError> {
        let commands: Vec<Command> = command.parse()?;
        let mut answers = Vec::with_capacity(commands.len());
        for (place, command) in commands.iter().enumerate() {
            answers.push(self.run(command, nesting + 1).await.map_err(|error| error.below(place))?);
        }
        Ok(Json::Array(answers))
    }

    /// What fails in it is told in its place, and the others go on.
    async fn bulk_keep_going(&mut self, command: &Command, nesting: usize) -> Result<Json, ApiError> {
        let commands: Vec<Command> = command.parse()?;
        let mut answers = Vec::with_capacity(commands.len());
        for (place, command) in commands.iter().enumerate() {
            let kept = self.document.clone();
            let answer = self.run(command, nesting + 1).await;
            answers.push(answer.unwrap_or_else(|error| {
                self.document = kept;
                json!(error.below(place))
            }));
        }
        Ok(Json::Array(answers))
    }

    fn replace(&mut self, command: &Command) -> Result<Json, ApiError> {
        let args = command.object()?;
        let (metadata, lenient) = match args.get("metadata") {
            Some(metadata) => (metadata.clone(), command.is_on("allow_inconsistent_metadata")),
            None => (command.args.clone(), false),
        };
        let document = Document::new(metadata)?;
        // Read once here, so that what is wrong is told as this command's.
        document.metadata()?;
        self.document = document;
        self.terms.lenient |= lenient;
        self.terms.reload = true;
        Ok(success())
    }

    fn export(&self, version: u64) -> Json {
        let metadata = self.document.to_json();
        if version < 2 {
            return metadata;
        }
        json!({"resource_version": self.keeper.current().resource_version, "metadata": metadata})
    }

    /// The database as it is for this command.
    async fn catalog(&mut self) -> Result<Arc<Catalog>, ApiError> {
        if !self.sql_ran {
            return Ok(self.keeper.current().catalog.clone());
        }
        let known = match self.catalog.take() {
            Some(known) => known,
            None => self.keeper.read_catalog().await?,
        };
        Ok(self.catalog.insert(known).clone())
    }

    /// Makes the API of the draft and puts it in place.
    async fn finish(&mut self, changed: bool, version: u64) -> Result<(), ApiError> {
        if !changed && !self.terms.reload && !self.keeper.has_changed().await? {
            return Ok(());
        }
        let mut api = self.make(version + u64::from(changed)).await?;
        let known: BTreeSet<String> = self.keeper.current().inconsistencies.iter().cloned().collect();
        for _ in 0..MAX_CASCADES {
            let new: Vec<_> =
                api.inconsistencies.iter().filter(|sentence| !known.contains(*sentence)).collect();
            if new.is_empty() || !changed || self.terms.lenient {
                break;
            }
            let new: Vec<String> = new.into_iter().cloned().collect();
            if !self.terms.cascade || !drop_named(&mut self.document, &new) {
                return Err(inconsistent(&new));
            }
            api = self.make(version + 1).await?;
        }
        Ok(Box::pin(self.keeper.put(api)).await?)
    }

    async fn make(&self, version: u64) -> Result<Arc<Api>, ApiError> {
        Ok(self.keeper.make(self.document.metadata()?, version).await?)
    }

    /// The answers that tell how consistent what was put in place is.
    fn answered(&self, command: &Command, answer: Json) -> Json {
        let mut report = report(&self.keeper.current().inconsistencies);
        match command.name() {
            "reload_metadata" | "drop_inconsistent_metadata" => {
                report["message"] = Json::from("success");
                report
            }
            "replace_metadata" if command.args.get("metadata").is_some() => report,
            _ => answer,
        }
    }
}

/// The answer of a command that has nothing else to say.
pub(super) fn success() -> Json {
    json!({"message": "success"})
}

fn unknown(command: &Command) -> ApiError {
    ApiError::at("$.type", "parse-failed", format!("unknown metadata command {:?}", command.kind))
}

/// What the database contradicts, as `get_inconsistent_metadata` tells it.
fn report(sentences: &[String]) -> Json {
    json!({"is_consistent": sentences.is_empty(), "inconsistent_objects": objects(sentences)})
}

fn objects(sentences: &[String]) -> Vec<Json> {
    let object = |sentence: &String| {
        let (name, reason) = sentence.split_once(": ").unwrap_or((sentence, ""));
        let kind = name.split(' ').next().unwrap_or_default();
        json!({"type": kind, "name": name, "reason": format!("Inconsistent object: {reason}")})
    };
    sentences.iter().map(object).collect()
}

fn inconsistent(new: &[String]) -> ApiError {
    let error = match new {
        [one] => one.clone(),
        _ => "cannot continue due to new inconsistent metadata".to_owned(),
    };
    ApiError::new("constraint-error", error).with_internal(Json::Array(objects(new)))
}

/// Takes away the tables, functions and relationships that `sentences` are about; says whether there were any.
fn drop_named(document: &mut Document, sentences: &[String]) -> bool {
    let is_about = |subject: &str| {
        sentences
            .iter()
            .any(|sentence| sentence.strip_prefix(subject).is_some_and(|rest| rest.starts_with(':')))
    };
    let mut dropped = false;
    let Some(sources) = document.list_mut("sources") else { return false };
    for source in sources.iter_mut().filter_map(Json::as_object_mut) {
        for (list, key) in [("tables", "table"), ("functions", "function")] {
            let Some(entries) = list_in(source, list) else { continue };
            entries.retain(|entry| {
                let gone = name_in(entry, key).is_some_and(|name| is_about(&format!("{key} {name}")));
                dropped |= gone;
                !gone
            });
            for entry in entries.iter_mut() {
                let Some(name) = name_in(entry, key) else { continue };
                let Some(entry) = entry.as_object_mut() else { continue };
                for list in ["object_relationships", "array_relationships"] {
                    let Some(Json::Array(relationships)) = entry.get_mut(list) else { continue };
                    relationships.retain(|relationship| {
                        let own = relationship.get("name").and_then(Json::as_str).unwrap_or_default();
                        let gone = is_about(&format!("relationship {own} of table {name}"));
                        dropped |= gone;
                        !gone
                    });
                }
            }
        }
    }
    dropped
}
