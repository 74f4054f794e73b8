//! Conditions over rows, and the values in them: one tree for permission filters and for `where`.
//!
//! A filter stands at a row of some table; columns are places in that table. Nothing here is text of SQL.
//! Next: [`crate::sql`] writes it.

use std::sync::Arc;

use crate::catalog::{ColumnIndex, Function, PgType, Table, TypeKind, Volatility};
use crate::value::Source;

/// A condition on a row.
#[derive(Clone, Debug)]
pub enum Filter {
    /// All of them; with none it is true.
    And(Vec<Filter>),
    /// One of them at least; with none it is false.
    Or(Vec<Filter>),
    /// Not so.
    Not(Box<Filter>),
    /// A condition of its own: [`ColumnOperand::Root`] in it is a column of the row at which it stands, wherever
    /// in another condition that is.
    Rooted(Box<Filter>),
    /// A value of the row against another one, a list or another column.
    Compare {
        /// The row's value.
        cell: Cell,
        /// What is asked of it.
        comparison: Comparison,
    },
    /// There is a row of another table, to which a way leads from this one, that fulfils the inner condition.
    Exists {
        /// The other table.
        table: Arc<Table>,
        /// The way to its rows.
        way: Way,
        /// The inner condition.
        filter: Box<Filter>,
    },
    /// A number made of the rows of another table to which a way leads from this one.
    Aggregate {
        /// The other table.
        table: Arc<Table>,
        /// The way to its rows.
        way: Way,
        /// Which of its rows.
        filter: Box<Filter>,
        /// What is made of them.
        number: RowsNumber,
        /// What is asked of the number, all of it.
        comparisons: Vec<Comparison>,
    },
}

/// What a condition makes of many rows.
#[derive(Clone, Debug)]
pub enum RowsNumber {
    /// How many rows; or how many in which the columns are not null, each combination once where `distinct`.
    Count {
        /// The columns; with none, rows.
        columns: Vec<Cell>,
        /// Whether what is alike counts once.
        distinct: bool,
    },
    /// Whether the column is true in all of them (`bool_and`).
    All(Cell),
    /// Whether the column is true in one of them (`bool_or`).
    Any(Cell),
}

impl Filter {
    /// The condition that is always true.
    pub const TRUE: Self = Self::And(Vec::new());

    /// Both conditions, flat.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::And(all), other) | (other, Self::And(all)) if all.is_empty() => other,
            (Self::And(mut all), Self::And(more)) => {
                all.extend(more);
                Self::And(all)
            }
            (Self::And(mut all), other) => {
                all.push(other);
                Self::And(all)
            }
            (first, second) => Self::And(vec![first, second]),
        }
    }

    /// Whether it holds of every row, to be seen without asking the database.
    pub fn is_true(&self) -> bool {
        match self {
            Self::And(all) => all.iter().all(Self::is_true),
            Self::Rooted(inner) => inner.is_true(),
            _ => false,
        }
    }
}

/// Something of which a row has a value.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What it is.
    pub of: CellOf,
    /// In which rows the role may see it; in the others it is null to the role, wherever it is used. `None` is in
    /// all that it may read.
    pub seen_in: Option<Arc<Filter>>,
}

/// What a row has a value of.
#[derive(Clone, Debug)]
pub enum CellOf {
    /// A column.
    Column(ColumnIndex),
    /// What a function makes of the row.
    Call(Arc<Call>),
}

impl Cell {
    /// A column that is seen in every row.
    pub fn column(column: ColumnIndex) -> Self {
        Self { of: CellOf::Column(column), seen_in: None }
    }

    /// The column that it is, if it is one.
    pub fn as_column(&self) -> Option<ColumnIndex> {
        match &self.of {
            CellOf::Column(column) => Some(*column),
            CellOf::Call(_) => None,
        }
    }

    /// The type of its values in rows of `table`.
    pub fn ty<'a>(&'a self, table: &'a Table) -> Option<&'a Arc<PgType>> {
        match &self.of {
            CellOf::Column(column) => table.columns.get(*column).map(|column| &column.ty),
            CellOf::Call(call) => Some(&call.function.returns),
        }
    }

