//! One connection to Milvus. Only this file is async: every call waits for its answer.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use prost::Message;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code as GrpcCode, Request};
use tonic_prost::ProstCodec;

use super::proto::rpc::{Answer, Databases, Nothing, Version};
use crate::bytes;
use crate::problem::{Code, Problem};

const CONNECT: Duration = Duration::from_secs(10);
/// Longer than any successful call takes: a strongly consistent query on a busy server waits for
/// its clock.
const CALL: Duration = Duration::from_secs(180);
/// Larger answers are not accepted; a reader then asks for fewer rows.
pub(super) const LARGEST_ANSWER: usize = 64 << 20;
const SERVICE: &str = "/milvus.proto.milvus.MilvusService/";
/// How often to repeat a call that hit the server's rate limits, a second apart.
const PATIENCE: u32 = 60;

/// Where a Milvus is, which of its databases, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// `http://host:port`.
    pub url: String,
    /// The database; empty for the server's `default`.
    pub database: String,
    /// `user:password` or an API key.
    pub token: Option<String>,
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "***");
        f.debug_struct("Address")
            .field("url", &self.url)
            .field("database", &self.database)
            .field("token", &token)
            .finish()
    }
}

/// A connection. Its calls block.
pub struct Milvus {
    runtime: tokio::runtime::Runtime,
    grpc: Grpc<Channel>,
    metadata: Vec<(&'static str, MetadataValue<Ascii>)>,
    database: String,
    version: String,
}

/// Why a call failed.
pub(super) enum Failure {
    /// The server refused, with its code.
    Said { code: i32, old_code: i32, reason: String },
    /// No answer came, or an unreadable one.
    Lost(tonic::Status),
}

impl Failure {
    /// A server of any version says that there is no index.
    pub fn no_index(&self) -> bool {
        matches!(self, Self::Said { code: 700, .. } | Self::Said { code: 0, old_code: 25, .. })
    }

    /// The answer would have been too large, for us or for the server.
    pub fn too_large(&self) -> bool {
        match self {
            Self::Lost(status) => {
                matches!(status.code(), GrpcCode::ResourceExhausted | GrpcCode::OutOfRange)
            }
            Self::Said { reason, .. } => {
                reason.contains("larger than max") || reason.contains("exceeds")
            }
        }
    }

    pub fn unknown_call(&self) -> bool {
        matches!(self, Self::Lost(status) if status.code() == GrpcCode::Unimplemented)
    }

    fn too_soon(&self) -> bool {
        matches!(self, Self::Said { code: 8, .. } | Self::Said { old_code: 49, .. })
    }

    pub fn problem(self, doing: &str) -> Problem {
        let problem = Problem::failed(format!("could not {doing}"));
        match self {
            Self::Said { reason, .. } => problem.because(format!("Milvus says: {reason}")),
            Self::Lost(status)
                if matches!(
                    status.code(),
                    GrpcCode::Unauthenticated | GrpcCode::PermissionDenied
                ) =>
            {
                problem
                    .code(Code::LoginRefused)
                    .because(status.message())
                    .cure("use a token with the rights for this: `user:password` or an API key")
            }
            Self::Lost(status) => problem
                .code(Code::ServerUnreachable)
                .because(format!("the connection to Milvus failed: {}", status.message()))
                .cure("check the server's log; then run the command again"),
        }
    }
}

impl Milvus {
    /// Connects, within ten seconds, and asks for the version: it is an error if something else
    /// answers.
    ///
    /// # Errors
    /// Nothing answers there, it is not a Milvus, the token is not accepted, or there is no such
    /// database.
    pub fn connect(address: &Address) -> Result<Self> {
        let endpoint = endpoint(&address.url)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;

        let lost = |why: String| {
            Problem::failed(format!("no Milvus answers at `{}`", address.url))
                .code(Code::ServerUnreachable)
                .because(why)
                .cure("start it, or correct the address")
        };

        let connected =
            runtime.block_on(async { tokio::time::timeout(CONNECT, endpoint.connect()).await });
        let channel = connected
            .map_err(|_| lost(format!("no answer within {} seconds", CONNECT.as_secs())))?
            .map_err(|e| lost(root_cause(&e)))?;
        let grpc = Grpc::new(channel).max_decoding_message_size(LARGEST_ANSWER);
        let metadata = metadata(address)?;

        let mut milvus = Self {
            runtime,
            grpc,
            metadata,
            database: address.database.clone(),
            version: String::new(),
        };

        let version: Version =
            milvus.ask("GetVersion", &Nothing {}).map_err(|failure| match failure {
                Failure::Lost(status)
                    if !matches!(
                        status.code(),
                        GrpcCode::Unauthenticated | GrpcCode::PermissionDenied
                    ) =>
                {
                    lost(status.message().to_owned())
                }
                failure => {
                    failure.problem(&format!("ask the Milvus at `{}` for its version", address.url))
                }
            })?;

        milvus.version = version.version;
        milvus.find_database()?;

        Ok(milvus)
    }

