//! Which fields a selection asks for: fragments spread, `@skip` and `@include` decided, fields with the same
//! key merged (GraphQL, sections 5.3.2 and 6.3.2).

use apollo_compiler::ast::{self, Selection};
use base::project::GraphqlError;

use super::planner::{Planner, invalid};

/// One field that is asked for.
pub(super) struct Selected<'a> {
    /// Its key in the answer.
    pub(super) key: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// Its arguments.
    pub(super) arguments: &'a [apollo_compiler::Node<ast::Argument>],
    /// What is asked of it, from every place that names it.
    pub(super) selections: Vec<&'a [Selection]>,
}

impl<'a> Planner<'a> {
    /// The fields that `selections` ask of the type `type_name`.
    pub(super) fn selected(
        &self,
        selections: &[&'a [Selection]],
        type_name: &str,
        at: &str,
    ) -> Result<Vec<Selected<'a>>, GraphqlError> {
        let mut fields = Vec::new();
        let mut spread = Vec::new();
        for selection in selections {
            self.collect(selection, type_name, at, &mut spread, &mut fields)?;
        }
        Ok(fields)
    }

    fn collect(
        &self,
        selections: &'a [Selection],
        type_name: &str,
        at: &str,
        spread: &mut Vec<&'a str>,
        fields: &mut Vec<Selected<'a>>,
    ) -> Result<(), GraphqlError> {
        for selection in selections {
            self.count_field(at)?;
            match selection {
                Selection::Field(field) => {
                    if self.is_wanted(&field.directives, at)? {
                        merge(field, at, fields)?;
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let fits = fragment.type_condition.as_ref().is_none_or(|name| name == type_name);
                    if fits && self.is_wanted(&fragment.directives, at)? {
                        self.collect(&fragment.selection_set, type_name, at, spread, fields)?;
                    }
                }
                Selection::FragmentSpread(use_) => {
                    if self.is_wanted(&use_.directives, at)? {
                        self.spread(use_.fragment_name.as_str(), type_name, at, spread, fields)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn spread(
        &self,
        name: &'a str,
        type_name: &str,
        at: &str,
        spread: &mut Vec<&'a str>,
        fields: &mut Vec<Selected<'a>>,
    ) -> Result<(), GraphqlError> {
        let fragment = self
            .document
            .fragments
            .get(name)
            .ok_or_else(|| invalid(at, format!("reference to undefined fragment {name:?}")))?;
        if spread.contains(&name) {
            return Err(invalid(at, format!("the fragment definition(s) {name} form a cycle")));
        }
        if fragment.type_condition == type_name {
            spread.push(name);
            self.collect(&fragment.selection_set, type_name, at, spread, fields)?;
            spread.pop();
        }
        Ok(())
    }

    fn is_wanted(&self, directives: &'a ast::DirectiveList, at: &str) -> Result<bool, GraphqlError> {
        let mut wanted = true;
        for directive in directives {
            let skip = match directive.name.as_str() {
                "skip" => true,
                "include" => false,
                // Hasura's cache directive says how fresh an answer must be; ours is always fresh.
                "cached" => continue,
                other => {
                    return Err(invalid(at, format!("directive {other:?} is not defined in the schema")));
                }
            };
            let condition =
                directive.arguments.iter().find(|argument| argument.name == "if").ok_or_else(|| {
                    invalid(at, format!("directive {:?} needs the argument \"if\"", directive.name.as_str()))
                })?;
            let condition = self.input(&condition.value, "Boolean!", at)?;
            wanted &= self.boolean(&condition, at)? != skip;
        }
        Ok(wanted)
    }
}

fn merge<'a>(field: &'a ast::Field, at: &str, fields: &mut Vec<Selected<'a>>) -> Result<(), GraphqlError> {
    let key = field.alias.as_ref().unwrap_or(&field.name).as_str();
    let Some(known) = fields.iter_mut().find(|known| known.key == key) else {
        fields.push(Selected {
            key,
            name: field.name.as_str(),
            arguments: &field.arguments,
            selections: vec![&field.selection_set],
        });
        return Ok(());
    };
    if known.name != field.name.as_str() || known.arguments != field.arguments {
        return Err(invalid(at, format!("{key:?} is asked for twice with different fields or arguments")));
    }
    known.selections.push(&field.selection_set);
    Ok(())
}
