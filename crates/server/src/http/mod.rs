//! What a program sends and gets.

mod body;
mod listen;
mod problem;
