//! Bodies of answers, read up to a bound.
//!
//! May import nothing of ours. Whatever a peer sends and however slowly, what is kept of it is small, and the time that
//! it may take is that of its request.

use reqwest::Response;

/// The most of a body that is read.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// The beginning of the body; what came of it where it broke off.
pub(super) async fn read(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = BODY_BYTES_MAX - body.len();
        body.extend(chunk.iter().take(room));
        if body.len() >= BODY_BYTES_MAX {
            break;
        }
    }
    body
}
