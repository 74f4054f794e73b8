//! What a statement may be made of, whatever the document was: words of the program, names of the catalog, `$n`,
//! numbers, and string constants of words and JSON's punctuation. Anything else came from outside.

use base::session::Session;
use graphql::plan::{Document, plan};
use graphql::schema::RoleSchema;
use graphql::sql::{InsertSteps, Statement, Statements, WriteStatements, shared, statements};
use serde_json::{Map, Value};

use super::library::Library;

/// Every word that the engine writes outside of quotes.
const WORDS: &[&str] = &[
    "all",
    "and",
    "any",
    "array_agg",
    "as",
    "asc",
    "avg",
    "bool_and",
    "bool_or",
    "by",
    "case",
    "coalesce",
    "concat",
    "conflict",
    "constraint",
    "count",
    "default",
    "delete",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "excluded",
    "exists",
    "false",
    "first",
    "from",
    "given",
    "id",
    "ilike",
    "insert",
    "integer",
    "into",
    "is",
    "join",
    "last",
    "lateral",
    "least",
    "left",
    "like",
    "limit",
    "materialized",
    "max",
    "min",
    "not",
    "nothing",
    "null",
    "nulls",
    "offset",
    "on",
    "or",
    "order",
    "ordinality",
    "over",
    "pg_catalog",
    "pg_current_snapshot",
    "pg_visible_in_snapshot",
    "placed",
    "request",
    "returning",
    "row",
    "row_number",
    "select",
    "set",
    "similar",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "text",
    "then",
    "to",
    "to_json",
    "true",
    "unnest",
    "update",
    "values",
    "var_pop",
    "var_samp",
    "variance",
    "when",
    "where",
    "with",
    "woken",
    "written",
    "xmax",
];

/// Plans a document and judges the statements that it becomes. A document that is refused is fine.
///
/// # Errors
///
/// The statement, and what in it came from outside.
pub(crate) fn judge(
    (schema, session): (&RoleSchema, &Session),
    text: &str,
    variables: &Map<String, Value>,
) -> Result<bool, String> {
    let Ok(document) = Document::parse(text) else { return Ok(false) };
    let Ok(plan) = plan(schema, &document, None, variables, session) else { return Ok(false) };
    match &statements(&plan) {
        Statements::Known(answer) => {
            serde_json::from_str::<Value>(answer).map_err(|error| format!("no JSON ({error}): {answer}"))?;
        }
        Statements::Read(one)
        | Statements::ReadRows(one, _)
        | Statements::Live(one)
        | Statements::Stream(one) => judge_statement(one)?,
        Statements::Write(fields) => fields.iter().try_for_each(|field| judge_write(&field.run))?,
    }
    if let Some(shared) = shared(&plan) {
        judge_text(&shared.write.sql, shared.write.values.len())?;
        // Behind the requests' values it takes the rows.
        shared.read.map_or(Ok(()), |read| judge_text(&read.sql, read.values.len() + 1))?;
    }
    Ok(true)
}

fn judge_write(run: &WriteStatements) -> Result<(), String> {
    match run {
        WriteStatements::Fixed(_) => Ok(()),
        WriteStatements::Alone(statement) => judge_statement(statement),
        WriteStatements::ThenRead(write, read) => {
            judge_statement(write)?;
            judge_statement(read)
        }
        WriteStatements::Nested(steps, read) => {
            judge_steps(steps)?;
            judge_statement(read)
        }
        WriteStatements::Each(writes) => writes.iter().try_for_each(judge_write),
    }
}

fn judge_steps(steps: &InsertSteps) -> Result<(), String> {
    for step in &steps.steps {
        step.before.iter().try_for_each(judge_steps)?;
        judge_statement(&step.statement)?;
        step.after.iter().try_for_each(|(after, _)| judge_steps(after))?;
    }
    Ok(())
}

fn judge_statement(statement: &Statement) -> Result<(), String> {
    judge_text(&statement.sql, statement.parameters.len())
}

