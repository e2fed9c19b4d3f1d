//! Content: a JSON object as text, kept byte for byte.
