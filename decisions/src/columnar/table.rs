//! Every column once: its name, its type, and where the record keeps it.

use crate::record::DecisionRecord;
use parquet::{
    basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as PhysicalType},
    errors::ParquetError,
    schema::types::{Type, TypePtr},
};
use std::sync::Arc;

/// One field of the record.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) column: Column,
}

/// The type of a column and the way to its value.
pub(super) enum Column {
    /// Microseconds since 1970.
    Time(Access<i64>),
    Count(Access<u32>),
    Number(Access<u64>),
    Real(Access<f32>),
    Text(Access<String>),
    Reals(Access<Vec<f32>>),
    Texts(Access<Vec<String>>),
}

/// The way to a field's value.
pub(super) struct Access<T> {
    pub(super) get: fn(&DecisionRecord) -> &T,
    pub(super) get_mut: fn(&mut DecisionRecord) -> &mut T,
}

macro_rules! field {
    ($kind:ident, $name:ident) => {
        Field {
            name: stringify!($name),
            column: Column::$kind(Access {
                get: |record| &record.$name,
                get_mut: |record| &mut record.$name,
            }),
        }
    };
}

/// All columns in their order.
pub(super) const FIELDS: [Field; 21] = [
    field!(Time, time_us),
    field!(Text, request),
    field!(Count, attempt),
    field!(Text, cluster),
    field!(Count, class),
    field!(Text, policy),
    field!(Text, model),
    field!(Number, model_version),
    field!(Text, schema),
    field!(Text, kind),
    field!(Texts, candidates),
    field!(Reals, features),
    field!(Reals, context),
    field!(Reals, costs),
    field!(Reals, true_costs),
    field!(Count, chosen),
    field!(Real, propensity),
    field!(Real, class_mean_seconds),
    field!(Text, outcome),
    field!(Count, status),
    field!(Real, latency_seconds),
];

impl Column {
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::Reals(_) | Self::Texts(_))
    }

    pub(super) fn physical_type(&self) -> PhysicalType {
        match self {
            Self::Time(_) | Self::Number(_) => PhysicalType::INT64,
            Self::Count(_) => PhysicalType::INT32,
            Self::Real(_) | Self::Reals(_) => PhysicalType::FLOAT,
            Self::Text(_) | Self::Texts(_) => PhysicalType::BYTE_ARRAY,
        }
    }

    fn logical_type(&self) -> Option<LogicalType> {
        match self {
            Self::Time(_) => Some(LogicalType::timestamp(true, TimeUnit::MICROS)),
            Self::Count(_) => Some(LogicalType::integer(32, false)),
            Self::Number(_) => Some(LogicalType::integer(64, false)),
            Self::Text(_) | Self::Texts(_) => Some(LogicalType::String),
            Self::Real(_) | Self::Reals(_) => None,
        }
    }
}

/// The schema of a file. Nothing is optional: what is absent is empty or 0.
pub(super) fn schema() -> Result<TypePtr, ParquetError> {
    let fields = FIELDS.iter().map(column_type);
    let root = Type::group_type_builder("decision").with_fields(fields.collect::<Result<_, _>>()?);
    Ok(Arc::new(root.build()?))
}

fn column_type(field: &Field) -> Result<TypePtr, ParquetError> {
    if !field.column.is_list() {
        return leaf(field.name, &field.column);
    }
    let repeated = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![leaf("element", &field.column)?])
        .build()?;
    let list = Type::group_type_builder(field.name)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::List))
        .with_converted_type(ConvertedType::LIST)
        .with_fields(vec![Arc::new(repeated)]);
    Ok(Arc::new(list.build()?))
}

fn leaf(name: &str, column: &Column) -> Result<TypePtr, ParquetError> {
    let leaf = Type::primitive_type_builder(name, column.physical_type())
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(column.logical_type());
    Ok(Arc::new(leaf.build()?))
}
