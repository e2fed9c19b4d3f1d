//! The registrations that FCM knows: whose they are, of which project, and whether they are still good.
//!
//! May import `fcm::refusal`. A dead registration stays dead; a value is never given out twice.

use super::refusal::Refusal;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// An installation id: 22 digits of base64url.
const FID_BYTES: usize = 22;
/// What stands between the installation id and the rest of a registration token.
const TOKEN_MARK: &str = ":APA91b";
/// The rest of a registration token.
const TOKEN_REST_BYTES: usize = 134;
const TOKEN_BYTES_MAX: usize = 4_096;

/// A registration as FCM knows it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The Firebase project.
    pub(crate) project_id: Arc<str>,
    /// The app.
    pub(crate) package_name: Arc<str>,
    /// Its phone.
    pub(crate) phone_id: Arc<str>,
    /// It is answered with `UNREGISTERED`.
    pub(crate) dead: bool,
}

/// What a message wants of a registration.
pub(crate) struct Use<'a> {
    /// The project of the path.
    pub(crate) project_id: &'a str,
    /// It is named as an installation id.
    pub(crate) is_fid: bool,
    /// The app that the message is only for.
    pub(crate) package_name: Option<&'a str>,
}

/// All registrations.
pub(crate) struct Registry {
    entries: HashMap<String, Entry>,
    entries_max: usize,
}

impl Registry {
    /// No registrations.
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::new(), entries_max }
    }

    /// Gives out a registration token of an installation, or its id itself; none if there are too many.
    pub(crate) fn issue(&mut self, entry: Entry, fid: &str, as_fid: bool) -> Option<String> {
        if self.entries.len() >= self.entries_max {
            return None;
        }
        let value = if as_fid { fid.to_owned() } else { new_token(fid) };
        self.entries.insert(value.clone(), entry);
        Some(value)
    }

    /// Kills a registration; false if there is none of that value.
    pub(crate) fn kill(&mut self, value: &str) -> bool {
        self.entries.get_mut(value).map(|entry| entry.dead = true).is_some()
    }

    /// The phone whose registration it is, dead or alive.
    pub(crate) fn phone_of(&self, value: &str) -> Option<Arc<str>> {
        self.entries.get(value).map(|entry| Arc::clone(&entry.phone_id))
    }

    /// Judges whether a registration is good for what a message wants. `token` may name an installation id too.
    pub(crate) fn judge(&self, value: &str, wanted: &Use<'_>) -> Result<Entry, Refusal> {
        let shaped = is_fid(value) || (!wanted.is_fid && is_token(value));
        if !shaped {
            return Err(Refusal::not_a_registration());
        }
        let unregistered = || Refusal::of_code(404, "UNREGISTERED");
        let entry = self.entries.get(value).ok_or_else(unregistered)?;
        if *entry.project_id != *wanted.project_id {
            return Err(Refusal::of_code(403, "SENDER_ID_MISMATCH"));
        }
        if entry.dead {
            return Err(unregistered());
        }
        if wanted.package_name.is_some_and(|name| *entry.package_name != *name) {
            let field = "message.android.restricted_package_name";
            let description = "The registration token does not belong to that package.";
            return Err(Refusal::invalid(field, description));
        }
        Ok(entry.clone())
    }
}

/// A new installation id.
pub(crate) fn new_fid() -> String {
    let mut fid = letters(FID_BYTES);
    // The first four bits of an installation id say that it is one.
    fid.replace_range(..1, "d");
    fid
}

fn new_token(fid: &str) -> String {
    format!("{fid}{TOKEN_MARK}{}", letters(TOKEN_REST_BYTES))
}

fn letters(count: usize) -> String {
    let mut letters = String::new();
    while letters.len() < count {
        letters.push_str(&Uuid::new_v4().simple().to_string());
    }
    letters.truncate(count);
    letters
}

fn is_legal(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn is_fid(value: &str) -> bool {
    value.len() == FID_BYTES && is_legal(value)
}

fn is_token(value: &str) -> bool {
    let parts = value.split_once(TOKEN_MARK);
    value.len() <= TOKEN_BYTES_MAX
        && parts.is_some_and(|(fid, rest)| is_fid(fid) && !rest.is_empty() && is_legal(rest))
}
