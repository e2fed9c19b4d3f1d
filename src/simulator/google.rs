//! What a test does with Google's side of the simulator.
//!
//! May import `proto` and the rest of `simulator`.

use super::fcm::TOKEN_PATH;
use super::fcm::registry::{Entry, new_fid};
use super::{Phone, Refusal, Simulator};
use crate::proto::simulator_v1::{FcmSend, ListFcmSendsRequest, PhoneSpec};
use std::net::SocketAddr;
use std::sync::Arc;

/// The project whose service account is there from the beginning.
pub(super) const FIRST_PROJECT: &str = "simulated-project";

impl Simulator {
    /// FCM with TLS: HTTP/2, or HTTP/1.1 for who does not offer it.
    pub fn fcm_url(&self) -> String {
        format!("https://{}", self.fcm)
    }

    /// FCM without TLS: HTTP/1.1, or HTTP/2 with prior knowledge.
    pub fn fcm_plain_url(&self) -> String {
        format!("http://{}", self.fcm)
    }

    /// Where access tokens are given out, without TLS: clients of Google's trust public certificates only.
    pub fn fcm_token_url(&self) -> String {
        token_url(self.fcm)
    }

    /// The key file of the first project's service account.
    pub fn service_account_json(&self) -> &str {
        &self.service_account
    }

    /// The first project.
    pub fn project_id(&self) -> &'static str {
        FIRST_PROJECT
    }

    /// Makes another service account and returns its key file; a project is made with its first account.
    pub fn create_service_account(&self, project_id: &str) -> anyhow::Result<String> {
        self.hub.google.accounts().create(project_id, &self.fcm_token_url())
    }

    /// Gives a service account no access from now on; false if there is no such account.
    pub fn disable_service_account(&self, client_email: &str) -> bool {
        self.hub.google.accounts().disable(client_email)
    }

    /// Ends the life of every access token that was given out.
    pub fn expire_access_tokens(&self) {
        let now = self.hub.clock.now();
        self.hub.google.accounts().expire_all(now);
    }

    /// A registration of an app on a phone that nobody looks at: a token, or an installation id. None if there are too
    /// many.
    pub fn register_app(
        &self,
        project_id: &str,
        package_name: &str,
        installation_id: bool,
    ) -> Option<String> {
        let entry = Entry {
            project_id: Arc::from(project_id),
            package_name: Arc::from(package_name),
            phone_id: Arc::from(""),
            dead: false,
        };
        self.hub.google.registry().issue(entry, &new_fid(), installation_id)
    }

    /// Makes a phone with Android, such as API level 36 for Android 16, and launches its app. What else is said of
    /// Android in the specification stands.
    pub fn create_android_phone(
        &self,
        api_level: i32,
        mut spec: PhoneSpec,
    ) -> Result<Phone, Refusal> {
        spec.android.get_or_insert_default().api_level = api_level;
        self.create_phone(spec)
    }

    /// The messages that FCM received, oldest first, a page of them.
    pub fn fcm_sends(&self, request: &ListFcmSendsRequest) -> Vec<FcmSend> {
        self.hub.google.record().list(request)
    }

    /// How many messages FCM received.
    pub fn fcm_sends_received(&self) -> i64 {
        self.hub.google.record().received()
    }

    /// How often Google was asked for an access token.
    pub fn access_token_requests(&self) -> i64 {
        self.hub.google.record().access_token_requests()
    }
}

/// Where access tokens are given out.
pub(super) fn token_url(address: SocketAddr) -> String {
    format!("http://{address}{TOKEN_PATH}")
}
