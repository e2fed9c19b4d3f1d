//! The body of a push: the shared message with the target of one device.
//!
//! May import the provider's types. Whatever a device registered as its token, it is one string of JSON in the body.

use super::{Push, Target};
use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};

/// The longest token that is sent; Google's have a few hundred characters.
const TOKEN_BYTES_MAX: usize = 4096;

/// The body; none where the token can be none, or the message is no object.
pub(super) fn body(push: &Push) -> Option<Bytes> {
    let (member, token): (_, &SecretString) = match &push.target {
        Target::Token(token) => ("token", token),
        Target::InstallationId(id) => ("fid", id),
    };
    let token = token.expose_secret();
    if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let rest = push.message.strip_prefix(b"{")?;
    let token = serde_json::to_string(token).ok()?;
    let mut body = format!("{{\"message\":{{\"{member}\":{token}").into_bytes();
    body.reserve(rest.len() + 2);
    if rest.trim_ascii_start() != b"}" {
        body.push(b',');
    }
    body.extend_from_slice(rest);
    body.push(b'}');
    Some(Bytes::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::DeviceKey;
    use serde_json::{Value, json};

    fn built(target: Target, message: &str) -> Option<Value> {
        let message = Bytes::copy_from_slice(message.as_bytes());
        let push = Push { index: 0, device: DeviceKey::generate(), target, message };
        body(&push).map(|body| serde_json::from_slice(&body).unwrap())
    }

    #[test]
    fn a_message_gets_the_target_of_its_device() {
        let message = r#"{"data":{"a":"b"}}"#;
        let token = built(Target::Token("fid:APA91b".into()), message);
        assert_eq!(
            token,
            Some(json!({ "message": { "token": "fid:APA91b", "data": { "a": "b" } } }))
        );
        let id = built(Target::InstallationId("cIdOfTwentyTwoLetters".into()), "{}");
        assert_eq!(id, Some(json!({ "message": { "fid": "cIdOfTwentyTwoLetters" } })));
    }

    #[test]
    fn a_token_cannot_add_anything_to_the_body() {
        let evil = r#"x","topic":"all"}, "validate_only": true, "#;
        let built = built(Target::Token(evil.into()), "{}");
        assert_eq!(built, Some(json!({ "message": { "token": evil } })));
    }

    #[test]
    fn what_can_be_no_token_and_no_message_is_not_sent() {
        assert_eq!(built(Target::Token("".into()), "{}"), None);
        assert_eq!(built(Target::Token("x".repeat(TOKEN_BYTES_MAX + 1).into()), "{}"), None);
        assert_eq!(built(Target::Token("x".into()), "[]"), None);
    }
}
