//! Client, to come.
