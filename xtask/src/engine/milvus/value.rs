//! Rows: Milvus uses columns, but we sort, count and verify rows.

use std::io::{self, Write};

use super::proto::schema::{
    ArrayArray, BoolArray, BytesArray, CollectionSchema, Column, DataType, DoubleArray, FieldData,
    FieldSchema, FloatArray, IntArray, LongArray, ScalarField, Scalars, SparseFloatArray,
    StringArray, VectorField, Vectors,
};
use crate::problem::{Code, Problem};

/// The field for what the schema doesn't name.
pub(super) const DYNAMIC: &str = "$meta";
/// The one function whose output is computed from its input, and can't be read.
const BM25: i32 = 1;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    Text(String),
    /// JSON, and vectors of types other than floats.
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
    List(Vec<Value>),
}

pub(super) type Row = Vec<Value>;

/// A field that is read and written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub name: String,
    pub kind: DataType,
    pub element: DataType,
    pub nullable: bool,
    pub dim: i64,
}

/// The fields of a row, and which of them is the primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub all: Vec<Field>,
    pub key: usize,
}

impl Fields {
    /// The parts of a collection that can be read and written back exactly.
    pub fn of(name: &str, schema: &CollectionSchema) -> Result<Self, Problem> {
        let cannot = |what: String| {
            Problem::failed(format!("`{name}` can't be backed up: {what}"))
                .code(Code::BackupIncomplete)
                .because("nothing was left out silently")
                .cure("a newer version of this tool may know it")
        };

        if let Some(function) = schema.functions.iter().find(|f| f.r#type != BM25) {
            return Err(cannot(format!("its function `{}` is of an unknown kind", function.name)));
        }

        let made: Vec<&String> =
            schema.functions.iter().flat_map(|f| &f.output_field_names).collect();
        let mut all = Vec::new();
        for field in schema.fields.iter().filter(|field| !made.contains(&&field.name)) {
            all.push(Field::of(field).ok_or_else(|| {
                cannot(format!("its field `{}` has an unknown type", field.name))
            })?);
        }

        if schema.enable_dynamic_field {
            let name = DYNAMIC.to_owned();
            all.push(Field {
                name,
                kind: DataType::Json,
                element: DataType::None,
                nullable: false,
                dim: 0,
            });
        }

        let key = schema.fields.iter().find(|field| field.is_primary_key).map(|field| &field.name);
        let key = all.iter().position(|field| {
            Some(&field.name) == key && matches!(field.kind, DataType::Int64 | DataType::VarChar)
        });

        Ok(Self {
            key: key
                .ok_or_else(|| cannot("its primary key is neither Int64 nor VarChar".into()))?,
            all,
        })
    }

    pub fn key(&self) -> &Field {
        &self.all[self.key]
    }
}

impl Field {
    fn of(field: &FieldSchema) -> Option<Self> {
        let kind =
            DataType::try_from(field.data_type).ok().filter(|kind| *kind != DataType::None)?;
        let element = DataType::try_from(field.element_type).ok()?;
        if kind == DataType::Array
            && (element as i32 > DataType::VarChar as i32 || element == DataType::None)
        {
            return None;
        }

        let dim = field
            .type_params
            .iter()
            .find(|p| p.key == "dim")
            .and_then(|p| p.value.parse().ok())
            .unwrap_or(0);
        Some(Self { name: field.name.clone(), kind, element, nullable: field.nullable, dim })
    }
}

/// The rows that columns hold, each with the fields in the order of `fields`. Milvus Lite returns
/// more than was requested.
pub(super) fn rows(fields: &Fields, columns: Vec<FieldData>) -> Result<Vec<Row>, String> {
    let mut columns: Vec<Option<FieldData>> = columns.into_iter().map(Some).collect();
    let mut taken = Vec::new();

    for field in &fields.all {
        let same = |column: &FieldData| {
            if column.is_dynamic { field.name == DYNAMIC } else { column.field_name == field.name }
        };
        let column =
            columns.iter_mut().find(|c| c.as_ref().is_some_and(same)).and_then(Option::take);
        let column = column.ok_or_else(|| format!("the values of `{}` are missing", field.name))?;

        taken.push(
            values(column).map_err(|why| format!("the values of `{}` are {why}", field.name))?,
        );
    }

    let count = taken[fields.key].len();
    let mut rows: Vec<Row> = (0..count).map(|_| Vec::with_capacity(taken.len())).collect();

    for (values, field) in taken.into_iter().zip(&fields.all) {
        if values.len() != count {
            return Err(format!(
                "there are {count} rows, and {} values of `{}`",
                values.len(),
                field.name
            ));
        }

        for (row, value) in rows.iter_mut().zip(values) {
            row.push(value);
        }
    }

    Ok(rows)
}

