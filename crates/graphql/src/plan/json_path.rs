//! The argument `path` of JSON columns: `$`, `.a.b`, `a[0]`, `['odd key']`, as the steps that PostgreSQL's `#>` takes.

use base::project::GraphqlError;
use serde_json::Value as Json;

use super::input::Input;
use super::planner::{Planner, invalid};
use crate::catalog::PgType;
use crate::expression::Value;
use crate::value::Source;
use crate::value::variables::Shape;

impl<'a> Planner<'a> {
    /// The steps of a path; `None` for the whole value.
    pub(super) fn json_path(&self, input: &Input<'a>, at: &str) -> Result<Option<Value>, GraphqlError> {
        let text = match input {
            Input::Literal(literal) => literal.as_str().map(str::to_owned),
            Input::Variable(path) => {
                let text = self.variables.get(path).and_then(Json::as_str).map(str::to_owned);
                if let Some(text) = &text {
                    self.assume(path, Shape::Equals(Json::String(text.clone())));
                }
                text
            }
        };
        let text = text.ok_or_else(|| invalid(at, "expected a string for type \"String\""))?;
        let steps = steps(&text).ok_or_else(|| invalid(at, format!("{text:?} is not a JSON path")))?;
        if steps.is_empty() {
            return Ok(None);
        }
        let steps = steps.into_iter().map(|step| Source::Constant(Some(step))).collect();
        Ok(Some(Value { source: Source::List(steps), ty: PgType::text(), list: true }))
    }
}

fn steps(path: &str) -> Option<Vec<String>> {
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, after) = if let Some(inside) = rest.strip_prefix('[') {
            bracket(inside)?
        } else {
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let (step, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
            (step.to_owned(), after)
        };
        if step.is_empty() {
            return None;
        }
        steps.push(step);
        rest = after;
    }
    Some(steps)
}

/// What follows a `[`: an index or a quoted key, and what is after the `]`.
fn bracket(inside: &str) -> Option<(String, &str)> {
    if let Some(quote) = inside.chars().next().filter(|first| matches!(first, '\'' | '"')) {
        let inner = inside.get(1..)?;
        let (key, after) = inner.split_once(quote)?;
        return Some((key.to_owned(), after.strip_prefix(']')?));
    }
    let (index, after) = inside.split_once(']')?;
    index.parse::<u32>().ok()?;
    Some((index.to_owned(), after))
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn paths_become_steps() {
        let cases: &[(&str, Option<&[&str]>)] = &[
            ("$", Some(&[])),
            ("$.a.b", Some(&["a", "b"])),
            (".a[0]", Some(&["a", "0"])),
            ("a['odd key'].c", Some(&["a", "odd key", "c"])),
            ("[\"x\"][1]", Some(&["x", "1"])),
            ("a..b", None),
            ("a[x]", None),
            ("a['b", None),
            ("a[", None),
        ];
        for (path, expected) in cases {
            let expected =
                expected.map(|steps| steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>());
            assert_eq!(steps(path), expected, "{path}");
        }
    }
}
