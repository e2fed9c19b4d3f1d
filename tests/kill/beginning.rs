//! How the process begins, and what it refuses to begin with.

use crate::process::{Ended, Process, Variables};
use crate::world::{END_MAX, new_key, variables};
use std::path::Path;
use tempfile::TempDir;
use tidings::proto::v1::ListActivitiesRequest;
use tidings::proto::v1::live_activity_service_client::LiveActivityServiceClient;
use tidings::secrets::{ApiKey, KeyKind};
use tonic::transport::Endpoint;
use tonic::{Code, Request};

fn free(extra: &[(&str, String)]) -> Variables {
    let any = || "127.0.0.1:0".to_owned();
    let mut all = variables(&[("GRPC__LISTEN", any()), ("HTTP__LISTEN", any())]);
    all.extend(variables(extra));
    all
}

fn database(folder: &Path) -> (&'static str, String) {
    ("DATABASE__URL", format!("sqlite://{}", folder.join("t.db").display()))
}

fn words_of_keys(lines: &[String]) -> Vec<&str> {
    lines.iter().flat_map(|line| line.split_whitespace()).filter(|w| w.contains("tdg_")).collect()
}

/// Calls the server with a key.
async fn call(address: &str, key: &str) -> Result<(), Code> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let channel = endpoint.connect().await.expect("connected");
    let mut request = Request::new(ListActivitiesRequest::default());
    let authorization = format!("Bearer {key}").parse().expect("ASCII");
    request.metadata_mut().insert("authorization", authorization);
    let answer = LiveActivityServiceClient::new(channel).list_activities(request).await;
    answer.map(|_| ()).map_err(|status| status.code())
}

async fn end(mut process: Process) -> Ended {
    process.terminate();
    let ended = process.ended(END_MAX).await;
    assert!(ended.status.success(), "{ended:?}");
    ended
}

async fn refused(mut process: Process) -> String {
    let ended = process.ended(END_MAX).await;
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.output, "", "nothing is served");
    ended.log
}

#[tokio::test]
async fn the_first_start_prints_one_usable_key_and_the_second_prints_none() {
    let folder = TempDir::new().expect("a folder");
    let settings = free(&[database(folder.path())]);
    let mut first = Process::spawn(folder.path(), "first", &["serve"], &settings);
    let serving = first.serving().await;
    let keys = words_of_keys(&serving.said);
    let [key] = keys.as_slice() else { panic!("one key: {:?}", serving.said) };
    assert_eq!(ApiKey::parse(key).expect("a key").kind, KeyKind::Secret);
    assert_eq!(call(&serving.address, key).await, Ok(()));
    assert_eq!(call(&serving.address, &new_key()).await, Err(Code::Unauthenticated));
    let ended = end(first).await;
    assert!(!ended.log.contains("tdg_"), "a key in the log:\n{}", ended.log);

    let mut second = Process::spawn(folder.path(), "second", &["serve"], &settings);
    let again = second.serving().await;
    assert_eq!(words_of_keys(&again.said), [""; 0]);
    assert_eq!(call(&again.address, key).await, Ok(()), "the first key still works");
    let ended = end(second).await;
    assert!(!ended.output.contains("tdg_") && !ended.log.contains("tdg_"));
}

#[tokio::test]
async fn the_bootstrap_key_is_installed_and_not_printed() {
    let folder = TempDir::new().expect("a folder");
    let key = new_key();
    let settings = free(&[database(folder.path()), ("SECURITY__BOOTSTRAP_KEY", key.clone())]);
    let mut process = Process::spawn(folder.path(), "server", &["serve"], &settings);
    let serving = process.serving().await;
    assert_eq!(words_of_keys(&serving.said), [""; 0]);
    assert_eq!(call(&serving.address, &key).await, Ok(()));
    let ended = end(process).await;
    assert!(!ended.log.contains("tdg_") && !ended.output.contains("tdg_"));
}

#[tokio::test]
async fn a_second_server_on_the_same_database_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let settings = free(&[database(folder.path())]);
    let mut first = Process::spawn(folder.path(), "first", &["serve"], &settings);
    let serving = first.serving().await;
    let key = words_of_keys(&serving.said)[0];
    let said = refused(Process::spawn(folder.path(), "second", &["serve"], &settings)).await;
    assert!(said.contains("Another process holds the database"), "{said}");
    assert!(said.contains("t.db"), "it says which: {said}");
    assert_eq!(call(&serving.address, key).await, Ok(()), "the first one serves on");
    end(first).await;
    let mut third = Process::spawn(folder.path(), "third", &["serve"], &settings);
    third.serving().await;
    end(third).await;
}

#[tokio::test]
async fn a_database_without_its_key_file_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let settings = free(&[database(folder.path())]);
    let mut first = Process::spawn(folder.path(), "first", &["serve"], &settings);
    first.serving().await;
    end(first).await;
    let (file, away) = (folder.path().join("t.key"), folder.path().join("away"));
    std::fs::rename(&file, &away).expect("the master key is beside the database");
    let said = refused(Process::spawn(folder.path(), "second", &["serve"], &settings)).await;
    assert!(said.contains("master key") && said.contains("t.key"), "{said}");
    assert!(said.contains("put it back"), "it says what to do: {said}");
    assert!(!file.exists(), "no other key was made");
    std::fs::rename(&away, &file).expect("put back");
    let mut third = Process::spawn(folder.path(), "third", &["serve"], &settings);
    third.serving().await;
    end(third).await;
}

#[tokio::test]
async fn every_wrong_setting_is_told_at_once_and_no_value() {
    let folder = TempDir::new().expect("a folder");
    let settings = free(&[
        database(folder.path()),
        ("GRPC__LISTN", "127.0.0.1:0".to_owned()),
        ("APNS__CONNECTIONS_MAX", "0".to_owned()),
        ("SECURITY__BOOTSTRAP_KEY", "hunter2".to_owned()),
        ("NOTHING__AT_ALL", "hunter3".to_owned()),
    ]);
    let said = refused(Process::spawn(folder.path(), "server", &["serve"], &settings)).await;
    let wrong = ["grpc.listn", "apns.connections_max", "security.bootstrap_key", "nothing"];
    for setting in wrong {
        assert!(said.contains(setting), "{setting} is not told:\n{said}");
    }
    assert!(!said.contains("hunter"), "a value is told: {said}");
    assert!(!folder.path().join("t.db").exists(), "nothing was made");
}