fn values(column: FieldData) -> Result<Vec<Value>, &'static str> {
    let values = match column.field {
        Some(Column::Scalars(scalars)) => scalar_values(scalars),
        Some(Column::Vectors(vectors)) => vector_values(vectors)?,
        None => vec![],
    };

    let valid = column.valid_data;
    let there = valid.iter().filter(|valid| **valid).count();
    if valid.is_empty() || values.len() == there && there == valid.len() {
        return Ok(values);
    }

    // a server returns a placeholder for null values, and wants none when they are inserted
    if values.len() == valid.len() {
        return Ok(values
            .into_iter()
            .zip(valid)
            .map(|(value, valid)| if valid { value } else { Value::Null })
            .collect());
    }

    if values.len() != there {
        return Err("not as many as they should be");
    }

    let mut values = values.into_iter();
    Ok(valid
        .into_iter()
        .map(|valid| if valid { values.next().unwrap_or(Value::Null) } else { Value::Null })
        .collect())
}

fn scalar_values(field: ScalarField) -> Vec<Value> {
    match field.data {
        None => vec![],
        Some(Scalars::Bools(a)) => a.data.into_iter().map(Value::Bool).collect(),
        Some(Scalars::Ints(a)) => a.data.into_iter().map(Value::Int).collect(),
        Some(Scalars::Longs(a)) => a.data.into_iter().map(Value::Long).collect(),
        Some(Scalars::Floats(a)) => a.data.into_iter().map(Value::Float).collect(),
        Some(Scalars::Doubles(a)) => a.data.into_iter().map(Value::Double).collect(),
        Some(Scalars::Texts(a)) => a.data.into_iter().map(Value::Text).collect(),
        Some(Scalars::Bytes(a) | Scalars::Json(a)) => {
            a.data.into_iter().map(Value::Bytes).collect()
        }
        Some(Scalars::Arrays(a)) => {
            a.data.into_iter().map(|list| Value::List(scalar_values(list))).collect()
        }
    }
}

fn vector_values(field: VectorField) -> Result<Vec<Value>, &'static str> {
    let dim = usize::try_from(field.dim).unwrap_or(0);
    let bytes = |data: Vec<u8>, width: usize| {
        if width == 0 || !data.len().is_multiple_of(width) {
            return if data.is_empty() { Ok(vec![]) } else { Err("not whole vectors") };
        }
        Ok(data.chunks(width).map(|vector| Value::Bytes(vector.to_vec())).collect())
    };

    match field.data {
        None => Ok(vec![]),
        Some(Vectors::Floats(a)) if a.data.is_empty() => Ok(vec![]),
        Some(Vectors::Floats(a)) if dim == 0 || !a.data.len().is_multiple_of(dim) => {
            Err("not whole vectors")
        }
        Some(Vectors::Floats(a)) => {
            Ok(a.data.chunks(dim).map(|vector| Value::Floats(vector.to_vec())).collect())
        }
        Some(Vectors::Bits(data)) => bytes(data, dim / 8),
        Some(Vectors::Halves(data) | Vectors::Brains(data)) => bytes(data, dim * 2),
        Some(Vectors::Bytes(data)) => bytes(data, dim),
        Some(Vectors::Sparse(a)) => Ok(a.contents.into_iter().map(Value::Bytes).collect()),
    }
}

/// The columns of some rows, as they are inserted and kept.
pub(super) fn columns(fields: &Fields, rows: &[Row]) -> Vec<FieldData> {
    let column = |(at, field): (usize, &Field)| {
        let there: Vec<&Value> =
            rows.iter().map(|row| &row[at]).filter(|value| **value != Value::Null).collect();
        let column = match field.kind as i32 {
            100.. => Column::Vectors(VectorField {
                dim: field.dim(&there),
                data: vectors(field.kind, &there),
            }),
            _ => Column::Scalars(scalars(field.kind, field.element, &there)),
        };

        let valid_data = if field.nullable {
            rows.iter().map(|row| row[at] != Value::Null).collect()
        } else {
            vec![]
        };

        FieldData {
            r#type: field.kind as i32,
            field_name: field.name.clone(),
            field: Some(column),
            field_id: 0,
            is_dynamic: field.name == DYNAMIC,
            valid_data,
        }
    };
    fields.all.iter().enumerate().map(column).collect()
}

