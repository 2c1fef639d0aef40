//! `schema.proto` and `common.proto`: what a collection looks like, and its values by columns.

use prost::{Enumeration, Message, Oneof};

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct KeyValuePair {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
#[repr(i32)]
pub(in super::super) enum DataType {
    None = 0,
    Bool = 1,
    Int8 = 2,
    Int16 = 3,
    Int32 = 4,
    Int64 = 5,
    Float = 10,
    Double = 11,
    String = 20,
    VarChar = 21,
    Array = 22,
    Json = 23,
    BinaryVector = 100,
    FloatVector = 101,
    Float16Vector = 102,
    BFloat16Vector = 103,
    SparseFloatVector = 104,
    Int8Vector = 105,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct CollectionSchema {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub description: String,
    #[prost(bool, tag = "3")]
    pub auto_id: bool,
    #[prost(message, repeated, tag = "4")]
    pub fields: Vec<FieldSchema>,
    #[prost(bool, tag = "5")]
    pub enable_dynamic_field: bool,
    #[prost(message, repeated, tag = "6")]
    pub properties: Vec<KeyValuePair>,
    #[prost(message, repeated, tag = "7")]
    pub functions: Vec<FunctionSchema>,
    #[prost(string, tag = "8")]
    pub db_name: String,
    #[prost(int32, tag = "10")]
    pub version: i32,
    #[prost(bool, tag = "15")]
    pub enable_namespace: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct FieldSchema {
    #[prost(int64, tag = "1")]
    pub field_id: i64,
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(bool, tag = "3")]
    pub is_primary_key: bool,
    #[prost(string, tag = "4")]
    pub description: String,
    #[prost(int32, tag = "5")]
    pub data_type: i32,
    #[prost(message, repeated, tag = "6")]
    pub type_params: Vec<KeyValuePair>,
    #[prost(message, repeated, tag = "7")]
    pub index_params: Vec<KeyValuePair>,
    #[prost(bool, tag = "8")]
    pub auto_id: bool,
    #[prost(int32, tag = "9")]
    pub state: i32,
    #[prost(int32, tag = "10")]
    pub element_type: i32,
    #[prost(message, optional, tag = "11")]
    pub default_value: Option<ValueField>,
    #[prost(bool, tag = "12")]
    pub is_dynamic: bool,
    #[prost(bool, tag = "13")]
    pub is_partition_key: bool,
    #[prost(bool, tag = "14")]
    pub is_clustering_key: bool,
    #[prost(bool, tag = "15")]
    pub nullable: bool,
    #[prost(bool, tag = "16")]
    pub is_function_output: bool,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct FunctionSchema {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, tag = "2")]
    pub id: i64,
    #[prost(string, tag = "3")]
    pub description: String,
    #[prost(int32, tag = "4")]
    pub r#type: i32,
    #[prost(string, repeated, tag = "5")]
    pub input_field_names: Vec<String>,
    #[prost(int64, repeated, tag = "6")]
    pub input_field_ids: Vec<i64>,
    #[prost(string, repeated, tag = "7")]
    pub output_field_names: Vec<String>,
    #[prost(int64, repeated, tag = "8")]
    pub output_field_ids: Vec<i64>,
    #[prost(message, repeated, tag = "9")]
    pub params: Vec<KeyValuePair>,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct ValueField {
    #[prost(oneof = "DefaultValue", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    pub data: Option<DefaultValue>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(in super::super) enum DefaultValue {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(int32, tag = "2")]
    Int(i32),
    #[prost(int64, tag = "3")]
    Long(i64),
    #[prost(float, tag = "4")]
    Float(f32),
    #[prost(double, tag = "5")]
    Double(f64),
    #[prost(string, tag = "6")]
    Text(String),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
    #[prost(int64, tag = "8")]
    Timestamptz(i64),
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct FieldData {
    #[prost(int32, tag = "1")]
    pub r#type: i32,
    #[prost(string, tag = "2")]
    pub field_name: String,
    #[prost(oneof = "Column", tags = "3, 4")]
    pub field: Option<Column>,
    #[prost(int64, tag = "5")]
    pub field_id: i64,
    #[prost(bool, tag = "6")]
    pub is_dynamic: bool,
    #[prost(bool, repeated, tag = "7")]
    pub valid_data: Vec<bool>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(in super::super) enum Column {
    #[prost(message, tag = "3")]
    Scalars(ScalarField),
    #[prost(message, tag = "4")]
    Vectors(VectorField),
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct ScalarField {
    #[prost(oneof = "Scalars", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub data: Option<Scalars>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(in super::super) enum Scalars {
    #[prost(message, tag = "1")]
    Bools(BoolArray),
    #[prost(message, tag = "2")]
    Ints(IntArray),
    #[prost(message, tag = "3")]
    Longs(LongArray),
    #[prost(message, tag = "4")]
    Floats(FloatArray),
    #[prost(message, tag = "5")]
    Doubles(DoubleArray),
    #[prost(message, tag = "6")]
    Texts(StringArray),
    #[prost(message, tag = "7")]
    Bytes(BytesArray),
    #[prost(message, tag = "8")]
    Arrays(ArrayArray),
    #[prost(message, tag = "9")]
    Json(BytesArray),
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct BoolArray {
    #[prost(bool, repeated, tag = "1")]
    pub data: Vec<bool>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct IntArray {
    #[prost(int32, repeated, tag = "1")]
    pub data: Vec<i32>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct LongArray {
    #[prost(int64, repeated, tag = "1")]
    pub data: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct FloatArray {
    #[prost(float, repeated, tag = "1")]
    pub data: Vec<f32>,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct DoubleArray {
    #[prost(double, repeated, tag = "1")]
    pub data: Vec<f64>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct StringArray {
    #[prost(string, repeated, tag = "1")]
    pub data: Vec<String>,
}

/// Both `BytesArray` and `JSONArray`: they are the same.
#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct BytesArray {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub data: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct ArrayArray {
    #[prost(message, repeated, tag = "1")]
    pub data: Vec<ScalarField>,
    #[prost(int32, tag = "2")]
    pub element_type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct VectorField {
    #[prost(int64, tag = "1")]
    pub dim: i64,
    #[prost(oneof = "Vectors", tags = "2, 3, 4, 5, 6, 7")]
    pub data: Option<Vectors>,
}

#[derive(Clone, PartialEq, Oneof)]
pub(in super::super) enum Vectors {
    #[prost(message, tag = "2")]
    Floats(FloatArray),
    #[prost(bytes = "vec", tag = "3")]
    Bits(Vec<u8>),
    #[prost(bytes = "vec", tag = "4")]
    Halves(Vec<u8>),
    #[prost(bytes = "vec", tag = "5")]
    Brains(Vec<u8>),
    #[prost(message, tag = "6")]
    Sparse(SparseFloatArray),
    #[prost(bytes = "vec", tag = "7")]
    Bytes(Vec<u8>),
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct SparseFloatArray {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub contents: Vec<Vec<u8>>,
    #[prost(int64, tag = "2")]
    pub dim: i64,
}
