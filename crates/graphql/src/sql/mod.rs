//! From a plan to SQL: one statement for a query, one for each root field of a mutation (and one to read after
//! it, where the answer shows other tables). The statement returns the answer's JSON as one text.
//!
//! Pure. Next: [`crate::execute`] binds and runs it.

mod aggregate;
mod answer;
mod filter;
mod insert;
mod rows;
mod select;
mod shared;
mod stream;
mod update;

use std::sync::Arc;

use db::sql::{SqlWriter, Word};

use crate::catalog::{PgType, TypeKind};
use crate::expression::Value;
use crate::plan::{Action, Operation, Plan, RootPlan};
use crate::rows::RowsAnswer;

pub use shared::{SharedInsert, SharedStatement};

/// A statement with its parameters, which have yet to get their values.
#[derive(Debug)]
pub struct Statement {
    /// The text.
    pub sql: Arc<str>,
    /// What each `$n` stands for.
    pub parameters: Vec<Value>,
}

/// A plan as statements.
#[derive(Debug)]
pub enum Statements {
    /// None: the answer is known.
    Known(String),
    /// One statement, whose one row has the whole answer.
    Read(Statement),
    /// One statement, of whose rows the answer is written here.
    ReadRows(Statement, RowsAnswer),
    /// As [`Statements::Read`], with a second column: whether the transactions that woke the query are visible to it.
    Live(Statement),
    /// The same, with a third column: how many rows the batch has, and behind it where the stream stands after it.
    Stream(Statement),
    /// Root fields, to be run one after another.
    Write(Vec<WriteField>),
}

/// The form of a plan's write in which requests of several callers are one statement, where there is one.
pub fn shared(plan: &Plan) -> Option<SharedInsert> {
    if plan.operation == Operation::Mutation { shared::shared(plan) } else { None }
}

/// A root field of a mutation.
#[derive(Debug)]
pub struct WriteField {
    /// Its key in the answer.
    pub key: Word,
    /// Where it stands in the request, for errors.
    pub path: String,
    /// Where what it writes stands in the request, for errors.
    pub write_path: String,
    /// What is to be run.
    pub run: WriteStatements,
}

/// How a root field of a mutation gets its answer.
#[derive(Debug)]
pub enum WriteStatements {
    /// It is known already.
    Fixed(Word),
    /// From the statement that writes: one row, with the answer.
    Alone(Statement),
    /// From a second one, which shows what the first has written: the first returns the rows.
    ThenRead(Statement, Statement),
    /// From statements that insert one after another, and one that shows what they have written.
    Nested(InsertSteps, Statement),
    /// From several writes: a list of their answers.
    Each(Vec<WriteStatements>),
}

/// The insertion of rows into one table, along with rows that belong to them.
#[derive(Debug)]
pub struct InsertSteps {
    /// The table's name in the API, for errors.
    pub table: String,
    /// Where the rows stand in the request, for errors.
    pub at: String,
    /// The steps, one after another.
    pub steps: Vec<InsertStep>,
}

/// One statement that inserts, with what must come before and after it.
#[derive(Debug)]
pub struct InsertStep {
    /// Rows to which this one refers.
    pub before: Vec<InsertSteps>,
    /// The insertion. It returns for each row: an empty text, the row, and the columns that others take.
    pub statement: Statement,
    /// Rows that refer to this one, with the places of what they take among the columns returned.
    pub after: Vec<(InsertSteps, Vec<usize>)>,
}