    /// Whether its value can depend on more than its row.
    pub fn reads_more(&self) -> bool {
        let calls =
            matches!(&self.of, CellOf::Call(call) if call.function.volatility != Volatility::Immutable);
        calls || self.seen_in.is_some()
    }
}

/// A function with its arguments, by place.
#[derive(Clone, Debug)]
pub struct Call {
    /// The function.
    pub function: Arc<Function>,
    /// What it gets.
    pub arguments: Vec<Argument>,
}

/// What a function gets for an argument.
#[derive(Clone, Debug)]
pub enum Argument {
    /// Its default.
    Default,
    /// The row for which it is called.
    Row,
    /// A value.
    Value(Value),
}

/// How one gets from a row to rows of another table.
#[derive(Clone, Debug)]
pub enum Way {
    /// By pairs of this row's column and the other's; with none, to all rows.
    Join(Vec<(ColumnIndex, ColumnIndex)>),
    /// By a function that returns them.
    Call(Arc<Call>),
}

/// What is asked of a value.
#[derive(Clone, Debug)]
pub enum Comparison {
    /// `value OPERATOR other value`.
    Value(Operator, Value),
    /// `value OPERATOR other column`.
    Column(Operator, ColumnOperand),
    /// It is null, or is not.
    IsNull(bool),
    /// All of this is asked of what it becomes as another type.
    Cast(Arc<PgType>, Vec<Comparison>),
}

/// The other column of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnOperand {
    /// A column of the same row.
    Current(ColumnIndex),
    /// A column of the row that the whole condition, or the innermost [`Filter::Rooted`], is about.
    Root(ColumnIndex),
}

/// A value on its way into a statement: where it comes from, and as what type.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it comes from.
    pub source: Source,
    /// Its type; of one element, where it is a list.
    pub ty: Arc<PgType>,
    /// Whether it is a list of values of that type.
    pub list: bool,
}

/// A comparison operator of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Hasura's name without the leading `_` or `$`.
    pub name: &'static str,
    /// What stands between the operands in SQL.
    pub sql: &'static str,
    /// What the right side is.
    pub operand: OperandKind,
}

/// What the right side of an operator is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperandKind {
    /// A value of the column's type.
    Same,
    /// A text.
    Text,
    /// A list of texts.
    TextList,
    /// A list of values of the column's type.
    PlainList,
    /// A value, or a list of values, of another type that stands beside the column's.
    Beside(&'static str, bool),
    /// A list of values of the column's type, of which one must (`= any`) or all must (`<> all`) compare.
    SameList,
}

/// To which types an operator belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// All types.
    Any,
    /// All but those that are mere names.
    Ordered,
    Text,
    Jsonb,
    Ltree,
    Array,
}

impl Family {
    fn has(self, ty: &Arc<PgType>) -> bool {
        let base = ty.base();
        match self {
            Self::Any => true,
            Self::Ordered => !matches!(base.kind, TypeKind::Enum(_)),
            Self::Text => base.kind == TypeKind::Text,
            Self::Jsonb => base.name == "jsonb",
            Self::Ltree => base.name == "ltree",
            Self::Array => matches!(base.kind, TypeKind::Array(_)),
        }
    }
}

const fn operator(
    family: Family,
    name: &'static str,
    sql: &'static str,
    operand: OperandKind,
) -> (Family, Operator) {
    (family, Operator { name, sql, operand })
}