    /// The version that the server reports.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The database, as every request names it.
    pub(super) fn db(&self) -> String {
        self.database.clone()
    }

    /// A server without databases would take every request as for the only one it has.
    fn find_database(&self) -> Result<(), Problem> {
        if matches!(self.database.as_str(), "" | "default") {
            return Ok(());
        }

        let listed = match self.ask::<Databases>("ListDatabases", &Nothing {}) {
            Err(failure) if failure.unknown_call() => Databases::default(),
            listed => listed.map_err(|failure| failure.problem("list the databases of Milvus"))?,
        };
        if listed.db_names.contains(&self.database) {
            return Ok(());
        }

        let has = listed.db_names.join("`, `");
        Err(Problem::failed(format!("Milvus has no database `{}`", self.database))
            .code(Code::NoSuchDatabase)
            .because(if has.is_empty() {
                "this server does not support databases".into()
            } else {
                format!("it has `{has}`")
            })
            .cure("correct the name, or create the database"))
    }

    /// Calls, and says what was tried if it fails.
    pub(super) fn call<A: Answer + 'static>(
        &self,
        method: &str,
        request: &(impl Message + Clone + 'static),
        doing: &str,
    ) -> Result<A, Problem> {
        self.ask(method, request).map_err(|failure| failure.problem(doing))
    }

    /// Calls; again if the server wants fewer calls per second.
    pub(super) fn ask<A: Answer + 'static>(
        &self,
        method: &str,
        request: &(impl Message + Clone + 'static),
    ) -> Result<A, Failure> {
        let mut tries = 0;
        loop {
            match self.once(method, request) {
                Err(failure) if failure.too_soon() && tries < PATIENCE => {
                    tries += 1;
                    sleep(Duration::from_secs(1));
                }
                done => return done,
            }
        }
    }

    fn once<A: Answer + 'static>(
        &self,
        method: &str,
        request: &(impl Message + Clone + 'static),
    ) -> Result<A, Failure> {
        let path = PathAndQuery::try_from(format!("{SERVICE}{method}"))
            .map_err(|e| Failure::Lost(tonic::Status::internal(e.to_string())))?;
        let mut message = Request::new(request.clone());
        for (key, value) in &self.metadata {
            message.metadata_mut().insert(*key, value.clone());
        }

        let mut grpc = self.grpc.clone();
        let answer: A = self.runtime.block_on(async move {
            let call = async {
                grpc.ready().await.map_err(|e| tonic::Status::unavailable(root_cause(&e)))?;
                grpc.unary(message, path, ProstCodec::default()).await
            };
            match tokio::time::timeout(CALL, call).await {
                Ok(answer) => answer.map(tonic::Response::into_inner).map_err(Failure::Lost),
                Err(_) => {
                    let text = format!("no answer within {} seconds", CALL.as_secs());
                    Err(Failure::Lost(tonic::Status::deadline_exceeded(text)))
                }
            }
        })?;

        match answer.status() {
            Some(status) if status.code != 0 || status.error_code != 0 => Err(Failure::Said {
                code: status.code,
                old_code: status.error_code,
                reason: status.reason.clone(),
            }),
            _ => Ok(answer),
        }
    }
}

fn endpoint(url: &str) -> Result<Endpoint, Problem> {
    if url.starts_with("https:") {
        return Err(Problem::usage(format!(
            "`{url}` can't be used: TLS to Milvus is not supported"
        ))
        .code(Code::Unsupported)
        .cure("use an `http://` address of the server itself or of a tunnel to it"));
    }

    let wrong = || {
        Problem::usage(format!("`{url}` is not an address of a Milvus"))
            .cure("write it as `http://127.0.0.1:19530`")
    };
    if !url.starts_with("http://") {
        return Err(wrong());
    }

    Ok(Endpoint::from_shared(url.to_owned())
        .map_err(|_| wrong())?
        .connect_timeout(CONNECT)
        .tcp_nodelay(true))
}

/// As Milvus's own clients send them.
fn metadata(address: &Address) -> Result<Vec<(&'static str, MetadataValue<Ascii>)>, Problem> {
    let mut out = Vec::new();

    if let Some(token) = &address.token {
        let encoded = bytes::base64(token.as_bytes());
        let mut value = MetadataValue::try_from(encoded)
            .map_err(|_| Problem::usage("the token of Milvus can't be sent"))?;
        value.set_sensitive(true);
        out.push(("authorization", value));
    }

    if !address.database.is_empty() {
        let value = MetadataValue::try_from(address.database.as_str()).map_err(|_| {
            Problem::usage(format!(
                "`{}` is not a valid name of a Milvus database",
                address.database
            ))
        })?;
        out.push(("dbname", value));
    }

    Ok(out)
}

/// The innermost cause of an error: the outer ones only say "transport error".
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests;
