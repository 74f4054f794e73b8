//! A request's variables, and what a plan assumes of them.
//!
//! A plan is made for the *shape* of the variables that it looked into while it was made, and takes the rest
//! as parameters. It carries those assumptions with it; a later request with the same document may use the
//! plan when they hold.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

/// The variables of a request, defaults put in.
pub struct Variables<'a>(Cow<'a, Map<String, Json>>);

/// A part of a variable: its name, and the way down into its value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VariablePath {
    name: String,
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Key(String),
    Index(usize),
}

/// Something that a plan took for granted about the variables.
#[derive(Clone, Debug, PartialEq)]
pub struct Assumption {
    path: VariablePath,
    shape: Shape,
}

/// What a part of a variable looks like.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// It is not there.
    Absent,
    /// It is null.
    Null,
    /// It is there, null or not.
    Given,
    /// It is there and not null.
    Present,
    /// It is an object with these keys, in this order.
    Object(Vec<String>),
    /// It is a list of so many.
    List(usize),
    /// It is exactly this.
    Equals(Json),
}

impl<'a> Variables<'a> {
    /// The variables that came with a request, with `defaults` where one is missing.
    pub fn new(given: &'a Map<String, Json>, defaults: &[(String, Json)]) -> Self {
        let mut all = Cow::Borrowed(given);
        for (name, value) in defaults {
            if !given.contains_key(name) {
                all.to_mut().insert(name.clone(), value.clone());
            }
        }
        Self(all)
    }

    /// All of them by name.
    pub fn all(&self) -> &Map<String, Json> {
        &self.0
    }

    /// The value at `path`, if it is there.
    pub fn get(&self, path: &VariablePath) -> Option<&Json> {
        let mut value = self.0.get(&path.name)?;
        for step in &path.steps {
            value = match step {
                Step::Key(key) => value.get(key)?,
                Step::Index(index) => value.get(index)?,
            };
        }
        Some(value)
    }
}

impl VariablePath {
    /// The whole variable `name`.
    pub fn root(name: &str) -> Self {
        Self { name: name.to_owned(), steps: Vec::new() }
    }

    /// The entry `key` of the object here.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step::Key(key.to_owned()));
        Self { name: self.name.clone(), steps }
    }

    /// The element `index` of the list here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step::Index(index));
        Self { name: self.name.clone(), steps }
    }
}

impl Assumption {
    /// The assumption that the value at `path` has this shape.
    pub fn new(path: VariablePath, shape: Shape) -> Self {
        Self { path, shape }
    }

    /// Whether it holds of these variables.
    pub fn holds(&self, variables: &Variables) -> bool {
        match (&self.shape, variables.get(&self.path)) {
            (Shape::Absent, None) | (Shape::Null, Some(Json::Null)) | (Shape::Given, Some(_)) => true,
            (Shape::Present, Some(value)) => !value.is_null(),
            (Shape::Object(keys), Some(Json::Object(map))) => {
                map.len() == keys.len() && map.keys().eq(keys.iter())
            }
            (Shape::List(length), Some(Json::Array(items))) => items.len() == *length,
            (Shape::Equals(expected), Some(value)) => expected == value,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_assumption_holds_of_what_it_was_made_for_only() {
        let Json::Object(given) = json!({"where": {"id": {"_eq": 3}}, "list": [1, 2], "none": null}) else {
            panic!()
        };
        let variables = Variables::new(&given, &[("limit".to_owned(), json!(5))]);
        let root = VariablePath::root("where");
        let cases = [
            (root.clone(), Shape::Object(vec!["id".into()]), true),
            (root.clone(), Shape::Object(vec!["id".into(), "x".into()]), false),
            (root.key("id").key("_eq"), Shape::Present, true),
            (root.key("id").key("_eq"), Shape::Equals(json!(4)), false),
            (root.key("other"), Shape::Absent, true),
            (VariablePath::root("list"), Shape::List(2), true),
            (VariablePath::root("list").index(1), Shape::Equals(json!(2)), true),
            (VariablePath::root("none"), Shape::Null, true),
            (VariablePath::root("none"), Shape::Present, false),
            (VariablePath::root("limit"), Shape::Equals(json!(5)), true),
        ];
        for (path, shape, holds) in cases {
            let assumption = Assumption::new(path, shape);
            assert_eq!(assumption.holds(&variables), holds, "{assumption:?}");
        }
    }
}
