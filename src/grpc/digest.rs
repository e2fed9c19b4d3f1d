//! The digest of a request: equal for equal requests, whatever bytes they came as.
//!
//! Works on the decoded message, written again in the one way that prost writes it: fields by number, and the only map
//! of the contract, the fields of a `Struct`, sorted by key. What the caller does not mean as part of the request
//! (`request_id`, the page fields) must be cleared before.

use prost::Message;
use ring::digest::{SHA256, digest};

/// SHA-256 over the canonical encoding.
pub fn request_digest(request: &impl Message) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, &request.encode_to_vec()).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::UpdateActivityRequest;

    /// `content_state` with two fields, in either order, as a client may write them.
    fn encoded(gate_first: bool) -> Vec<u8> {
        let entry = |key: &str, value: f64| {
            let value = prost_types::Value::from(value).encode_to_vec();
            let mut entry = vec![0x0a, u8::try_from(key.len()).expect("short")];
            entry.extend(key.as_bytes());
            entry.extend([0x12, u8::try_from(value.len()).expect("short")]);
            entry.extend(value);
            let mut field = vec![0x0a, u8::try_from(entry.len()).expect("short")];
            field.extend(entry);
            field
        };
        let (gate, delay) = (entry("gate", 12.0), entry("delay", 20.0));
        let content = if gate_first { [gate, delay].concat() } else { [delay, gate].concat() };
        let mut request = vec![0x22, u8::try_from(content.len()).expect("short")];
        request.extend(content);
        request
    }

    #[test]
    fn the_order_of_map_entries_on_the_wire_does_not_matter() {
        let (one, other) = (encoded(true), encoded(false));
        assert_ne!(one, other);
        let read = |bytes: &[u8]| UpdateActivityRequest::decode(bytes).expect("a request");
        assert_eq!(read(&one).content_state.expect("content").fields.len(), 2);
        assert_eq!(request_digest(&read(&one)), request_digest(&read(&other)));
    }

    #[test]
    fn another_value_gives_another_digest() {
        let request = |json: &str| UpdateActivityRequest {
            content_state_json: Some(json.to_owned()),
            ..UpdateActivityRequest::default()
        };
        assert_ne!(request_digest(&request("{}")), request_digest(&request("{ }")));
        assert_ne!(
            request_digest(&request("")),
            request_digest(&UpdateActivityRequest::default()),
            "an empty optional field differs from an absent one"
        );
    }
}
