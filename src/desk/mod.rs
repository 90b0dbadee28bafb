//! The desk: what operators reach over HTTP. It reads; it never touches an account.

pub mod http;
