//! The typed SQL writer. Text reaches a statement by these ways alone: a literal of the program, a quoted
//! identifier, a parameter, a number, and a [`Word`], which has nothing in it that could end a string.
//!
//! Must not: take a `&str` from anywhere else. There is no method for it.

use std::fmt::Write;

/// A name of letters, digits and `_` only, as GraphQL's names are: safe inside a string constant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word(Box<str>);

impl Word {
    /// The word in `text`, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        let good = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        good.then(|| Self(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A statement in the making: its text, and its parameters in the order of their numbers.
#[derive(Clone, Debug)]
pub struct SqlWriter<P> {
    text: String,
    parameters: Vec<P>,
}

impl<P> Default for SqlWriter<P> {
    fn default() -> Self {
        Self { text: String::new(), parameters: Vec::new() }
    }
}

impl<P: PartialEq> SqlWriter<P> {
    /// An empty statement.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a piece of SQL that stands in the program's source.
    pub fn literal(&mut self, sql: &'static str) -> &mut Self {
        self.text.push_str(sql);
        self
    }

    /// Adds a quoted identifier (PostgreSQL, section 4.1.1).
    pub fn identifier(&mut self, name: &str) -> &mut Self {
        self.text.push('"');
        for character in name.chars() {
            if character == '"' {
                self.text.push('"');
            }
            self.text.push(character);
        }
        self.text.push('"');
        self
    }

    /// Adds `"schema"."name"`.
    pub fn qualified(&mut self, schema: &str, name: &str) -> &mut Self {
        self.identifier(schema).literal(".").identifier(name)
    }

    /// Adds `$n` for `parameter`; an equal one that is there already keeps its number.
    pub fn parameter(&mut self, parameter: P) -> &mut Self {
        let known = self.parameters.iter().position(|other| *other == parameter);
        let index = known.unwrap_or_else(|| {
            self.parameters.push(parameter);
            self.parameters.len() - 1
        });
        self.literal("$").number(index + 1)
    }

    /// Adds a number in decimal digits.
    pub fn number(&mut self, number: usize) -> &mut Self {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{number}");
        self
    }

    /// Adds a word without quotes: inside a string constant that literals around it open and close.
    pub fn word(&mut self, word: &Word) -> &mut Self {
        self.text.push_str(&word.0);
        self
    }

    /// The finished text and its parameters.
    pub fn finish(self) -> (String, Vec<P>) {
        (self.text, self.parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_cannot_end_their_quotes() {
        let mut sql = SqlWriter::<u8>::new();
        sql.literal("select ").qualified("a\"b", "c\"; drop table x; --");
        assert_eq!(sql.finish().0, r#"select "a""b"."c""; drop table x; --""#);
    }

    #[test]
    fn an_equal_parameter_keeps_its_number() {
        let mut sql = SqlWriter::new();
        sql.parameter("a").literal(" ").parameter("b").literal(" ").parameter("a");
        assert_eq!(sql.finish(), ("$1 $2 $1".to_owned(), vec!["a", "b"]));
    }

    #[test]
    fn a_word_has_no_quote_in_it() {
        assert!(Word::new("createdAt_1").is_some());
        for text in ["", "a'b", "a b", "é", "a\\"] {
            assert_eq!(Word::new(text), None, "{text}");
        }
    }
}