fn judge_text(sql: &str, parameters: usize) -> Result<(), String> {
    let mut tokens = Tokens { rest: sql, parameters, open: 0 };
    while !tokens.rest.is_empty() {
        tokens.next().map_err(|what| format!("{what} in {sql}"))?;
    }
    if tokens.open == 0 { Ok(()) } else { Err(format!("parentheses do not match in {sql}")) }
}

/// What is left of a statement (PostgreSQL, section 4.1, with `standard_conforming_strings`).
struct Tokens<'a> {
    rest: &'a str,
    parameters: usize,
    open: i64,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<(), String> {
        let Some(first) = self.rest.chars().next() else { return Ok(()) };
        match first {
            '\'' => self.constant(),
            '"' => self.identifier(),
            '$' => {
                self.rest = &self.rest[1..];
                let digits = self.take(|character| character.is_ascii_digit());
                let known = digits.parse().is_ok_and(|number: usize| (1..=self.parameters).contains(&number));
                if known { Ok(()) } else { Err(format!("parameter ${digits}")) }
            }
            '0'..='9' => {
                self.take(|character| character.is_ascii_digit());
                Ok(())
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let word = self.take(|character| character.is_ascii_alphanumeric() || character == '_');
                let alias =
                    word.strip_prefix(['t', 'p']).is_some_and(|number| number.parse::<usize>().is_ok());
                if alias || WORDS.contains(&word) { Ok(()) } else { Err(format!("the word {word}")) }
            }
            '-' | '/' if self.rest.starts_with("--") || self.rest.starts_with("/*") => {
                Err("a comment".to_owned())
            }
            '(' | ')' => {
                self.open += if first == '(' { 1 } else { -1 };
                self.rest = &self.rest[1..];
                if self.open < 0 { Err("a parenthesis too many".to_owned()) } else { Ok(()) }
            }
            ' ' | ',' | '.' | ':' | '=' | '<' | '>' | '[' | ']' | '*' | '+' | '-' | '|' | '#' | '@' | '~'
            | '!' | '?' => {
                self.rest = &self.rest[1..];
                Ok(())
            }
            other => Err(format!("the character {other:?}")),
        }
    }

    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !belongs(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// The inside of quotes; a doubled quote stands for one.
    fn quoted(&mut self, quote: char) -> Result<String, String> {
        let mut inside = String::new();
        let mut characters = self.rest[1..].char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character != quote {
                inside.push(character);
            } else if characters.next_if(|(_, next)| *next == quote).is_some() {
                inside.push(quote);
            } else {
                self.rest = &self.rest[at + 2..];
                return Ok(inside);
            }
        }
        Err(format!("an open {quote}"))
    }

    fn identifier(&mut self) -> Result<(), String> {
        let name = self.quoted('"')?;
        if Library::has_name(&name) { Ok(()) } else { Err(format!("the name {name:?}")) }
    }

    fn constant(&mut self) -> Result<(), String> {
        let text = self.quoted('\'')?;
        let harmless = |character: char| character.is_ascii_alphanumeric() || "_{}[]:,\"".contains(character);
        if text == "permission check failed" || text.chars().all(harmless) {
            return Ok(());
        }
        Err(format!("the constant {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Tokens;

    fn judged(sql: &str) -> Result<(), String> {
        let mut tokens = Tokens { rest: sql, parameters: 1, open: 0 };
        while !tokens.rest.is_empty() {
            tokens.next()?;
        }
        Ok(())
    }

    #[test]
    fn what_came_from_outside_is_found() {
        judged("select concat('{\"a\":', $1) from \"public\".\"we\"\"ird\" t0 where (t0.\"id\" <> 3)")
            .unwrap();
        for sql in
            ["drop", "'it''s'", "\"passwords\"", "$2", "select -- x", "/* */", "select ;", "\"id", "a)"]
        {
            assert!(judged(sql).is_err(), "{sql}");
        }
    }
}