const OPERATORS: &[(Family, Operator)] = &[
    operator(Family::Any, "eq", " = ", OperandKind::Same),
    operator(Family::Any, "neq", " <> ", OperandKind::Same),
    operator(Family::Ordered, "gt", " > ", OperandKind::Same),
    operator(Family::Ordered, "gte", " >= ", OperandKind::Same),
    operator(Family::Ordered, "lt", " < ", OperandKind::Same),
    operator(Family::Ordered, "lte", " <= ", OperandKind::Same),
    operator(Family::Any, "in", " = any", OperandKind::SameList),
    operator(Family::Any, "nin", " <> all", OperandKind::SameList),
    operator(Family::Text, "like", " like ", OperandKind::Text),
    operator(Family::Text, "nlike", " not like ", OperandKind::Text),
    operator(Family::Text, "ilike", " ilike ", OperandKind::Text),
    operator(Family::Text, "nilike", " not ilike ", OperandKind::Text),
    operator(Family::Text, "similar", " similar to ", OperandKind::Text),
    operator(Family::Text, "nsimilar", " not similar to ", OperandKind::Text),
    operator(Family::Text, "regex", " ~ ", OperandKind::Text),
    operator(Family::Text, "iregex", " ~* ", OperandKind::Text),
    operator(Family::Text, "nregex", " !~ ", OperandKind::Text),
    operator(Family::Text, "niregex", " !~* ", OperandKind::Text),
    operator(Family::Jsonb, "contains", " @> ", OperandKind::Same),
    operator(Family::Jsonb, "contained_in", " <@ ", OperandKind::Same),
    operator(Family::Jsonb, "has_key", " ? ", OperandKind::Text),
    operator(Family::Jsonb, "has_keys_any", " ?| ", OperandKind::TextList),
    operator(Family::Jsonb, "has_keys_all", " ?& ", OperandKind::TextList),
    operator(Family::Array, "contains", " @> ", OperandKind::Same),
    operator(Family::Array, "contained_in", " <@ ", OperandKind::Same),
    operator(Family::Ltree, "ancestor", " @> ", OperandKind::Same),
    operator(Family::Ltree, "ancestor_any", " @> ", OperandKind::PlainList),
    operator(Family::Ltree, "descendant", " <@ ", OperandKind::Same),
    operator(Family::Ltree, "descendant_any", " <@ ", OperandKind::PlainList),
    operator(Family::Ltree, "matches", " ~ ", OperandKind::Beside("lquery", false)),
    operator(Family::Ltree, "matches_any", " ? ", OperandKind::Beside("lquery", true)),
    operator(Family::Ltree, "matches_fulltext", " @ ", OperandKind::Beside("ltxtquery", false)),
];

/// The types to which values of type `ty` can be cast in a condition.
pub fn casts(ty: &Arc<PgType>) -> Vec<Arc<PgType>> {
    if ty.base().name == "jsonb" { vec![PgType::text()] } else { Vec::new() }
}

/// The type that the API calls `name` to which values of type `ty` can be cast.
pub fn cast_to(ty: &Arc<PgType>, name: &str) -> Option<Arc<PgType>> {
    casts(ty).into_iter().find(|to| to.graphql_name() == name)
}

impl Operator {
    /// The type of the right side for a column of type `ty`, and whether it is a list of such values.
    pub fn operand_type(self, ty: &Arc<PgType>) -> (Arc<PgType>, bool) {
        match self.operand {
            OperandKind::Same => (ty.clone(), false),
            OperandKind::SameList | OperandKind::PlainList => (ty.clone(), true),
            OperandKind::Text => (PgType::text(), false),
            OperandKind::TextList => (PgType::text(), true),
            OperandKind::Beside(name, list) => {
                let schema = ty.base().schema.clone();
                let beside = PgType { schema, name: name.to_owned(), kind: TypeKind::Other };
                (Arc::new(beside), list)
            }
        }
    }

    /// All operators for columns of type `ty`.
    pub fn all(ty: &Arc<PgType>) -> impl Iterator<Item = Self> {
        OPERATORS.iter().filter(|(family, _)| family.has(ty)).map(|(_, operator)| *operator)
    }

    /// The operator `name` (without its leading `_`) for columns of type `ty`.
    pub fn named(name: &str, ty: &Arc<PgType>) -> Option<Self> {
        OPERATORS
            .iter()
            .find(|(family, operator)| operator.name == name && family.has(ty))
            .map(|(_, operator)| *operator)
    }
}
