//! Hostile documents: whatever is asked, the engine neither panics nor writes SQL that is not its own. No database.

mod document;
mod library;
mod statement;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::tape::Tape;
use library::Library;

/// So many times the usual number of cases, which is 256 or what `PROPTEST_CASES` says.
fn cases(times: u32) -> Config {
    let usual = Config::default();
    Config { cases: usual.cases * times, failure_persistence: None, ..usual }
}

#[test]
fn statements_are_made_of_the_programs_own_words() {
    let library = Library::new();
    let mut runner = TestRunner::new(cases(16));
    let planned = std::cell::Cell::new(0_u32);
    let tried = std::cell::Cell::new(0_u32);
    let outcome = runner.run(&proptest::collection::vec(any::<u8>(), 0..400), |bytes| {
        let mut tape = Tape::new(&bytes);
        let role = library.role(if tape.chance(20) { tape.byte() } else { 1 });
        let case = document::case(&mut tape);
        tried.set(tried.get() + 1);
        let judged = statement::judge(role, &case.text, &case.variables);
        let judged = judged.map_err(|fault| TestCaseError::fail(format!("{fault}\n{case:#?}")))?;
        planned.set(planned.get() + u32::from(judged));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(planned.get() * 5 > tried.get(), "only {} of {} documents were good", planned.get(), tried.get());
}

#[test]
fn no_text_breaks_the_parser() {
    let library = Library::new();
    let mut runner = TestRunner::new(cases(8));
    let tokens = prop::sample::select(vec![
        "query", "mutation", "{", "}", "(", ")", "[", "]", ":", "!", "$v", "...", "@include", "on", "author",
        "book", "books", "id", "where", "_and", "\"x\"", "\"\"\"", "1", "-", ".", "null", "true", "fragment",
        "f", "#", "\n", "&", "=", "é", "\\",
    ]);
    let outcome = runner.run(&proptest::collection::vec(tokens, 0..60), |tokens| {
        let text = tokens.join(" ");
        let judged = statement::judge(library.role(1), &text, &serde_json::Map::new());
        prop_assert!(judged.is_ok(), "{judged:?}");
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