/// Writes a plan as SQL.
pub fn statements(plan: &Plan) -> Statements {
    match plan.operation {
        Operation::Query => match known(plan) {
            Some(answer) => Statements::Known(answer),
            None => match rows::document(&plan.fields) {
                Some((statement, answer)) => Statements::ReadRows(statement, answer),
                None => Statements::Read(select::document(&plan.fields)),
            },
        },
        Operation::Subscription => match plan.fields.as_slice() {
            [RootPlan { key, action: Action::Stream(stream), .. }] => {
                Statements::Stream(stream::document(key, stream))
            }
            fields => Statements::Live(select::live_document(fields)),
        },
        Operation::Mutation => Statements::Write(
            plan.fields
                .iter()
                .map(|field| WriteField {
                    key: field.key.clone(),
                    path: field.path.clone(),
                    write_path: write_path(&field.action),
                    run: answer::statements(&field.action),
                })
                .collect(),
        ),
    }
}

/// The answer of a plan that asks the database for nothing.
fn known(plan: &Plan) -> Option<String> {
    let entries: Option<Vec<String>> = plan.fields.iter().map(known_entry).collect();
    entries.map(|entries| format!("{{{}}}", entries.join(",")))
}

/// The entry of a root field that asks the database for nothing.
fn known_entry(field: &RootPlan) -> Option<String> {
    let key = field.key.as_str();
    match &field.action {
        Action::Typename(name) => Some(format!("\"{key}\":\"{}\"", name.as_str())),
        Action::Introspection(json) => Some(format!("\"{key}\":{json}")),
        _ => None,
    }
}

fn write_path(action: &Action) -> String {
    match action {
        Action::Insert(insert, _) => insert.at.clone(),
        _ => "$".to_owned(),
    }
}

/// A statement in the making, with the numbers of its aliases.
struct Writer {
    sql: SqlWriter<Value>,
    next_alias: usize,
    /// Whether this statement shows what earlier ones wrote, rather than what it writes itself.
    shows_written_rows: bool,
    /// Where it is made for several requests: their values, which then are columns and not parameters.
    requests: Option<shared::Requests>,
}

/// A row's name in a statement: `t0`, `t1`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Alias(usize);

impl Writer {
    fn new() -> Self {
        Self { sql: SqlWriter::new(), next_alias: 0, shows_written_rows: false, requests: None }
    }

    fn finish(self) -> Statement {
        let (sql, parameters) = self.sql.finish();
        Statement { sql: sql.into(), parameters }
    }

    fn literal(&mut self, sql: &'static str) -> &mut Self {
        self.sql.literal(sql);
        self
    }

    fn new_alias(&mut self) -> Alias {
        let alias = Alias(self.next_alias);
        self.next_alias += 1;
        alias
    }

    fn alias(&mut self, alias: Alias) -> &mut Self {
        self.sql.literal("t").number(alias.0);
        self
    }

    fn column(&mut self, alias: Alias, name: &str) -> &mut Self {
        self.alias(alias).sql.literal(".").identifier(name);
        self
    }

    /// `($n)::type`, or where the statement is made for several requests the column that holds it.
    fn value(&mut self, value: &Value) -> &mut Self {
        if self.request_value(value) {
            return self;
        }
        self.parameter(value)
    }

    /// `($n)::type`: the cast tells PostgreSQL what the parameter's text is.
    fn parameter(&mut self, value: &Value) -> &mut Self {
        self.sql.literal("(").parameter(value.clone()).literal(")");
        self.cast(value)
    }

    fn cast(&mut self, value: &Value) -> &mut Self {
        self.literal("::").ty(value.ty.base());
        if value.list {
            self.sql.literal("[]");
        }
        self
    }

    fn ty(&mut self, ty: &Arc<PgType>) {
        match &ty.kind {
            // An array type's own name is an internal one.
            TypeKind::Array(element) => {
                self.ty(element);
                self.sql.literal("[]");
            }
            _ => {
                self.sql.qualified(&ty.schema, &ty.name);
            }
        }
    }

    /// Runs `item` for each, with `between` in between.
    fn separated<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        between: &'static str,
        mut item: impl FnMut(&mut Self, T),
    ) {
        for (index, each) in items.into_iter().enumerate() {
            if index > 0 {
                self.literal(between);
            }
            item(self, each);
        }
    }
}