impl Field {
    /// A sparse vector has no dimension of its own: it is that of the largest index, as Milvus's
    /// clients send it.
    fn dim(&self, values: &[&Value]) -> i64 {
        if self.kind != DataType::SparseFloatVector {
            return self.dim;
        }

        let last = |bytes: &[u8]| {
            bytes
                .chunks_exact(8)
                .map(|pair| u32::from_le_bytes([pair[0], pair[1], pair[2], pair[3]]))
                .max()
        };

        let of = |value: &&Value| if let Value::Bytes(bytes) = value { last(bytes) } else { None };
        values.iter().filter_map(of).max().map_or(0, |last| i64::from(last) + 1)
    }
}

fn scalars(kind: DataType, element: DataType, values: &[&Value]) -> ScalarField {
    macro_rules! pick {
        ($array:ident, $value:ident) => {
            $array {
                data: values
                    .iter()
                    .filter_map(|v| if let Value::$value(v) = v { Some(v.clone()) } else { None })
                    .collect(),
            }
        };
    }

    let data = match kind {
        DataType::Bool => Scalars::Bools(pick!(BoolArray, Bool)),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => Scalars::Ints(pick!(IntArray, Int)),
        DataType::Int64 => Scalars::Longs(pick!(LongArray, Long)),
        DataType::Float => Scalars::Floats(pick!(FloatArray, Float)),
        DataType::Double => Scalars::Doubles(pick!(DoubleArray, Double)),
        DataType::String | DataType::VarChar => Scalars::Texts(pick!(StringArray, Text)),
        DataType::Json => Scalars::Json(pick!(BytesArray, Bytes)),
        DataType::Array => {
            let list = |value: &&Value| match value {
                Value::List(list) => {
                    Some(scalars(element, DataType::None, &list.iter().collect::<Vec<_>>()))
                }
                _ => None,
            };

            Scalars::Arrays(ArrayArray {
                data: values.iter().filter_map(list).collect(),
                element_type: element as i32,
            })
        }
        _ => return ScalarField { data: None },
    };
    ScalarField { data: Some(data) }
}

fn vectors(kind: DataType, values: &[&Value]) -> Option<Vectors> {
    let floats = || {
        values
            .iter()
            .flat_map(|v| if let Value::Floats(v) = v { v.clone() } else { vec![] })
            .collect()
    };

    let each = || {
        values
            .iter()
            .map(|v| if let Value::Bytes(v) = v { v.clone() } else { vec![] })
            .collect::<Vec<_>>()
    };

    Some(match kind {
        DataType::FloatVector => Vectors::Floats(FloatArray { data: floats() }),
        DataType::BinaryVector => Vectors::Bits(each().concat()),
        DataType::Float16Vector => Vectors::Halves(each().concat()),
        DataType::BFloat16Vector => Vectors::Brains(each().concat()),
        DataType::Int8Vector => Vectors::Bytes(each().concat()),
        DataType::SparseFloatVector => {
            let dim = 0;
            Vectors::Sparse(SparseFloatArray { contents: each(), dim })
        }
        _ => return None,
    })
}

/// Writes a value so that no two values look the same: the digest of a collection is made from this
/// (docs/milvus-format.md).
pub(super) fn feed(value: &Value, to: &mut impl Write) -> io::Result<()> {
    fn sized(tag: u8, length: usize, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&[tag])?;
        to.write_all(&(length as u64).to_le_bytes())
    }

    match value {
        Value::Null => to.write_all(&[0]),
        Value::Bool(v) => to.write_all(&[1, u8::from(*v)]),
        Value::Int(v) => to.write_all(&[2]).and_then(|()| to.write_all(&v.to_le_bytes())),
        Value::Long(v) => to.write_all(&[3]).and_then(|()| to.write_all(&v.to_le_bytes())),
        Value::Float(v) => {
            to.write_all(&[4]).and_then(|()| to.write_all(&v.to_bits().to_le_bytes()))
        }
        Value::Double(v) => {
            to.write_all(&[5]).and_then(|()| to.write_all(&v.to_bits().to_le_bytes()))
        }
        Value::Text(v) => sized(6, v.len(), to).and_then(|()| to.write_all(v.as_bytes())),
        Value::Bytes(v) => sized(7, v.len(), to).and_then(|()| to.write_all(v)),
        Value::Floats(v) => {
            sized(8, v.len(), to)?;
            v.iter().try_for_each(|v| to.write_all(&v.to_bits().to_le_bytes()))
        }
        Value::List(v) => {
            sized(9, v.len(), to)?;
            v.iter().try_for_each(|v| feed(v, to))
        }
    }
}
