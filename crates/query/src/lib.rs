//! The answer: SQL over the lake behind the policy barrier.
