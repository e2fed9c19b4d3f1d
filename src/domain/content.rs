//! Content: a JSON object as text, kept byte for byte.
use std::sync::Arc;
/// x
#[derive(Clone)]
pub struct Content(Arc<str>);
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content")
    }
}
