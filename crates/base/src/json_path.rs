//! Paths into a JSON value: `$`, `a.b`, `$.a['odd key'][0]`, and `a[*].b` for all elements. Used where a setting
//! names a place in somebody else's JSON: claims of access tokens.

use serde_json::Value;

/// The longest path that anybody can mean.
const MAX_STEPS: usize = 32;

/// A path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

/// A step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into an object.
    Key(String),
    /// Into an array.
    Index(usize),
    /// Into every element of an array.
    All,
}

impl JsonPath {
    /// Reads a path; `None` where the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        let mut steps = Vec::new();
        while !rest.is_empty() && steps.len() <= MAX_STEPS {
            let (step, after) = match rest.strip_prefix('.').unwrap_or(rest) {
                bracket if bracket.starts_with('[') => inside(bracket.get(1..)?)?,
                name => {
                    let (name, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
                    (Step::Key(name.to_owned()), after)
                }
            };
            if step == Step::Key(String::new()) {
                return None;
            }
            steps.push(step);
            rest = after;
        }
        (steps.len() <= MAX_STEPS).then_some(Self(steps))
    }

    /// The path that is one key, whatever characters it has.
    pub fn key(name: &str) -> Self {
        Self(vec![Step::Key(name.to_owned())])
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether it may lead to several values.
    pub fn is_many(&self) -> bool {
        self.0.contains(&Step::All)
    }

    /// What it leads to.
    pub fn select<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.0.iter().fold(vec![value], |values, step| {
            values.into_iter().flat_map(|value| step.select(value)).collect()
        })
    }

    /// The first value that it leads to.
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.select(value).into_iter().next()
    }
}

impl Step {
    fn select<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Key(key), Value::Object(map)) => map.get(key).into_iter().collect(),
            (Self::Index(index), Value::Array(items)) => items.get(*index).into_iter().collect(),
            (Self::All, Value::Array(items)) => items.iter().collect(),
            _ => Vec::new(),
        }
    }
}

/// What follows a `[`: an index, `*` or a quoted key; and what is after the `]`.
fn inside(text: &str) -> Option<(Step, &str)> {
    if let Some(quote) = text.chars().next().filter(|first| matches!(first, '\'' | '"')) {
        let (key, after) = text.get(1..)?.split_once(quote)?;
        return Some((Step::Key(key.to_owned()), after.strip_prefix(']')?));
    }
    let (index, after) = text.split_once(']')?;
    let step = if index == "*" { Step::All } else { Step::Index(index.parse().ok()?) };
    Some((step, after))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let value = json!({ "a": [{ "b": 1 }, { "b": 2 }], "x.y": { "z": "deep" } });
        let at = |path: &str| JsonPath::parse(path).unwrap().select(&value).into_iter().cloned().collect();
        let all: Vec<Value> = at("$.a[*].b");
        assert_eq!(all, [json!(1), json!(2)]);
        assert_eq!(at("a[1].b"), [json!(2)]);
        assert_eq!(at("$['x.y'].z"), [json!("deep")]);
        assert_eq!(at("$.['x.y'].z"), [json!("deep")]);
        assert_eq!(at("$"), std::slice::from_ref(&value));
        assert!(at("a.b").is_empty() && at("q[0]").is_empty());
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for bad in ["a..b", "a[", "a[x]", "a['b]", ".", "a.", &"a.".repeat(40), &"[0]".repeat(40)] {
            assert_eq!(JsonPath::parse(bad), None, "{bad}");
        }
    }
}
