//! How deep and how wide an operation is, fragments spread. Each fragment is measured once, so that the work is
//! bounded by the document's length and not by what it blows up to.

use std::collections::HashMap;

use apollo_compiler::ast::Selection;
use base::project::GraphqlError;

use crate::plan::Document;

/// How far fields and fragments may lead before the measuring ends.
const MAX_LEVELS: usize = 200;

/// The extent of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// The most fields below each other.
    pub(super) depth: usize,
    /// The fields with a selection of their own.
    pub(super) nodes: usize,
}

/// Measures the operation that `name` names. Introspection does not count: it has a switch of its own.
pub(super) fn extent(document: &Document, name: Option<&str>) -> Result<Extent, GraphqlError> {
    let operation = document.operation(name)?;
    let mut measure = Measure { document, fragments: HashMap::new() };
    measure.selections(&operation.selection_set, 0)
}

struct Measure<'a> {
    document: &'a Document,
    /// `None` while a fragment is being measured: a cycle, which planning refuses.
    fragments: HashMap<&'a str, Option<Extent>>,
}

impl<'a> Measure<'a> {
    fn selections(&mut self, selections: &'a [Selection], level: usize) -> Result<Extent, GraphqlError> {
        if level > MAX_LEVELS {
            let message = format!("the operation has more than {MAX_LEVELS} levels");
            return Err(GraphqlError::new("depth-limit-exceeded", "$", message));
        }
        let mut extent = Extent::default();
        for selection in selections {
            let found = match selection {
                Selection::Field(field) if matches!(field.name.as_str(), "__schema" | "__type") => {
                    Extent { depth: 1, nodes: 1 }
                }
                Selection::Field(field) => {
                    let below = self.selections(&field.selection_set, level + 1)?;
                    let node = usize::from(!field.selection_set.is_empty());
                    Extent { depth: below.depth + 1, nodes: below.nodes.saturating_add(node) }
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set, level + 1)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.fragment_name, level + 1)?,
            };
            extent.depth = extent.depth.max(found.depth);
            extent.nodes = extent.nodes.saturating_add(found.nodes);
        }
        Ok(extent)
    }

    fn fragment(&mut self, name: &'a str, level: usize) -> Result<Extent, GraphqlError> {
        if let Some(known) = self.fragments.get(name) {
            return Ok(known.unwrap_or_default());
        }
        let Some(selections) = self.document.fragment(name) else { return Ok(Extent::default()) };
        self.fragments.insert(name, None);
        let extent = self.selections(selections, level)?;
        self.fragments.insert(name, Some(extent));
        Ok(extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<Extent, String> {
        let document = Document::parse(query).map_err(|error| error.to_string())?;
        extent(&document, None).map_err(|error| error.code.into_owned())
    }

    #[test]
    fn fields_are_counted_through_fragments() {
        assert_eq!(of("{ a }"), Ok(Extent { depth: 1, nodes: 0 }));
        assert_eq!(of("{ a { b c { d } } e { f } }"), Ok(Extent { depth: 3, nodes: 3 }));
        assert_eq!(of("{ a { ...f } } fragment f on a { b { c } }"), Ok(Extent { depth: 3, nodes: 2 }));
        assert_eq!(of("{ ... on q { a { b } } }"), Ok(Extent { depth: 2, nodes: 1 }));
        assert_eq!(of("{ __schema { types { name } } }"), Ok(Extent { depth: 1, nodes: 1 }));
    }

    #[test]
    fn a_document_that_blows_up_is_measured_at_once() {
        let levels =
            (0..60).map(|at| format!("fragment f{at} on a {{ b {{ ...f{n} ...f{n} }} }}", n = at + 1));
        let levels: Vec<_> = levels.collect();
        let bomb = format!("{{ ...f0 }} {} fragment f60 on a {{ c }}", levels.join(" "));
        assert_eq!(of(&bomb).unwrap().depth, 61);
        let cycle = "{ ...f } fragment f on a { b { ...g } } fragment g on a { ...f }";
        assert_eq!(of(cycle), Ok(Extent { depth: 1, nodes: 1 }));
        let chain: Vec<_> = (0..500).map(|at| format!("fragment f{at} on a {{ ...f{} }}", at + 1)).collect();
        assert_eq!(of(&format!("{{ ...f0 }} {}", chain.join(" "))), Err("depth-limit-exceeded".to_owned()));
    }
}
