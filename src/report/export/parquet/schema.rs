//! The schema of the file, made from the columns of the results.

use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use ::parquet::errors::Result;
use ::parquet::schema::types::{Type, TypePtr};

use crate::results::{COLUMNS, ColumnType, ExportColumn};

/// Builds the schema: each column may be null.
pub fn schema() -> Result<TypePtr> {
    let fields = COLUMNS.iter().map(|column| Ok(Arc::new(field(column)?)));
    let fields = fields.collect::<Result<Vec<TypePtr>>>()?;
    Ok(Arc::new(Type::group_type_builder("surveys").with_fields(fields).build()?))
}

fn field(column: &ExportColumn) -> Result<Type> {
    let (physical, logical) = match column.kind {
        ColumnType::Id | ColumnType::Text | ColumnType::Word => {
            (PhysicalType::BYTE_ARRAY, Some(LogicalType::String))
        }
        ColumnType::Number => (PhysicalType::INT64, None),
        ColumnType::Score => (PhysicalType::INT32, None),
        ColumnType::Time => {
            (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS)))
        }
        ColumnType::Flag => (PhysicalType::BOOLEAN, None),
        ColumnType::List => return list(column.name),
    };
    Type::primitive_type_builder(column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .build()
}

/// Builds a list of strings in the three levels that the format prescribes (Parquet,
/// LogicalTypes.md, "Lists"). Readers take any other form for a structure.
fn list(name: &str) -> Result<Type> {
    let element = Type::primitive_type_builder("element", PhysicalType::BYTE_ARRAY)
        .with_repetition(Repetition::REQUIRED)
        .with_logical_type(Some(LogicalType::String))
        .build()?;
    let repeated = Type::group_type_builder("list")
        .with_repetition(Repetition::REPEATED)
        .with_fields(vec![Arc::new(element)])
        .build()?;
    Type::group_type_builder(name)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(LogicalType::List))
        .with_fields(vec![Arc::new(repeated)])
        .build()
}
