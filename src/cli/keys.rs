//! `tidings keys`: API keys, by way of the running server.

use anyhow::Context;
use std::process::ExitCode;
use tidings::proto::v1::api_key_service_client::ApiKeyServiceClient;
use tidings::proto::v1::{CreateApiKeyRequest, DeleteApiKeyRequest, ListApiKeysRequest};
use tidings::secrets::{ApiKey, KeyKind, KeyMode};
use tonic::Request;
use tonic::transport::Channel;

/// The largest page that the server gives.
const PAGE_SIZE: i32 = 1_000;

/// Keeps the API keys of a running server.
#[derive(clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Makes the text of a key, for the bootstrap key of a server that has not started yet
    Generate,
    /// Creates a key and shows it, once
    Create {
        /// For people
        name: String,
        /// What it may do, such as activities:write; may be given several times
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        #[command(flatten)]
        server: Server,
    },
    /// Lists the keys, without their values
    List {
        #[command(flatten)]
        server: Server,
    },
    /// Deletes a key
    Delete {
        /// Its id, as `list` shows it
        api_key_id: String,
        #[command(flatten)]
        server: Server,
    },
}

#[derive(clap::Args)]
struct Server {
    /// The running server
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    server: String,
    /// A file with a key that has the scope admin; without it the key is read from standard input
    #[arg(long)]
    key_file: Option<std::path::PathBuf>,
}

pub(crate) async fn run(keys: &Keys) -> anyhow::Result<ExitCode> {
    match &keys.command {
        Command::Generate => {
            let key = ApiKey::generate(KeyMode::Live, KeyKind::Secret, uuid::Uuid::now_v7())?;
            println!("{}", secrecy::ExposeSecret::expose_secret(&key.text()));
        }
        Command::Create { name, scopes, server } => create(name, scopes, server).await?,
        Command::List { server } => list(server).await?,
        Command::Delete { api_key_id, server } => {
            let message = DeleteApiKeyRequest {
                api_key_id: api_key_id.clone(),
                ..DeleteApiKeyRequest::default()
            };
            let (mut client, key) = server.connect().await?;
            client.delete_api_key(with_key(message, &key)?).await.map_err(refused)?;
            println!("{api_key_id} is deleted.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(name: &str, scopes: &[String], server: &Server) -> anyhow::Result<()> {
    let message = CreateApiKeyRequest {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        ..CreateApiKeyRequest::default()
    };
    let (mut client, key) = server.connect().await?;
    let created = client.create_api_key(with_key(message, &key)?).await.map_err(refused)?;
    println!("{}", created.into_inner().secret);
    Ok(())
}

async fn list(server: &Server) -> anyhow::Result<()> {
    let (mut client, key) = server.connect().await?;
    let mut page_token = String::new();
    loop {
        let message = ListApiKeysRequest {
            page_size: PAGE_SIZE,
            page_token,
            ..ListApiKeysRequest::default()
        };
        let page = client.list_api_keys(with_key(message, &key)?).await.map_err(refused)?;
        let page = page.into_inner();
        for key in page.api_keys {
            println!("{}  {}  {}", key.api_key_id, key.scopes.join(","), key.name);
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

impl Server {
    async fn connect(&self) -> anyhow::Result<(ApiKeyServiceClient<Channel>, String)> {
        let key = match &self.key_file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("{} cannot be read", file.display()))?,
            None => std::io::read_to_string(std::io::stdin())?,
        };
        let client = ApiKeyServiceClient::connect(self.server.clone()).await;
        let client = client.with_context(|| format!("no server answers at {}", self.server))?;
        Ok((client, key.trim().to_owned()))
    }
}

fn with_key<T>(message: T, key: &str) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    let value = format!("Bearer {key}").parse().context("the key is not one line of text")?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn refused(status: tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{} ({:?})", status.message(), status.code())
}
