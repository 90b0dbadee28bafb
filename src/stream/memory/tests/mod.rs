//! What the in-memory log promises, each promise by a test that names it.
