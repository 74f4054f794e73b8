//! Functions as the API calls them: which arguments a client gives, and which the engine fills in.

use std::sync::Arc;

use crate::catalog::{Function, PgType, QualifiedName, Table, TableId};
use crate::expression::{Argument, Call, Cell, CellOf, Filter, Value};
use crate::value::Source;

/// A function, and who gives its arguments.
#[derive(Debug)]
pub struct Callable {
    /// The function.
    pub function: Arc<Function>,
    /// The place of the argument that takes the session as JSON.
    pub session_argument: Option<usize>,
    /// The place of the argument that takes a row.
    pub row_argument: Option<usize>,
    /// The name of the input type with the other arguments.
    pub args_type: String,
}

/// A field that a function makes of each row of a table.
#[derive(Debug)]
pub struct ComputedField {
    /// The function.
    pub callable: Callable,
    /// What it makes.
    pub returns: ComputedReturn,
}

/// What a computed field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComputedReturn {
    /// A value.
    Scalar,
    /// Rows of another table.
    Rows(TableId),
}

impl Callable {
    /// What the API calls the arguments: those without a name by their place.
    pub fn argument_names(&self) -> impl Iterator<Item = String> {
        let mut unnamed = 0;
        self.function.arguments.iter().map(move |argument| {
            argument.name.clone().unwrap_or_else(|| {
                unnamed += 1;
                format!("arg_{unnamed}")
            })
        })
    }

    /// Whether a client gives the argument at `place`.
    pub fn is_input(&self, place: usize) -> bool {
        Some(place) != self.session_argument && Some(place) != self.row_argument
    }

    /// Whether a client must give something.
    pub fn needs_input(&self) -> bool {
        let mut arguments = self.function.arguments.iter().enumerate();
        arguments.any(|(place, argument)| self.is_input(place) && !argument.has_default)
    }

    /// What the engine itself gives for the argument at `place`.
    pub fn filled(&self, place: usize) -> Option<Argument> {
        if Some(place) == self.row_argument {
            return Some(Argument::Row);
        }
        let session = Some(place) == self.session_argument;
        session
            .then(|| Argument::Value(Value { source: Source::WholeSession, ty: PgType::json(), list: false }))
    }

    /// The call, where a client has nothing to give.
    pub fn call(&self) -> Option<Arc<Call>> {
        let places = 0..self.function.arguments.len();
        let arguments = places.map(|place| self.filled(place)).collect::<Option<_>>()?;
        Some(Arc::new(Call { function: self.function.clone(), arguments }))
    }

    /// The only function named `name`, with the place of its session argument.
    pub(super) fn find(
        functions: &[Arc<Function>],
        session_argument: Option<&str>,
        row_of: Option<(&Table, Option<&str>)>,
        args_type: String,
    ) -> Result<Self, String> {
        let function = match functions {
            [] => return Err("there is no function with this name".to_owned()),
            [function] if function.unfit => {
                return Err("it has variadic arguments, or such that go both ways".to_owned());
            }
            [function] => function,
            _ => return Err("there is more than one function with this name".to_owned()),
        };
        let named = |name: &str| {
            let place = function.arguments.iter().position(|argument| argument.name.as_deref() == Some(name));
            place.ok_or_else(|| format!("it has no argument {name}"))
        };
        let session_argument = session_argument.map(named).transpose()?;
        let row_argument = match row_of {
            None => None,
            Some((table, name)) => {
                let place = name.map_or(Ok(0), named)?;
                let ty = function.arguments.get(place).map(|argument| &argument.ty);
                if !ty.is_some_and(|ty| is_row_of(ty, &table.name)) {
                    return Err(format!("its argument does not take a row of {}", table.name));
                }
                Some(place)
            }
        };
        if session_argument.is_some() && session_argument == row_argument {
            return Err("one argument cannot take the row and the session".to_owned());
        }
        Ok(Self { function: function.clone(), session_argument, row_argument, args_type })
    }
}

impl ComputedField {
    /// Its value, where it is one that needs nothing from a client.
    pub fn cell(&self, seen_in: Option<Arc<Filter>>) -> Option<Cell> {
        let scalar = self.returns == ComputedReturn::Scalar;
        self.callable.call().filter(|_| scalar).map(|call| Cell { of: CellOf::Call(call), seen_in })
    }
}

/// A table's row type has the table's name.
fn is_row_of(ty: &PgType, table: &QualifiedName) -> bool {
    ty.schema == table.schema && ty.name == table.name
}
