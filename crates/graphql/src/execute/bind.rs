//! Parameters get their values: from the document, the variables, the session, and what earlier statements of the
//! same mutation have written.

use std::borrow::Cow;

use base::project::GraphqlError;
use base::session::Session;
use db::Text;

use super::unexpected;
use crate::expression::Value;
use crate::plan::misfit_error;
use crate::value::{Source, Variables, text};

/// The values that a statement's parameters take from one request.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a> {
    pub(crate) session: &'a Session,
    pub(crate) variables: &'a Variables<'a>,
    pub(crate) moment: Moment<'a>,
}

/// What a live query's statement takes from the moment at which it is read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Moment<'a> {
    /// The transactions that must be visible to it.
    pub(crate) woken_by: &'a [u64],
    /// Where a stream stands.
    pub(crate) position: &'a [Option<String>],
}

/// What earlier statements of the same mutation have written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Earlier<'a> {
    /// The rows that are to be shown, as PostgreSQL's composite values.
    pub(crate) rows: &'a [String],
    /// How many rows were written, those inserted along included.
    pub(crate) count: u64,
    /// What the row to be inserted takes from others.
    pub(crate) given: &'a [Option<String>],
}

/// Gives parameters their values, as text.
pub(crate) fn bind<'a>(
    parameters: &'a [Value],
    values: Values<'a>,
    earlier: Earlier<'a>,
) -> Result<Vec<Text<'a>>, GraphqlError> {
    parameters
        .iter()
        .map(|parameter| Ok(Text(text_of(parameter, &parameter.source, values, earlier)?)))
        .collect()
}

fn text_of<'a>(
    parameter: &Value,
    source: &'a Source,
    values: Values<'a>,
    earlier: Earlier<'a>,
) -> Result<Option<Cow<'a, str>>, GraphqlError> {
    Ok(match source {
        Source::Constant(constant) => constant.as_deref().map(Cow::Borrowed),
        Source::Session(name) => Some(Cow::Borrowed(session_variable(values.session, name)?)),
        Source::WholeSession => Some(Cow::Owned(session_json(values.session)?)),
        Source::WokenBy => {
            let transactions = values.moment.woken_by.iter();
            let transactions: Vec<_> = transactions.map(|number| Some(number.to_string())).collect();
            Some(Cow::Owned(text::array(&transactions)))
        }
        Source::Position(place) => {
            values.moment.position.get(*place).and_then(|value| value.as_deref()).map(Cow::Borrowed)
        }
        Source::WrittenRows => {
            let rows: Vec<_> = earlier.rows.iter().map(|row| Some(row.clone())).collect();
            Some(Cow::Owned(text::array(&rows)))
        }
        Source::WrittenCount => Some(Cow::Owned(earlier.count.to_string())),
        Source::Given(place) => {
            earlier.given.get(*place).and_then(|value| value.as_deref()).map(Cow::Borrowed)
        }
        Source::Variable { path, at } => {
            let Some(json) = values.variables.get(path) else { return Ok(None) };
            match (json, parameter.list) {
                (serde_json::Value::Null, _) => None,
                (serde_json::Value::Array(items), true) => {
                    let items = items.iter().enumerate().map(|(index, item)| {
                        text::of_json(item, &parameter.ty)
                            .map_err(|misfit| misfit_error(misfit, &format!("{at}[{index}]")))
                    });
                    Some(Cow::Owned(text::array(&items.collect::<Result<Vec<_>, _>>()?)))
                }
                (single, true) => {
                    let item =
                        text::of_json(single, &parameter.ty).map_err(|misfit| misfit_error(misfit, at))?;
                    Some(Cow::Owned(text::array(&[item])))
                }
                (single, false) => text::of_json(single, &parameter.ty)
                    .map_err(|misfit| misfit_error(misfit, at))?
                    .map(Cow::Owned),
            }
        }
        Source::List(items) => {
            let items = items.iter().map(|item| {
                let element = Value { source: item.clone(), ty: parameter.ty.clone(), list: false };
                Ok(text_of(&element, item, values, earlier)?.map(Cow::into_owned))
            });
            Some(Cow::Owned(text::array(&items.collect::<Result<Vec<_>, GraphqlError>>()?)))
        }
        Source::Json(template) => Some(Cow::Owned(template.fill(values.variables).to_string())),
    })
}

fn session_variable<'a>(session: &'a Session, name: &str) -> Result<&'a str, GraphqlError> {
    session
        .variable(name)
        .ok_or_else(|| GraphqlError::new("not-found", "$", format!("missing session variables: {name:?}")))
}

fn session_json(session: &Session) -> Result<String, GraphqlError> {
    serde_json::to_string(session.variables()).map_err(|_| unexpected())
}
