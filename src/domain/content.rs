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
impl Content {
    /// Content that was accepted before, as the store kept it.
    pub fn from_stored(text: String) -> Content {
        Content(text.into())
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
