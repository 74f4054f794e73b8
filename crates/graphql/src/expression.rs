//! Conditions over rows, and the values in them: one tree for permission filters and for `where`.
//!
//! A filter stands at a row of some table; columns are places in that table. Nothing here is text of SQL.
//! Next: [`crate::sql`] writes it.

use std::sync::Arc;

use crate::catalog::{ColumnIndex, PgType, Table};
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
    /// A column against a value, a list or another column.
    Compare {
        /// The column.
        column: ColumnIndex,
        /// What is asked of it.
        comparison: Comparison,
    },
    /// There is a row of another table, joined to this one, that fulfils the inner condition.
    Exists {
        /// The other table.
        table: Arc<Table>,
        /// Pairs of this row's column and the other's; empty for a table that is not related.
        join: Vec<(ColumnIndex, ColumnIndex)>,
        /// The inner condition.
        filter: Box<Filter>,
    },
    /// A number made of the rows of another table that are joined to this one.
    Aggregate {
        /// The other table.
        table: Arc<Table>,
        /// Pairs of this row's column and the other's.
        join: Vec<(ColumnIndex, ColumnIndex)>,
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
        columns: Vec<ColumnIndex>,
        /// Whether what is alike counts once.
        distinct: bool,
    },
    /// Whether the column is true in all of them (`bool_and`).
    All(ColumnIndex),
    /// Whether the column is true in one of them (`bool_or`).
    Any(ColumnIndex),
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

/// What is asked of a column.
#[derive(Clone, Debug)]
pub enum Comparison {
    /// `column OPERATOR value`.
    Value(Operator, Value),
    /// `column OPERATOR other column`.
    Column(Operator, ColumnOperand),
    /// The column is null, or is not.
    IsNull(bool),
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
    operator(Family::Ltree, "ancestor", " @> ", OperandKind::Same),
    operator(Family::Ltree, "ancestor_any", " @> ", OperandKind::PlainList),
    operator(Family::Ltree, "descendant", " <@ ", OperandKind::Same),
    operator(Family::Ltree, "descendant_any", " <@ ", OperandKind::PlainList),
    operator(Family::Ltree, "matches", " ~ ", OperandKind::Beside("lquery", false)),
    operator(Family::Ltree, "matches_any", " ? ", OperandKind::Beside("lquery", true)),
    operator(Family::Ltree, "matches_fulltext", " @ ", OperandKind::Beside("ltxtquery", false)),
];

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
                let beside = PgType { schema, name: name.to_owned(), kind: crate::catalog::TypeKind::Other };
                (Arc::new(beside), list)
            }
        }
    }

    /// All operators for columns of type `ty`.
    pub fn all(ty: &Arc<PgType>) -> impl Iterator<Item = Self> {
        OPERATORS
            .iter()
            .filter(|(_, operator)| Self::named(operator.name, ty).is_some())
            .map(|(_, operator)| *operator)
    }

    /// The operator `name` (without its leading `_`) for columns of type `ty`.
    pub fn named(name: &str, ty: &Arc<PgType>) -> Option<Self> {
        let base = ty.base();
        OPERATORS
            .iter()
            .find(|(family, operator)| {
                operator.name == name
                    && match family {
                        Family::Any => true,
                        Family::Ordered => !matches!(base.kind, crate::catalog::TypeKind::Enum(_)),
                        Family::Text => base.kind == crate::catalog::TypeKind::Text,
                        Family::Jsonb => base.name == "jsonb",
                        Family::Ltree => base.name == "ltree",
                    }
            })
            .map(|(_, operator)| *operator)
    }
}
