//! The barrier on SQLite, PostgreSQL, MariaDB and Redis: real servers, each test in a database of its own.

mod bench;
mod handlers;
mod message;
mod order;
mod place;
mod redis;
mod tables;
mod together;
