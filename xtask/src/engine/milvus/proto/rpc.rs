//! `milvus.proto`: questions and answers. A message that many calls share is here once.

use prost::Message;

use super::schema::{FieldData, KeyValuePair};

pub(in super::super) const STRONG: i32 = 0;
pub(in super::super) const CUSTOMIZED: i32 = 4;

/// An answer that says whether the call was done.
pub(in super::super) trait Answer: Message + Default {
    fn status(&self) -> Option<&Status>;
}

/// The answers whose first field is their status.
macro_rules! answers {
    ($($name:ident),*) => { $(impl Answer for $name { fn status(&self) -> Option<&Status> { self.status.as_ref() } })* };
}
answers!(
    Version,
    Databases,
    Collections,
    Description,
    Indexes,
    LoadState,
    Statistics,
    Partitions,
    Aliases
);
answers!(Rows, Mutation, Flushed, Timestamp);

impl Answer for Status {
    fn status(&self) -> Option<&Status> {
        Some(self)
    }
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Status {
    /// As servers before 2.3 say it.
    #[prost(int32, tag = "1")]
    pub error_code: i32,
    #[prost(string, tag = "2")]
    pub reason: String,
    #[prost(int32, tag = "3")]
    pub code: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Nothing {}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Version {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(string, tag = "2")]
    pub version: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Databases {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(string, repeated, tag = "2")]
    pub db_names: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Timestamp {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(uint64, tag = "2")]
    pub timestamp: u64,
}

/// `ShowCollectionsRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct ShowCollections {
    #[prost(string, tag = "2")]
    pub db_name: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Collections {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(string, repeated, tag = "2")]
    pub collection_names: Vec<String>,
}

/// Every request that only names a collection.
#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct OfCollection {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
}

/// `DescribeCollectionResponse`; the schema is taken as bytes, so that what is unknown in it can be
/// noticed.
#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Description {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(bytes = "vec", tag = "2")]
    pub schema: Vec<u8>,
    #[prost(int64, tag = "3")]
    pub collection_id: i64,
    #[prost(int32, tag = "8")]
    pub shards_num: i32,
    #[prost(string, repeated, tag = "9")]
    pub aliases: Vec<String>,
    #[prost(int32, tag = "11")]
    pub consistency_level: i32,
    #[prost(message, repeated, tag = "13")]
    pub properties: Vec<KeyValuePair>,
    #[prost(int64, tag = "15")]
    pub num_partitions: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Aliases {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(string, repeated, tag = "4")]
    pub aliases: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Indexes {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub index_descriptions: Vec<IndexDescription>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct IndexDescription {
    #[prost(string, tag = "1")]
    pub index_name: String,
    #[prost(message, repeated, tag = "3")]
    pub params: Vec<KeyValuePair>,
    #[prost(string, tag = "4")]
    pub field_name: String,
    #[prost(int32, tag = "7")]
    pub state: i32,
    #[prost(string, tag = "8")]
    pub index_state_fail_reason: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct GetLoadState {
    #[prost(string, tag = "2")]
    pub collection_name: String,
    #[prost(string, repeated, tag = "3")]
    pub partition_names: Vec<String>,
    #[prost(string, tag = "4")]
    pub db_name: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct LoadState {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(int32, tag = "2")]
    pub state: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Statistics {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub stats: Vec<KeyValuePair>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Partitions {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(string, repeated, tag = "2")]
    pub partition_names: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct CreatePartition {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub partition_name: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct LoadCollection {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(int32, tag = "4")]
    pub replica_number: i32,
}

/// `LoadPartitionsRequest`, and `ReleasePartitionsRequest` where there is no replica number.
#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct OfPartitions {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, repeated, tag = "4")]
    pub partition_names: Vec<String>,
    #[prost(int32, tag = "5")]
    pub replica_number: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Query {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub expr: String,
    #[prost(string, repeated, tag = "5")]
    pub output_fields: Vec<String>,
    #[prost(string, repeated, tag = "6")]
    pub partition_names: Vec<String>,
    #[prost(uint64, tag = "8")]
    pub guarantee_timestamp: u64,
    #[prost(message, repeated, tag = "9")]
    pub query_params: Vec<KeyValuePair>,
    #[prost(int32, tag = "11")]
    pub consistency_level: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct Rows {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(message, repeated, tag = "2")]
    pub fields_data: Vec<FieldData>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct CreateCollection {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(bytes = "vec", tag = "4")]
    pub schema: Vec<u8>,
    #[prost(int32, tag = "5")]
    pub shards_num: i32,
    #[prost(int32, tag = "6")]
    pub consistency_level: i32,
    #[prost(message, repeated, tag = "7")]
    pub properties: Vec<KeyValuePair>,
    #[prost(int64, tag = "8")]
    pub num_partitions: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct CreateIndex {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub field_name: String,
    #[prost(message, repeated, tag = "5")]
    pub extra_params: Vec<KeyValuePair>,
    #[prost(string, tag = "6")]
    pub index_name: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct DropIndex {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub field_name: String,
    #[prost(string, tag = "5")]
    pub index_name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(in super::super) struct Insert {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub partition_name: String,
    #[prost(message, repeated, tag = "5")]
    pub fields_data: Vec<FieldData>,
    #[prost(uint32, tag = "7")]
    pub num_rows: u32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Delete {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "5")]
    pub expr: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Mutation {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    #[prost(int64, tag = "6")]
    pub insert_cnt: i64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Flush {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, repeated, tag = "3")]
    pub collection_names: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Flushed {
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct Rename {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub old_name: String,
    #[prost(string, tag = "4")]
    pub new_name: String,
    #[prost(string, tag = "5")]
    pub new_db_name: String,
}

/// `CreateAliasRequest` and `AlterAliasRequest`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct PutAlias {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(string, tag = "4")]
    pub alias: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct DropAlias {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub alias: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(in super::super) struct AlterCollection {
    #[prost(string, tag = "2")]
    pub db_name: String,
    #[prost(string, tag = "3")]
    pub collection_name: String,
    #[prost(message, repeated, tag = "5")]
    pub properties: Vec<KeyValuePair>,
    #[prost(string, repeated, tag = "6")]
    pub delete_keys: Vec<String>,
}
